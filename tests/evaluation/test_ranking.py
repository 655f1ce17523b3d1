"""Ranking metrics: the worked example, two libraries, ties, and what a ranking must not depend on."""

import math

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from defectlab.evaluation.ranking import auroc, average_precision, precision_recall_curve

LABELS = [1, 0, 1, 0, 1, 0, 0, 0]
SCORES = [0.95, 0.90, 0.80, 0.70, 0.60, 0.40, 0.30, 0.10]


def ksdd2_like(seed: int = 0, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [110, 894])
    scores = rng.normal(labels * 1.5)
    return labels, scores if decimals is None else scores.round(decimals)


labelled_integers = st.lists(st.tuples(st.booleans(), st.integers(-30, 30)), min_size=2, max_size=60).filter(
    lambda rows: {label for label, _ in rows} == {True, False}
)


def test_the_worked_example_gives_the_printed_curve():
    curve = precision_recall_curve(LABELS, SCORES)
    expected = [0.375, 3 / 7, 0.5, 0.6, 0.5, 2 / 3, 0.5, 1.0, 1.0]
    assert curve.precision.tolist() == pytest.approx(expected, abs=1e-15)
    assert curve.recall.tolist() == pytest.approx([1, 1, 1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3, 0], abs=1e-15)
    assert curve.thresholds.tolist() == SCORES[::-1]
    assert (curve.n_positive, curve.n_negative, curve.base_rate) == (3, 5, 0.375)


def test_the_worked_example_gives_both_definitions_of_average_precision():
    assert average_precision(LABELS, SCORES, "step") == pytest.approx(1 / 3 + 2 / 9 + 1 / 5)
    assert average_precision(LABELS, SCORES, "step") == pytest.approx(0.755556, abs=5e-7)
    assert average_precision(LABELS, SCORES, "trapezoid") == pytest.approx(0.711111, abs=5e-7)


def test_auroc_counts_the_pairs_won():
    assert auroc(LABELS, SCORES) == pytest.approx((5 + 4 + 3) / 15)


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_curve_and_areas_equal_scikit_learn(decimals):
    labels, scores = ksdd2_like(decimals=decimals)
    curve = precision_recall_curve(labels, scores)
    precision, recall, thresholds = sklearn.metrics.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(curve.precision, precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(curve.recall, recall, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    step = sklearn.metrics.average_precision_score(labels, scores)
    assert average_precision(labels, scores) == pytest.approx(step, abs=1e-12)
    trapezoid = sklearn.metrics.auc(recall, precision)
    assert average_precision(labels, scores, "trapezoid") == pytest.approx(trapezoid, abs=1e-12)
    assert auroc(labels, scores) == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores), abs=1e-12)


def test_areas_equal_torchmetrics_inside_the_unit_interval():
    labels, scores = ksdd2_like(seed=1)
    scores = 1 / (1 + np.exp(-scores))  # torchmetrics would squash anything outside [0, 1] on its own
    preds, target = torch.from_numpy(scores), torch.from_numpy(labels)
    assert average_precision(labels, scores) == pytest.approx(float(binary_average_precision(preds, target)), abs=1e-6)
    assert auroc(labels, scores) == pytest.approx(float(binary_auroc(preds, target)), abs=1e-6)


@settings(deadline=None)
@given(labelled_integers)
def test_small_tied_sets_equal_scikit_learn(rows):
    labels, scores = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=float)
    step = sklearn.metrics.average_precision_score(labels, scores)
    assert average_precision(labels, scores) == pytest.approx(step, abs=1e-12)
    assert auroc(labels, scores) == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores), abs=1e-12)


@settings(deadline=None)
@given(
    labelled_integers,
    st.sampled_from(
        [lambda s: 3 * s - 1000, lambda s: s**3 + s, math.atan, math.exp, lambda s: 1 / (1 + math.exp(-s))]
    ),
)
def test_a_strictly_monotone_transform_changes_nothing(rows, transform):
    labels, scores = [r[0] for r in rows], [r[1] for r in rows]
    bent = [transform(s) for s in scores]
    if len(set(bent)) < len(set(scores)):
        return  # the logistic function of 30 is a neighbour of 1: no longer strictly monotone in float64
    for definition in ("step", "trapezoid"):
        assert average_precision(labels, bent, definition) == average_precision(labels, scores, definition)
    assert auroc(labels, bent) == auroc(labels, scores)


@settings(deadline=None)
@given(labelled_integers, st.randoms(use_true_random=False))
def test_the_order_of_the_images_changes_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))
    for metric in (average_precision, auroc):
        assert metric(*zip(*shuffled, strict=True)) == metric(*zip(*rows, strict=True))


@settings(deadline=None)
@given(labelled_integers)
def test_turning_the_scores_round_mirrors_auroc(rows):
    labels, scores = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    assert auroc(labels, -scores) == pytest.approx(1 - auroc(labels, scores), abs=1e-12)


def test_scores_far_outside_the_unit_interval_rank_as_they_are():
    labels, scores = ksdd2_like()
    assert auroc(labels, scores * 100 + 1000) == pytest.approx(auroc(labels, scores), abs=1e-12)


def test_constant_scores_give_the_base_rate_and_one_half():
    labels = np.repeat([1, 0], [110, 894])
    constant = np.zeros(1004)
    assert average_precision(labels, constant) == pytest.approx(110 / 1004)
    assert average_precision(labels, constant, "trapezoid") == pytest.approx((1 + 110 / 1004) / 2)
    assert auroc(labels, constant) == 0.5


def test_a_perfect_and_a_reversed_ranking_reach_the_ends():
    assert average_precision([0, 0, 1], [1, 2, 3]) == 1.0
    assert auroc([0, 0, 1], [1, 2, 3]) == 1.0
    assert auroc([1, 0, 0], [1, 2, 3]) == 0.0
    assert average_precision([1, 0, 0], [1, 2, 3]) == pytest.approx(1 / 3)


def test_only_positives_have_average_precision_one_and_no_auroc():
    assert average_precision([1, 1], [0.2, 0.1]) == 1.0
    with pytest.raises(ValueError, match="labels hold no negative among 2"):
        auroc([1, 1], [0.2, 0.1])


def test_half_precision_and_boolean_inputs_are_read_right():
    labels, scores = np.array([True, False, True]), np.array([3, 2, 1], dtype=np.float16)
    assert average_precision(labels, scores) == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1, float("nan")], "scores must be finite, got nan at position 1"),
        ([0, 1], [float("inf"), 0.2], "scores must be finite, got inf at position 0"),
        ([0, 0], [0.1, 0.2], "labels hold no positive among 2"),
        ([0, 255], [0.1, 0.2], "labels must be 0 .* got .*255.* at position 1"),
        ([0, 1, 1], [0.1, 0.2], r"share a shape \(n >= 1,\), got \(3,\) and \(2,\)"),
        ([], [], "share a shape"),
    ],
)
def test_unfit_input_is_named(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        average_precision(labels, scores)


def test_an_unknown_definition_is_named():
    with pytest.raises(ValueError, match="definition must be 'step' or 'trapezoid', got 'auc'"):
        average_precision([0, 1], [0, 1], "auc")
