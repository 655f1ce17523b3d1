"""Rows and measures of the disturbed diffusion."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from defectlab.data.surfaces import load
from defectlab.experiments.perturbation import (
    beside_real,
    mask_rows,
    opacity_rows,
    strength_curve,
    strength_rows,
    strengths_shown,
)
from defectlab.report.grids import sample_grid
from defectlab.synthesis.diffusion.settings import DiffusionSettings
from defectlab.synthesis.masks import PerlinMasks
from defectlab.synthesis.morphology import MorphedMasks
from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm
from defectlab.synthesis.perturbed.settings import PerturbedSettings

TINY = replace(
    DiffusionSettings.smoke(), size=32, channels=(8, 8), attention_at=(16,), timesteps=20, steps=2, beta_end=0.4
)


@pytest.fixture(scope="module")
def normals():
    return load("train", size=(32, 32), preset="anomaly", category="rolled", scale=0.02)


@pytest.fixture(scope="module")
def synthesizer(normals, tmp_path_factory):
    settings = PerturbedSettings(steps=4, batch_size=4)
    return PerturbedDdpm(TINY, settings, tmp_path_factory.mktemp("models"), device="cpu").fit(normals)


def test_a_row_shows_one_strength_and_a_column_one_draw(synthesizer):
    rows = strength_rows(synthesizer, (0.0, 0.5), n=6)  # more columns than a batch holds
    assert [row.title for row in rows] == ["s = 0", "s = 0.5"] and {len(row.images) for row in rows} == {6}
    np.testing.assert_array_equal(rows[0].images[5], synthesizer.abnormal([5], 0, [0.0])[0])
    assert (rows[0].images[2] != rows[1].images[2]).any()


def test_strengths_that_are_shown_hold_the_range_that_is_used(synthesizer, normals):
    assert strengths_shown((1.0, 6.0)) == (0.0, 0.5, 1.0, 3.5, 6.0, 12.0)
    assert strengths_shown((0.0, 0.0)) == (0.0,)
    shown = strengths_shown((0.1, 0.2))
    assert [row.title for row in strength_rows(synthesizer, n=1)] == [f"s = {s:g}" for s in shown]
    assert tuple(strength_curve(synthesizer, normals, n=1)["strength"]) == shown


def test_masks_of_each_source_are_named_by_their_draw():
    rows = mask_rows({"Perlin": PerlinMasks(), "eroded": MorphedMasks(PerlinMasks(), "erode")}, (32, 48), n=3)
    assert [row.title for row in rows] == ["Perlin", "eroded"]
    for one, two in zip(rows[0].images, rows[1].images, strict=True):
        assert one.shape == (32, 48) and not (two & ~one).any()
    assert all(name.startswith("perlin:") for row in rows for name in row.ids)


def test_opacity_rows_are_equation_three(synthesizer, normals):
    made = synthesizer.synthesize(normals, 3, seed=7)
    rows = opacity_rows(synthesizer, normals, made, opacities=(0.5, 1.0), n=2)
    for row in rows:
        image, source, mask, half, full = row.images
        np.testing.assert_array_equal(full[mask], source[mask])
        np.testing.assert_array_equal(full[~mask], image[~mask])
        middle = (image.astype(float) + source) / 2
        assert np.abs(half - middle)[mask].max() <= 1
    assert rows[0].ids == ("I", "P", "M", "A, δ = 0.5", "A, δ = 1")
    plot = sample_grid(rows)
    assert "2 rows" in plot.alt
    plt.close(plot.figure)


def test_synthetic_defects_stand_below_those_of_the_test(synthesizer, normals):
    test = load("test", size=(32, 32), preset="anomaly", category="rolled", scale=0.05)
    rows = beside_real(test, {"Diffusion": synthesizer.synthesize(normals, 3, seed=0)}, n=3)
    assert [row.title for row in rows] == ["Defects of the test", "Diffusion"]
    assert all(outline is not None and outline.any() for row in rows for outline in row.outlines)


def test_distance_grows_from_nothing_with_strength(synthesizer, normals):
    curve = strength_curve(synthesizer, normals, (0.0, 0.2, 2.0), n=3)
    assert curve["distance"].iloc[0] == 0 and curve["distance"].is_monotonic_increasing
    assert (curve["roughness"] > 0).all()
