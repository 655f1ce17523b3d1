"""Rendering: exact masks at any severity, contrast that rises with severity, regions and strokes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from defectlab.data.surfaces.defects import LOOKS, make_change
from defectlab.data.surfaces.materials import MATERIALS, make_surface
from defectlab.data.surfaces.noise import field, fractal, grains, streaks
from defectlab.data.surfaces.regions import REGIONS, region_of
from defectlab.data.surfaces.render import (
    FAINT,
    REACH,
    amplitude,
    defect_layer,
    feather,
    make_scene,
    render_defect,
    texture_contrast,
)
from defectlab.data.surfaces.strokes import resample, stroke, taper

CASES = [(defect, look) for defect, looks in LOOKS.items() for look in looks]


def rendered(defect, look, severity, seed=0, material="stone", size=(64, 72)):
    rng = np.random.default_rng(seed)
    scene = make_scene(rng, *size, material)
    region = REGIONS["blob"](rng, *size)
    return scene, region, render_defect(np.random.default_rng([seed, 1]), scene, defect, region, look, severity)


@pytest.mark.parametrize(("defect", "look"), CASES)
@pytest.mark.parametrize("severity", [0.0, 0.4, 1.0])
def test_the_image_is_clean_outside_an_exact_mask_that_is_never_empty(defect, look, severity):
    for seed in range(3):
        _, region, drawn = rendered(defect, look, severity, seed)
        assert drawn.mask.any() and drawn.mask.dtype == bool
        np.testing.assert_array_equal(drawn.image[~drawn.mask], drawn.clean[~drawn.mask])
        assert not (drawn.mask & ~region.mask).any()


@pytest.mark.parametrize(("defect", "look"), CASES)
def test_a_greater_severity_stands_out_more(defect, look):
    changes = []
    for severity in (0.0, 0.25, 0.5, 0.75, 1.0):
        _, _, drawn = rendered(defect, look, severity, seed=2)
        changes.append(np.abs(drawn.image.astype(int) - drawn.clean).sum())
    assert changes == sorted(changes) and changes[0] > 0
    if defect not in ("stain", "corrosion"):  # these keep their colour at any severity
        assert changes[-1] > 2 * changes[1]


@pytest.mark.parametrize("defect", LOOKS)
def test_a_severe_defect_is_seen_in_its_mask(defect):
    _, _, drawn = rendered(defect, LOOKS[defect][0], 1.0, seed=1)
    assert np.abs(drawn.image.astype(int) - drawn.clean)[drawn.mask].mean() > 8


@pytest.mark.parametrize(("defect", "look"), CASES)
def test_the_layer_is_a_shape_times_its_contrast_and_zero_outside_the_region(defect, look):
    rng = np.random.default_rng(3)
    scene, region = make_scene(rng, 64, 64, "cast"), REGIONS["ellipse"](rng, 64, 64)
    change = make_change(rng, defect, region, look)
    one, three = (defect_layer(scene, change, region, contrast) for contrast in (1.0, 3.0))
    np.testing.assert_allclose(three, 3 * one, rtol=1e-5, atol=1e-7)
    assert not one[~region.mask].any()
    assert np.abs(one).max() <= 2.0001 * scene.contrast


def test_amplitude_goes_from_faint_to_its_reach():
    assert amplitude("crack", 0) == FAINT == 0.5
    assert amplitude("stain", 1) == 0.5 + 3.0
    assert all(REACH[defect] > 0 for defect in LOOKS)


def test_the_contrast_of_a_flat_surface_is_the_floor_and_an_edge_does_not_count():
    flat = np.full((64, 64), 0.5, np.float32)
    assert texture_contrast(flat) == pytest.approx(0.03)
    noisy = flat + 0.04 * np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    with_edge = noisy.copy()
    with_edge[:, :4] = 0
    assert texture_contrast(noisy) == pytest.approx(0.05, rel=0.05)
    assert texture_contrast(with_edge) < 1.6 * texture_contrast(noisy)


def test_a_feather_rises_from_the_rim_and_not_from_the_border_of_the_image():
    mask = np.zeros((40, 40), bool)
    mask[10:30, :] = True
    weight = feather(region_of(mask))
    assert not weight[~mask].any() and weight[20, 0] == weight[20, 20] == 1
    assert 0 < weight[10, 20] < weight[11, 20] < 1


def test_the_axis_of_a_region_is_its_principal_axis():
    mask = np.zeros((40, 60), bool)
    mask[18:22, 5:55] = True
    region = region_of(mask)
    np.testing.assert_allclose(np.sort(region.axis[:, 0]), [5, 54], atol=0.1)
    np.testing.assert_allclose(region.axis[:, 1], 19.5, atol=0.1)
    assert region.radius == pytest.approx(2, abs=0.2)


def test_a_region_of_one_pixel_is_enough_and_none_is_too_few():
    mask = np.zeros((8, 8), bool)
    with pytest.raises(ValueError, match="the mask is empty"):
        region_of(mask)
    mask[3, 4] = True
    assert region_of(mask).radius == 1 and region_of(mask).axis.shape == (2, 2)


@pytest.mark.parametrize("family", REGIONS)
def test_regions_are_never_empty_and_of_any_shape(family):
    for seed in range(20):
        region = REGIONS[family](np.random.default_rng(seed), 40, 70)
        assert region.mask.shape == (40, 70) and region.mask.any()
        assert np.array_equal(region.depth > 0, region.mask)


@pytest.mark.parametrize("material", MATERIALS)
def test_materials_are_surfaces_of_any_size_that_differ_by_seed(material):
    one, two = (make_surface(np.random.default_rng(seed), 33, 50, material) for seed in (0, 1))
    for surface in (one, two):
        assert surface.height.shape == surface.albedo.shape == (33, 50)
        assert surface.height.dtype == surface.albedo.dtype == np.float32
        assert np.isfinite(surface.albedo).all() and 0 <= surface.gloss <= 1
    assert (one.albedo != two.albedo).any()


def test_unknown_materials_defects_and_looks_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown material 'gold'; known: brushed, rolled"):
        make_surface(rng, 32, 32, "gold")
    with pytest.raises(ValueError, match="unknown defect 'dent' or look 'square'; known: .*dent: round, long, double"):
        make_change(rng, "dent", REGIONS["box"](rng, 32, 32), "square")


@pytest.mark.parametrize("shape", [fractal(1.0), fractal(0.0, 20), grains(3), streaks(0.3, 30, 1)])
def test_a_field_has_unit_deviation_and_about_no_mean(shape):
    drawn = field(np.random.default_rng(0), 101, 97, shape)
    assert drawn.shape == (101, 97) and drawn.dtype == np.float32
    assert drawn.std() == pytest.approx(1, abs=1e-3) and abs(drawn.mean()) < 0.2


def test_streaks_vary_across_and_not_along():
    drawn = field(np.random.default_rng(0), 128, 128, streaks(0.0, 60, 1))
    assert np.abs(np.diff(drawn, axis=1)).mean() < 0.1 * np.abs(np.diff(drawn, axis=0)).mean()


def test_a_stroke_covers_length_times_thickness_and_a_lifted_pen_nothing():
    path = np.array([[10, 20], [50, 20]], np.float32)
    line = stroke(40, 64, path, np.array([2.0, 2.0]))
    assert 40 * 2 <= line.sum() <= 42 * 3 and line.max() == 1
    assert not stroke(40, 64, path, np.zeros(2)).any()


def test_a_path_is_resampled_evenly_and_a_pen_is_thin_at_its_ends():
    path = resample(np.array([[0, 0], [10, 0], [10, 30]], np.float32), 2)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert len(path) == 21 and np.allclose(steps, 2, atol=0.6)
    pen = taper(np.random.default_rng(0), 50, 2.0, variation=0)
    assert pen[25] == 2.0 and pen[0] == pen[-1] == pytest.approx(2 * 0.15**0.7)
