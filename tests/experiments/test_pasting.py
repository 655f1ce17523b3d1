"""Perlin noise and pasted textures in numbers."""

import numpy as np
import pandas as pd
import pytest

from defectlab.experiments import pasting
from defectlab.synthesis.perlin import Perlin, draw_angles, perlin_noise

SIZE = (64, 48)


def test_the_fade_is_flat_and_unbent_at_both_ends():
    t, h = np.array([0.0, 1.0]), 1e-4
    assert pasting.fade(t).tolist() == [0, 1] and pasting.fade(np.array(0.5)) == 0.5
    first = (pasting.fade(t + h) - pasting.fade(t - h)) / (2 * h)
    second = (pasting.fade(t + h) - 2 * pasting.fade(t) + pasting.fade(t - h)) / h**2
    assert np.abs(first).max() < 1e-6 and np.abs(second).max() < 1e-2


def test_the_derived_deviation_is_the_measured_one():
    frame = pasting.deviation_along_diagonal(3000, seed=0, points=9)
    table = frame.pivot(index="offset", columns="kind", values="deviation")
    assert (table["measured"] - table["derived"]).abs().max() < 0.02
    assert table["derived"].iloc[0] == 0
    assert table.loc[0.5, "derived"] == pytest.approx((1 / 8) ** 0.5)


def test_a_law_keeps_its_empty_masks_when_it_is_measured():
    frame = pasting.mask_law(Perlin(exponents=(0, 1), threshold=0.7), 60, SIZE, seed=0)
    assert frame["empty"].any() and (frame["area"] == 0).equals(frame["empty"])
    assert set(frame["cells_down"]) == {1}
    shares = pasting.areas(frame, "high")
    assert len(shares) == int((~frame["empty"]).sum()) and shares["share"].iloc[-1] == 1


def test_lower_thresholds_make_larger_masks():
    area = [pasting.mask_law(Perlin(threshold=t), 60, SIZE, seed=0)["area"].mean() for t in (0.2, 0.5)]
    assert area[0] > 2 * area[1]


def test_turned_masks_avoid_the_ends_of_a_tall_image():
    place = pasting.place_of_masks(Perlin(threshold=0.2), 300, (96, 32), seed=0)[..., 0].astype(float)
    assert place[:8].mean() < 0.7 * place[44:52].mean()


def test_pictures_and_lattices():
    assert pasting.as_picture(np.array([[-1.0, 0.0, 1.0]]))[0, :, 0].tolist() == [0, 128, 255]
    coarse, fine = pasting.lattices([2, 16], 64, seed=0)
    assert coarse.shape == (64, 64)
    assert np.abs(np.diff(fine)).mean() > 3 * np.abs(np.diff(coarse)).mean()


def test_nothing_changes_outside_the_mask_and_more_changes_at_higher_opacity():
    law = Perlin(threshold=0.2)
    for seed in range(5):
        assert pasting.outside_is_untouched(*pasting.ingredients(SIZE, law, seed), opacity=0.7)
    frame = pasting.visible([0.1, 1.0], [0, 10], SIZE, law, n=2, seed=0)
    table = frame.pivot(index="opacity", columns="by more than", values="share")
    assert (table.loc[1.0] >= table.loc[0.1]).all()
    assert (table["0 grey levels"] >= table["10 grey levels"]).all()


def test_the_noise_of_a_cell_corner_by_corner_is_that_of_the_fast_one():
    angles = draw_angles(np.random.default_rng(4), (1, 1))
    u, v = np.meshgrid(np.arange(8) / 8, np.arange(12) / 12, indexing="ij")
    assert np.allclose(pasting.noise_of_a_cell(angles, u, v), perlin_noise(angles, 8, 12), atol=1e-6)


def test_equal_slopes_cancel_in_the_middle_and_slopes_towards_it_give_one():
    middle = np.array(0.5)
    grid = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    for angle in (0.0, 0.7, np.pi / 4):
        equal = np.full((2, 2), angle)
        assert pasting.noise_of_a_cell(equal, middle, middle) == pytest.approx(0, abs=1e-12)
        assert pasting.noise_of_a_cell(equal, *grid).max() < 0.294
    towards = np.pi / 4 * np.array([[1, 7], [3, 5]])  # from the four corners, down being zero and across a quarter turn
    assert pasting.noise_of_a_cell(towards, middle, middle) == pytest.approx(1)


def test_fewer_cells_exceed_a_higher_threshold_and_none_exceeds_one():
    shares = [pasting.cells_above(threshold, 200, seed=0) for threshold in (0.0, 0.3, 0.7, 1.0)]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.9 and shares[-1] == 0


def test_the_table_of_empty_masks_says_how_many_were_drawn_and_leaves_no_gap():
    masks = pd.DataFrame({"cells_down": [1, 1, 2], "cells_across": [1, 1, 4], "empty": [True, False, False]})
    table = pasting.empty_by_lattice(masks)
    assert list(table.columns) == ["cells down", "1 across", "2 across", "4 across"]
    assert table.iloc[0].tolist() == [1, "0.50 of 2", "–", "–"]
    assert table.iloc[1].tolist() == [2, "–", "–", "0.00 of 1"]


def test_quantiles_of_areas_leave_empty_masks_out_and_a_law_of_empty_ones_has_none():
    areas = [0.0, 0.1, 0.2, 0.3]
    masks = pd.DataFrame({"area": areas, "empty": [True, False, False, False]})
    table = pasting.area_quantiles({"some": masks, "never": masks[masks["empty"]]})
    assert table.iloc[0].tolist() == ["some", 3, "0.11", "0.2", "0.29", "2.6"]  # 0.1 and 0.3, a tenth of a step inwards
    assert table.iloc[1].tolist() == ["never", 0, "–", "–", "–", "–"]


def test_cutting_darkens_by_half_a_level_and_rounding_does_not(monkeypatch):
    frame = pasting.shift_of_cutting([0.0, 0.3, 0.6, 1.0], SIZE, Perlin(threshold=0.2), n=3, seed=0)
    shift = frame.pivot(index="opacity", columns="fractions", values="shift")
    assert shift.loc[[0.0, 1.0]].abs().max().max() < 1e-6  # nothing to cut
    # fractions are tenths, then fifths, all alike often: the mean of what is cut off is .45, then .4
    assert np.allclose(shift.loc[[0.3, 0.6], "cut off, as MemSeg does"], [-0.45, -0.4], atol=0.02)
    assert shift["rounded"].abs().max() < 0.05
    flat = np.full((4, 4, 3), 100, np.uint8)
    pair = (flat, flat + np.uint8(3), np.ones((4, 4), bool))  # 100 + .3 times 3 is 100.9
    monkeypatch.setattr(pasting, "ingredients", lambda *given: pair)
    by_hand = pasting.shift_of_cutting([0.3], (4, 4), Perlin(), n=1, seed=0)
    assert by_hand["shift"].tolist() == pytest.approx([-0.9, 0.1])


def test_the_grain_is_the_deviation_of_the_noise_of_a_pixel(monkeypatch):
    rng = np.random.default_rng(0)
    noisy = np.clip(rng.normal(128, 5, (96, 96, 3)), 0, 255).round().astype(np.uint8)
    monkeypatch.setattr(pasting, "ingredients", lambda *given: (noisy, noisy, noisy))
    assert pasting.grain((96, 96), 2, seed=0) == pytest.approx(5, rel=0.03)
