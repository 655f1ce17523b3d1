"""Metrics in bounded memory: the exact value lies within the limits, and batches, order and workers cannot be seen."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_maps import category, tied_maps

from defectlab.evaluation.localisation import localisation_metrics
from defectlab.evaluation.score_histogram import ScoreHistogram
from defectlab.evaluation.streaming import StreamingLocalisation

PAIRS = (("auroc", "auroc"), ("average_precision", "average_precision"), ("aupro", "aupro"))


def streamed(masks, scores, batches=None, **options):
    stream = StreamingLocalisation(**options)
    for batch in [range(len(masks))] if batches is None else batches:
        stream.update([masks[i] for i in batch], [scores[i] for i in batch])
    return stream


def assert_within(report, exact):
    for bounded, number in [
        *((getattr(report, a), getattr(exact, b)) for a, b in PAIRS),
        (report.f1, exact.best_f1.f1),
    ]:
        assert bounded.lower <= number <= bounded.upper
        assert bounded.lower <= bounded.value <= bounded.upper
        assert abs(bounded.value - number) <= bounded.error


@settings(deadline=None, max_examples=60)
@given(
    tied_maps(), st.sampled_from([2, 3, 8, 1000]), st.sampled_from([0.05, 0.3, 1.0]), st.sampled_from([1e-9, 0.37, 1e7])
)
def test_the_exact_values_lie_within_the_limits(maps, bins, limit, scale):
    masks, scores = maps
    scores = np.sin(scores) * scale + scale
    assert_within(
        streamed(masks, scores, bins=bins, fpr_limit=limit).compute(), localisation_metrics(masks, scores, limit)
    )


@settings(deadline=None, max_examples=40)
@given(tied_maps())
def test_whole_numbers_that_fit_the_bins_give_the_exact_values(maps):
    report, exact = streamed(*maps, bins=64).compute(), localisation_metrics(*maps)
    assert report.aupro.value == pytest.approx(exact.aupro, abs=1e-12) and report.auroc.value == exact.auroc
    assert report.average_precision.value == pytest.approx(exact.average_precision, abs=1e-12)
    assert report.best_f1 == exact.best_f1


def test_the_default_bins_are_close_on_a_category():
    masks, scores = category()
    report, exact = streamed(masks, scores).compute(), localisation_metrics(masks, scores)
    assert_within(report, exact)
    assert max(report.auroc.error, report.aupro.error, report.average_precision.error, report.f1.error) < 1e-3
    assert abs(report.aupro.value - exact.aupro) < 1e-4
    assert (report.n_images, report.n_regions, report.n_defect) == (exact.n_images, exact.n_regions, exact.n_defect)


def test_more_bins_bring_the_limits_closer():
    errors = [streamed(*category(), bins=bins).compute().aupro.error for bins in (32, 256, 2048, 65536)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 20 * errors[-1]


@settings(deadline=None, max_examples=40)
@given(tied_maps(max_images=6), st.data())
def test_order_batches_and_workers_cannot_be_seen(maps, data):
    masks, scores = maps
    scores = scores.astype(np.float64) * np.logspace(-3, 3, len(masks))[:, None, None]
    order = data.draw(st.permutations(range(len(masks))))
    cut = data.draw(st.integers(0, len(masks)))
    together = streamed(masks, scores, bins=16)
    one_by_one = streamed(masks, scores, [[i] for i in order], bins=16)
    workers = streamed(masks, scores, [order[:cut]] if cut else [], bins=16)
    workers.merge(streamed(masks, scores, [order[cut:]] if cut < len(masks) else [], bins=16))
    for other in (one_by_one.histogram, workers.histogram):
        assert (other.resolution, other.low, other.high) == (together.histogram.resolution, scores.min(), scores.max())
        np.testing.assert_array_equal(other.normal, together.histogram.normal)
        np.testing.assert_array_equal(other.defects, together.histogram.defects)
        np.testing.assert_allclose(other.overlap, together.histogram.overlap, atol=1e-12)


@pytest.mark.parametrize("first", [0.0, 1e-300, -1e-30, 5.0, 1e300])
def test_a_constant_beginning_does_not_spoil_the_bins(first):
    masks, scores = category(4, dtype=np.float64)
    masks, scores = np.concatenate([masks[1:2] * False, masks]), np.concatenate([scores[:1] * 0 + first, scores])
    ahead, behind = streamed(masks, scores), streamed(masks[::-1], scores[::-1])
    np.testing.assert_array_equal(ahead.histogram.normal, behind.histogram.normal)
    assert_within(ahead.compute(), localisation_metrics(masks, scores))


def test_bins_are_powers_of_two_and_at_least_half_of_them_are_in_reach():
    histogram = ScoreHistogram(bins=100)
    score = np.array([[0.0, 1.0]])
    histogram.add(score > 0.5, score)
    assert histogram.resolution == 2.0**-6  # 1 / 64 gives 65 bins; 1 / 128 would need 129
    assert histogram.normal[0] == 1 and histogram.defects[64] == 1


def test_an_outlier_widens_the_limits_and_says_so():
    masks, scores = category(dtype=np.float64)
    usual = streamed(masks, scores).compute()
    scores[1, 0, 0] = 1e9
    spoilt = streamed(masks, scores).compute()
    assert spoilt.aupro.error > 0.05 > usual.aupro.error
    assert_within(spoilt, localisation_metrics(masks, scores))


def test_memory_stays_that_of_the_bins():
    stream = streamed(*category(), bins=512)
    before = sum(getattr(stream.histogram, name).nbytes for name in ("normal", "defects", "overlap"))
    stream.update(*category(seed=1))
    assert (
        before
        == sum(getattr(stream.histogram, name).nbytes for name in ("normal", "defects", "overlap"))
        == 3 * 8 * 512
    )


def test_constant_scores_stay_exact():
    masks, _ = category(4)
    report = streamed(masks, np.full(masks.shape, 0.1)).compute()
    assert (report.auroc.value, report.aupro.value) == (0.5, pytest.approx(0.15))
    assert (report.auroc.lower, report.auroc.upper) == (0.0, 1.0)


def test_a_bad_image_leaves_the_counts_as_they_were():
    masks, scores = category(4)
    stream = streamed(masks, scores)
    before = stream.compute()
    broken = scores.copy()
    broken[3, 0, 1] = math.nan
    with pytest.raises(ValueError, match="scores must be finite, got nan at image 3, row 0, column 1"):
        stream.update(masks, broken)
    assert stream.compute() == before


def test_nothing_to_find_and_nothing_to_mistake_are_named_at_the_end():
    masks, scores = category(4)
    stream = StreamingLocalisation()
    with pytest.raises(ValueError, match="masks hold no defect pixel"):
        stream.compute()
    stream.update(masks & False, scores)
    with pytest.raises(ValueError, match="masks hold no defect pixel"):
        stream.compute()
    with pytest.raises(ValueError, match="masks hold no normal pixel"):
        streamed(masks | True, scores).compute()


def test_unfit_arguments_are_named():
    with pytest.raises(ValueError, match="bins must be at least 2, got 1"):
        StreamingLocalisation(bins=1)
    with pytest.raises(ValueError, match=r"fpr_limit must lie in \(0, 1\], got 30"):
        StreamingLocalisation(fpr_limit=30)
    with pytest.raises(ValueError, match=r"differ in \(bins, connectivity\): \(8, 8\) and \(16, 8\)"):
        StreamingLocalisation(bins=8).merge(StreamingLocalisation(bins=16))
