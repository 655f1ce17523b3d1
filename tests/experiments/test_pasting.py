"""Perlin noise and pasted textures in numbers."""

import numpy as np
import pytest

from defectlab.experiments import pasting
from defectlab.synthesis.perlin import Perlin

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
