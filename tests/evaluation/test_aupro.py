"""AUPRO: numbers by hand, a form written out threshold by threshold, ties, and what the value must not depend on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_localisation import aupro as naive_aupro
from naive_localisation import curve as naive_curve
from small_maps import category, tied_maps

from defectlab.evaluation.aupro import area_under_pro, aupro, pro_curve
from defectlab.evaluation.pixel_table import pixel_table
from defectlab.evaluation.regions import label_regions, region_shares

limits = st.sampled_from([0.01, 0.05, 0.3, 0.5, 1.0])


def one_row(mask, scores):
    return np.array([[mask]], dtype=bool), np.array([[scores]], dtype=np.float64)


def test_a_case_by_hand():
    # ten normals 0 to 9; a region of two pixels at 9.5 and 7.5: overlap 1/2 from FPR 0, 1 from FPR 0.2 on
    masks, scores = one_row([1, 1] + 10 * [0], [9.5, 7.5, *range(10)])
    assert aupro(masks, scores) == pytest.approx((0.2 * 0.5 + 0.1 * 1) / 0.3)
    assert aupro(masks, scores, fpr_limit=0.2) == pytest.approx(0.5)
    assert aupro(masks, scores, fpr_limit=1.0) == pytest.approx(0.2 * 0.5 + 0.8)


def test_the_curve_is_cut_at_exactly_the_limit():
    # the defect ties with the two highest of four normals: a straight line from (0, 0) to (0.5, 1)
    masks, scores = one_row([1, 0, 0, 0, 0], [1, 1, 1, 0, 0])
    assert aupro(masks, scores, fpr_limit=0.3) == pytest.approx(0.3 * 0.6 / 2 / 0.3)
    assert aupro(masks, scores, fpr_limit=0.5) == pytest.approx(0.5)
    assert aupro(masks, scores, fpr_limit=1.0) == pytest.approx(0.75)


def test_regions_weigh_alike_whatever_their_size():
    # a region of four pixels found, one of a single pixel missed
    masks, scores = one_row([1, 1, 1, 1, 0, 1, 0, 0], [9, 9, 9, 9, 1, 0, 1, 1])
    assert aupro(masks, scores) == pytest.approx(0.5)


def test_regions_weigh_alike_whatever_their_image():
    # two regions found in the first image, one missed in the second: 2/3, not the mean of 1 and 0
    masks = np.array([[[1, 0, 1, 0]], [[0, 0, 0, 1]]], dtype=bool)
    scores = np.array([[[5, 1, 5, 1]], [[1, 1, 1, 0]]], dtype=float)
    assert aupro(masks, scores) == pytest.approx(2 / 3)


def test_pixels_that_touch_at_a_corner_are_one_region():
    mask = np.eye(4, dtype=bool)
    assert label_regions(mask)[1] == 1
    assert label_regions(mask, connectivity=4)[1] == 4
    positions, shares, count = region_shares(mask)
    assert (positions.tolist(), shares.tolist(), count) == ([0, 5, 10, 15], [0.25] * 4, 1)


def test_regions_of_neighbouring_images_never_join():
    masks = np.zeros((2, 2, 3), dtype=bool)
    masks[:, :, 0] = True
    assert pixel_table(masks, np.zeros(masks.shape)).n_regions == 2


def test_good_images_count_among_the_false_positives():
    masks, scores = category(6)
    with_good = aupro(masks, scores)
    masks, scores = np.concatenate([masks, masks * False]), np.concatenate([scores, scores + 100])
    assert aupro(masks, scores) == 0 < with_good


@settings(deadline=None, max_examples=60)
@given(tied_maps(), limits)
def test_small_tied_maps_equal_the_form_written_out(maps, limit):
    assert aupro(*maps, limit) == pytest.approx(naive_aupro(*maps, limit), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_category_equals_the_form_written_out(dtype):
    masks, scores = category(4, 24, dtype=dtype)
    assert aupro(masks, scores) == pytest.approx(naive_aupro(masks, scores), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(tied_maps(), st.sampled_from([lambda s: 3 * s - 1000, lambda s: s**3 + s, np.exp, np.arctan]), limits)
def test_a_strictly_monotone_transform_changes_nothing(maps, transform, limit):
    masks, scores = maps
    assert aupro(masks, transform(scores), limit) == aupro(masks, scores, limit)


@settings(deadline=None, max_examples=40)
@given(tied_maps(), st.randoms(use_true_random=False))
def test_the_order_of_the_images_changes_nothing(maps, random):
    masks, scores = maps
    order = random.sample(range(len(masks)), len(masks))
    assert aupro(masks[order], scores[order]) == pytest.approx(aupro(masks, scores), abs=1e-14)


@settings(deadline=None, max_examples=40)
@given(tied_maps())
def test_turning_and_mirroring_the_images_changes_nothing(maps):
    masks, scores = maps
    turned = masks.transpose(0, 2, 1)[:, ::-1], scores.transpose(0, 2, 1)[:, ::-1]
    assert aupro(*turned) == pytest.approx(aupro(masks, scores), abs=1e-14)


@settings(deadline=None, max_examples=40)
@given(tied_maps())
def test_the_curve_passes_through_the_points_of_every_threshold(maps):
    masks, scores = maps
    curve = pro_curve(masks, scores)
    assert (np.diff(curve.fpr) >= 0).all() and (np.diff(curve.pro) >= 0).all()
    assert (curve.fpr[0], curve.pro[0], curve.fpr[-1], curve.pro[-1]) == (0, 0, 1, 1)
    for fpr, pro in zip(*naive_curve(masks, scores, np.unique(scores[masks])), strict=True):
        assert np.hypot(curve.fpr - fpr, curve.pro - pro).min() < 1e-12
    assert np.trapezoid(curve.pro, curve.fpr) == pytest.approx(aupro(masks, scores, 1.0), abs=1e-12)


def test_constant_scores_give_half_the_limit():
    masks, _ = category()
    assert aupro(masks, np.full(masks.shape, 7.0)) == pytest.approx(0.15)
    assert aupro(masks, np.full(masks.shape, 7.0), fpr_limit=1.0) == pytest.approx(0.5)


def test_perfect_and_reversed_maps_reach_the_ends():
    masks, _ = category()
    assert aupro(masks, masks.astype(float)) == pytest.approx(1.0, abs=1e-14)
    assert aupro(masks, ~masks) == 0.0


def test_it_never_exceeds_one_for_odd_regions():
    rng = np.random.default_rng(0)
    masks = rng.random((3, 40, 40)) < 0.13
    assert aupro(masks, masks.astype(float)) == pytest.approx(1.0, abs=1e-12) and aupro(masks, masks * 1.0) <= 1.0


def test_the_head_alone_gives_the_same_as_every_pixel():
    masks, scores = category()
    scores = scores.round(1)
    for limit in (0.01, 0.1, 0.3, 0.9):
        assert aupro(masks, scores, limit) == pytest.approx(
            area_under_pro(pixel_table(masks, scores), limit), abs=1e-14
        )


def test_a_table_that_ends_before_the_limit_is_refused():
    with pytest.raises(ValueError, match="ends at a false positive rate of 0.1, before the limit 0.3"):
        area_under_pro(pixel_table(*category(), max_fpr=0.1))


def test_images_of_different_sizes_tensors_and_half_precision_are_read_alike():
    masks, scores = category(4)
    scores = scores.astype(np.float16)
    expected = aupro(masks, scores.astype(np.float64))
    assert aupro(torch.from_numpy(masks), torch.from_numpy(scores).requires_grad_()) == expected
    assert aupro(list(masks * np.uint8(255)), [torch.from_numpy(s) for s in scores]) == expected
    cut = [mask[i:] for i, mask in enumerate(masks)], [score[i:] for i, score in enumerate(scores)]
    assert aupro(*cut) == pytest.approx(naive_aupro(*cut), abs=1e-12)


def test_the_inputs_stay_as_they_were():
    masks, scores = category(4)
    before = masks.copy(), scores.copy()
    aupro(masks, scores)
    aupro(masks[:1], scores[:1])
    np.testing.assert_array_equal(masks, before[0])
    np.testing.assert_array_equal(scores, before[1])


def test_bfloat16_tensors_keep_their_values():
    masks, scores = category(4)
    rounded = torch.from_numpy(scores).bfloat16()
    assert aupro(masks, rounded) == aupro(masks, rounded.float())


ONE = np.ones((1, 2, 2), dtype=bool)


@pytest.mark.parametrize(
    ("masks", "scores", "error", "message"),
    [
        (~ONE, ONE * 1.0, ValueError, "masks hold no defect pixel in any image"),
        (ONE, ONE * 1.0, ValueError, "masks hold no normal pixel in any image"),
        (ONE, ONE * np.nan, ValueError, "finite, got nan at image 0, row 0, column 0: did training diverge"),
        (ONE, ONE * np.inf, ValueError, "finite, got inf at image 0"),
        (ONE * 2, ONE * 1.0, ValueError, "image 0: mask must hold 0 .* and one of 1 or 255 .*, got np.int64\\(2\\)"),
        (np.array([[[0, 1, 255]]]), np.ones((1, 1, 3)), ValueError, "one of 1 or 255"),
        (ONE * 0.5, ONE * 1.0, ValueError, "mask must hold 0"),
        (ONE, np.ones((1, 2, 3)), ValueError, r"mask \(2, 2\) and scores \(2, 3\) differ in shape; bring the map"),
        (ONE, np.ones((2, 2, 2)), ValueError, "same n >= 1 images, got 1, 2"),
        (
            ONE[:, None],
            np.ones((1, 1, 2, 2)),
            ValueError,
            r"masks must have shape \(n, H, W\), got \(1, 1, 2, 2\).*\[:, 0\]",
        ),
        (ONE[0], np.ones((2, 2)), ValueError, r"one image is masks\[None\]"),
        ([], [], ValueError, "same n >= 1 images, got 0, 0"),
        (
            [ONE],
            [np.ones((1, 2, 2))],
            ValueError,
            r"masks: image 0 must have shape \(H >= 1, W >= 1\), got \(1, 2, 2\)",
        ),
        (np.ones((1, 0, 2)), np.ones((1, 0, 2)), ValueError, "image 0 must have shape"),
        (ONE, ONE * 1j, TypeError, "scores must be arrays of real numbers, got ndarray of dtype complex128"),
        (ONE, ["map.png"], TypeError, "scores must be arrays of real numbers, got str"),
    ],
)
def test_unfit_input_is_named(masks, scores, error, message):
    with pytest.raises(error, match=message):
        aupro(masks, scores)


@pytest.mark.parametrize("limit", [0, -0.1, 1.5, float("nan"), 30])
def test_a_limit_that_is_no_rate_is_named(limit):
    with pytest.raises(ValueError, match=r"fpr_limit must lie in \(0, 1\], got"):
        aupro(*category(2), fpr_limit=limit)


def test_an_unknown_connectivity_is_named():
    with pytest.raises(ValueError, match="connectivity must be 4 or 8, got 6"):
        label_regions(ONE[0], 6)
