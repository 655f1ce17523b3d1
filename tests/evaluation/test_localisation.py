"""Pixel metrics beside scikit-learn and torchmetrics, and beside the ranking metrics of the package."""

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_maps import category, tied_maps
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from defectlab.evaluation.aupro import aupro
from defectlab.evaluation.localisation import (
    area_under_roc,
    localisation_metrics,
    pixel_auroc,
    pixel_average_precision,
    pixel_best_f1,
)
from defectlab.evaluation.pixel_table import pixel_table
from defectlab.evaluation.ranking import auroc, average_precision
from defectlab.evaluation.thresholds import best_f1_on_test


@settings(deadline=None, max_examples=40)
@given(tied_maps())
def test_small_tied_maps_equal_scikit_learn(maps):
    labels, scores = (m.ravel() for m in maps)
    assert pixel_auroc(*maps) == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores), abs=1e-12)
    step = sklearn.metrics.average_precision_score(labels, scores)
    assert pixel_average_precision(*maps) == pytest.approx(step, abs=1e-12)
    point = pixel_best_f1(*maps)
    assert point.f1 == pytest.approx(sklearn.metrics.f1_score(labels, scores >= point.threshold), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(tied_maps())
def test_they_equal_the_ranking_of_the_flattened_pixels(maps):
    labels, scores = (m.ravel() for m in maps)
    assert pixel_auroc(*maps) == auroc(labels, scores)
    assert pixel_average_precision(*maps) == pytest.approx(average_precision(labels, scores), abs=1e-14)
    assert pixel_best_f1(*maps) == best_f1_on_test(labels, scores)


def test_a_category_equals_torchmetrics_inside_the_unit_interval():
    masks, scores = category()
    scores = 1 / (1 + np.exp(-scores.astype(np.float64)))  # outside [0, 1] torchmetrics would squash them on its own
    preds, target = torch.from_numpy(scores.ravel()), torch.from_numpy(masks.ravel().astype(int))
    assert pixel_auroc(masks, scores) == pytest.approx(float(binary_auroc(preds, target)), abs=1e-6)
    ap = float(binary_average_precision(preds, target))
    assert pixel_average_precision(masks, scores) == pytest.approx(ap, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(tied_maps(), st.sampled_from([lambda s: 100 * s + 1000, np.exp, np.arctan]))
def test_a_strictly_monotone_transform_changes_nothing_but_the_threshold(maps, transform):
    masks, scores = maps
    before, after = localisation_metrics(masks, scores), localisation_metrics(masks, transform(scores))
    for name in ("auroc", "average_precision", "aupro", "n_regions"):
        assert getattr(before, name) == getattr(after, name)
    assert before.best_f1.f1 == after.best_f1.f1
    assert after.best_f1.threshold == transform(np.float64(before.best_f1.threshold))


@settings(deadline=None, max_examples=40)
@given(tied_maps(), st.randoms(use_true_random=False))
def test_the_order_of_the_images_changes_nothing(maps, random):
    order = random.sample(range(len(maps[0])), len(maps[0]))
    before, after = localisation_metrics(*maps), localisation_metrics(*(m[order] for m in maps))
    assert (before.auroc, before.average_precision, before.best_f1) == (
        after.auroc,
        after.average_precision,
        after.best_f1,
    )


def test_one_call_gives_what_the_single_metrics_give():
    masks, scores = category()
    report = localisation_metrics(masks, scores, fpr_limit=0.1)
    assert report.auroc == pixel_auroc(masks, scores)
    assert report.average_precision == pixel_average_precision(masks, scores)
    assert report.best_f1 == pixel_best_f1(masks, scores)
    assert report.aupro == pytest.approx(aupro(masks, scores, 0.1), abs=1e-14)
    assert (report.n_images, report.n_defect, report.n_normal) == (12, masks.sum(), (~masks).sum())
    assert report.fpr_limit == 0.1


def test_a_case_by_hand():
    masks, scores = np.array([[[1, 0, 1, 0]]], dtype=bool), np.array([[[4.0, 3, 2, 1]]])
    report = localisation_metrics(masks, scores)
    assert report.auroc == 3 / 4
    assert report.average_precision == pytest.approx((1 + 2 / 3) / 2)
    point = report.best_f1
    assert (point.threshold, point.tp, point.fp, point.fn, point.tn) == (2, 2, 1, 0, 1)
    assert point.f1 == pytest.approx(0.8)


def test_constant_scores_give_one_half_and_the_share_of_defects():
    masks, _ = category()
    report = localisation_metrics(masks, np.zeros(masks.shape))
    assert (report.auroc, report.average_precision) == (0.5, pytest.approx(masks.mean()))


def test_scores_far_from_zero_rank_as_they_are():
    masks, scores = category(dtype=np.float64)
    assert pixel_auroc(masks, scores + 1e6) == pytest.approx(pixel_auroc(masks, scores), abs=1e-9)


def test_half_a_table_is_refused():
    with pytest.raises(ValueError, match="ends at a false positive rate of 0.3; this metric needs all of it"):
        area_under_roc(pixel_table(*category(), max_fpr=0.3))


@pytest.mark.parametrize("metric", [localisation_metrics, pixel_auroc, pixel_average_precision, pixel_best_f1])
def test_unfit_maps_are_named_by_every_metric(metric):
    masks, scores = category(2)
    with pytest.raises(ValueError, match="masks hold no defect pixel in any image"):
        metric(masks & False, scores)
    with pytest.raises(ValueError, match="masks hold no normal pixel in any image"):
        metric(masks | True, scores)
    scores[1, 5, 6] = np.nan
    with pytest.raises(ValueError, match="got nan at image 1, row 5, column 6"):
        metric(masks, scores)
