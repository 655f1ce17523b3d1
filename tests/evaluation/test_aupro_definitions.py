"""The other numbers called AUPRO, each beside its form written out threshold by threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from naive_localisation import aupro as naive_aupro
from naive_localisation import curve, stretched_aupro
from scipy.ndimage import grey_dilation
from small_maps import category, tied_maps

from defectlab.evaluation.aupro import aupro
from defectlab.evaluation.aupro_definitions import DEFINITIONS, aupro_by_definition, aupro_by_every_definition


def test_the_metric_comes_first_and_is_the_default():
    masks, scores = category()
    values = aupro_by_every_definition(masks, scores)
    assert list(values) == list(DEFINITIONS) and next(iter(values)) == "mvtec_ad"
    assert values["mvtec_ad"] == aupro_by_definition(masks, scores) == aupro(masks, scores)


@settings(deadline=None, max_examples=25)
@given(tied_maps(max_images=3, side=6))
def test_small_tied_maps_equal_the_forms_written_out(maps):
    masks, scores = maps
    values = aupro_by_every_definition(masks, scores)
    assert values["four_connected"] == pytest.approx(naive_aupro(masks, scores, connectivity=4), abs=1e-12)
    assert values["no_limit"] == pytest.approx(naive_aupro(masks, scores, 1.0), abs=1e-12)
    assert values["pooled_200"] == pytest.approx(stretched_aupro(masks, scores), abs=1e-9, nan_ok=True)


def test_rd4ad_is_the_mean_over_defective_images():
    masks, scores = category(6)
    each = [stretched_aupro(masks[i : i + 1], scores[i : i + 1].astype(float)) for i in range(0, 6, 2)]
    assert aupro_by_definition(masks, scores, "rd4ad") == pytest.approx(np.mean(each), abs=1e-9)


def test_glass_dilates_the_decision_and_gains_by_it():
    masks, scores = category(4, 24, dtype=np.float64)
    dilated = np.stack([grey_dilation(score, (5, 5), mode="nearest") for score in scores])
    expected = stretched_aupro(masks, scores, overlapping=dilated, shifted=True)
    assert aupro_by_definition(masks, scores, "glass") == pytest.approx(expected, abs=1e-9)
    assert expected > aupro_by_definition(masks, scores, "pooled_200") + 0.03


def test_mvtec_3d_samples_a_hundred_normal_pixels():
    masks, scores = category(4, 24, dtype=np.float64)
    normal = np.sort(scores[~masks])
    places = [int(p) for p in np.linspace(0, len(normal) - 1, 100)][::-1]
    _, pro = curve(masks, scores, normal[places], strict=True)
    fpr = [1 - (p + 1) / len(normal) for p in places] + [1.0]
    grid = np.linspace(0, 0.3, 30001)
    expected = np.trapezoid(np.interp(grid, fpr, np.append(pro, 1.0)), grid) / 0.3
    assert aupro_by_definition(masks, scores, "mvtec_3d") == pytest.approx(expected, abs=1e-6)


def test_on_a_category_they_differ_as_they_are_known_to():
    masks, scores = category(20, 64, strength=3.0)
    values = aupro_by_every_definition(masks, scores)
    assert values["no_limit"] > values["mvtec_ad"] + 0.02
    assert values["glass"] > values["mvtec_ad"] + 0.02
    assert abs(values["mvtec_3d"] - values["mvtec_ad"]) < 0.02


def test_a_form_that_divides_by_no_false_positive_gives_nan():
    masks = np.zeros((1, 4, 4), dtype=bool)
    masks[0, 1, 1] = True
    values = aupro_by_every_definition(masks, masks.astype(float))
    assert np.isnan(values["pooled_200"]) and np.isnan(values["rd4ad"])
    assert values["mvtec_ad"] == 1.0


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="unknown definition of AUPRO 'rd4add'; did you mean 'rd4ad'. Known: mvtec_ad"):
        aupro_by_definition(*category(2), "rd4add")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_unfit_maps_are_named_by_every_definition(name):
    masks, scores = category(2)
    with pytest.raises(ValueError, match="masks hold no defect pixel"):
        aupro_by_definition(masks & False, scores, name)
    with pytest.raises(ValueError, match="masks hold no normal pixel"):
        aupro_by_definition(masks | True, scores, name)
    with pytest.raises(ValueError, match="scores must be finite"):
        aupro_by_definition(masks, scores * np.nan, name)
