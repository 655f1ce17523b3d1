"""Filling in: the exact conditional, guidance on a line, the easel, strokes on a grid of latents."""

import numpy as np
import pytest
import torch
from tiny_pocket import write_tiny_pocket

from defectlab.experiments import filling


def test_one_pass_of_replacement_is_off_and_resampling_mends_it():
    frame = filling.by_resamplings(0.8, 1.5, [1, 10], n=3000, seed=0).set_index("resamplings")
    assert frame.loc[1, "mean"] < 1.2 - 0.2
    assert frame.loc[10, "mean"] == pytest.approx(1.2, abs=0.08)
    assert frame.loc[10, "deviation"] == pytest.approx(0.6, abs=0.05)


def test_exact_steps_without_replacement_end_in_the_data():
    covariance = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    moved = torch.eye(2, dtype=torch.float64)  # covariance of x_T, nearly
    for t in reversed(range(len(filling.SCHEDULE))):
        pull, spread = filling.exact_step(covariance, t)
        moved = pull @ moved @ pull.T + spread @ spread.T
    assert torch.allclose(moved, covariance, atol=1e-3)


def test_without_correlation_nothing_can_be_said_of_the_second_number():
    drawn = filling.fill_by_replacement(0.0, 2.0, 1, 3000, seed=0)
    assert float(drawn.mean()) == pytest.approx(0, abs=0.08) and float(drawn.std()) == pytest.approx(1, abs=0.08)


def test_guidance_zero_is_the_mixture_one_the_class_and_more_is_narrower():
    drawn = {weight: filling.guided(weight, 2000, seed=0) for weight in (0, 1, 4)}
    assert float((drawn[0] < 0).double().mean()) == pytest.approx(0.3, abs=0.05)
    assert float(drawn[1].mean()) == pytest.approx(-1, abs=0.03)
    assert float(drawn[1].std()) == pytest.approx(0.15, abs=0.03)
    assert float(drawn[4].mean()) < float(drawn[1].mean()) - 0.02
    frame = filling.by_weight([1], 500, seed=0)
    assert frame["density"].sum() * 3.8 / 76 == pytest.approx(1)


@pytest.fixture(scope="module")
def easel(tmp_path_factory):
    model = write_tiny_pocket(tmp_path_factory.mktemp("models") / "tiny")
    return filling.Easel.set_up(str(model), "lines", seed=0, size=(64, 48))


def test_nothing_changes_outside_the_region_and_a_draw_repeats_itself(easel):
    first, again = (easel.paint("a dark crack", 2, num_inference_steps=1, severity=0.9) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert easel.change(first[0])[1] == 0
    assert easel.mask.any() and easel.pixels.shape == (64, 48, 3)


def test_a_sweep_has_a_row_and_a_picture_for_each_value(easel):
    frame = filling.sweep(easel, "a pore", "severity", [0.0, 1.0], 2, num_inference_steps=1)
    assert frame["value"].tolist() == [0.0, 1.0] and frame["outside"].tolist() == [0.0, 0.0]
    assert frame["inside"].iloc[1] > frame["inside"].iloc[0]
    assert frame["image"].iloc[0].shape == (64, 48, 3)


def test_an_unknown_source_of_masks_is_named():
    with pytest.raises(ValueError, match="line"):
        filling.Easel.set_up("", "linse", seed=0)


def test_thin_strokes_lose_latents_and_thick_ones_keep_them():
    frame = filling.strokes_left([1, 16], cell=8, n=20, seed=0).pivot(index="width", columns="kind", values="share")
    assert frame.loc[1, "nearest"] < 0.3 < 0.6 < frame.loc[16, "nearest"]
    assert (frame["area maximum"] == 1).all()
