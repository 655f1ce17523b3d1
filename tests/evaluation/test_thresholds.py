"""Thresholds: the worked example, the released codes' rules, and honest against oracle protocol."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from defectlab.evaluation.ranking import precision_recall_curve
from defectlab.evaluation.thresholds import (
    DIAG,
    EXACT,
    MIXED_SEGDEC,
    F1Convention,
    best_f1_from_validation,
    best_f1_index,
    best_f1_on_test,
    best_f1_threshold,
    operating_point,
)

LABELS = [1, 0, 1, 0, 1, 0, 0, 0]
SCORES = [0.95, 0.90, 0.80, 0.70, 0.60, 0.40, 0.30, 0.10]
CONVENTIONS = [EXACT, MIXED_SEGDEC, DIAG]

labelled_integers = st.lists(st.tuples(st.booleans(), st.integers(-9, 9)), min_size=1, max_size=40).filter(
    lambda rows: any(label for label, _ in rows)
)


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.name)
def test_the_worked_example_chooses_the_fourth_threshold(convention):
    assert best_f1_index(precision_recall_curve(LABELS, SCORES), convention) == 3
    point = best_f1_on_test(LABELS, SCORES, convention)
    assert (point.precision, point.recall, point.f1) == pytest.approx((0.60, 1.00, 0.75))
    assert (point.tp, point.fp, point.fn, point.tn) == (3, 2, 0, 3)


def test_the_worked_example_gives_both_thresholds():
    assert best_f1_threshold(LABELS, SCORES, MIXED_SEGDEC) == 0.60
    assert best_f1_threshold(LABELS, SCORES, DIAG) == pytest.approx(0.50)


def test_the_papers_row_comes_back_from_its_counts():
    """DIAG, Table II, 120 images: precision .896, recall .864 are 95 found, 11 false alarms, 15 missed."""
    labels = np.repeat([1, 1, 0, 0], [95, 15, 11, 883])
    scores = np.repeat([0.9, 0.1, 0.9, 0.1], [95, 15, 11, 883])
    point = best_f1_on_test(labels, scores, DIAG)
    assert (round(point.precision, 3), round(point.recall, 3), round(point.f1, 4)) == (0.896, 0.864, 0.8796)


def test_among_equal_f1_the_lowest_threshold_wins():
    # flagged from the top: 1 of 1 and 2 of 4 positives-in-flagged, two positives: F1 = 2/3 both times
    labels, scores = [1, 0, 0, 1], [4, 3, 2, 1]
    assert best_f1_threshold(labels, scores, EXACT) == 1


@settings(deadline=None)
@given(labelled_integers, st.sampled_from(CONVENTIONS))
def test_the_point_is_the_one_of_the_curve(rows, convention):
    labels, scores = zip(*rows, strict=True)
    curve = precision_recall_curve(labels, scores)
    best = best_f1_index(curve, convention)
    point = best_f1_on_test(labels, scores, convention)
    assert point.precision == pytest.approx(curve.precision[best])
    assert point.recall == pytest.approx(curve.recall[best])


@settings(deadline=None)
@given(labelled_integers)
def test_no_threshold_has_a_larger_f1(rows):
    labels, scores = zip(*rows, strict=True)
    best = best_f1_on_test(labels, scores).f1
    assert all(operating_point(labels, scores, t).f1 <= best for t in set(scores))
    for convention in (MIXED_SEGDEC, DIAG):
        assert best_f1_on_test(labels, scores, convention).f1 == pytest.approx(best)


def test_f1_equals_scikit_learn():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(2, size=200), rng.normal(size=200)
    point = operating_point(labels, scores, 0.3)
    flagged = scores >= 0.3
    assert point.f1 == pytest.approx(sklearn.metrics.f1_score(labels, flagged), abs=1e-12)
    assert point.precision == pytest.approx(sklearn.metrics.precision_score(labels, flagged), abs=1e-12)
    assert point.recall == pytest.approx(sklearn.metrics.recall_score(labels, flagged), abs=1e-12)


def test_a_midpoint_between_neighbouring_floats_still_parts_them():
    upper = 1.0
    scores = [np.nextafter(upper, 0), upper]
    point = best_f1_on_test([0, 1], scores, DIAG)
    assert (point.tp, point.fp) == (1, 0)


def test_the_lowest_score_as_best_threshold_flags_everything_and_does_not_wrap_round():
    point = best_f1_on_test([1, 1, 1], [0.2, 0.5, 0.9], DIAG)
    assert (point.tp, point.fn) == (3, 0)
    assert point.threshold < 0.2


def test_constant_scores_flag_everything():
    for convention in CONVENTIONS:
        assert best_f1_on_test([1, 0, 0], [5.0, 5.0, 5.0], convention).f1 == pytest.approx(0.5)


def test_the_validation_protocol_uses_no_test_label():
    validation = [0, 0, 1, 1], [0.0, 0.2, 0.4, 1.0]
    point = best_f1_from_validation([0, 1, 1], [0.35, 0.31, 0.25], *validation)
    assert point.protocol == "validation_best_f1"
    assert point.threshold == pytest.approx(0.3)
    assert (point.tp, point.fp, point.fn) == (1, 1, 1)
    relabelled = best_f1_from_validation([1, 0, 0], [0.35, 0.31, 0.25], *validation)
    assert relabelled.threshold == point.threshold


def test_the_oracle_is_never_below_the_honest_protocol():
    rng = np.random.default_rng(1)
    for _ in range(20):
        labels = np.repeat([1, 0], [20, 80])
        test, validation = rng.normal(labels), rng.normal(labels)
        honest = best_f1_from_validation(labels, test, labels, validation)
        assert best_f1_on_test(labels, test).f1 >= honest.f1


def test_protocols_are_named():
    assert best_f1_on_test(LABELS, SCORES).protocol == "test_best_f1"
    assert operating_point(LABELS, SCORES, 0.5).protocol == "given"


def test_nothing_flagged_has_precision_zero_and_no_normals_no_false_alarm_rate():
    point = operating_point([1, 0], [0.1, 0.2], np.inf)
    assert (point.precision, point.recall, point.f1) == (0.0, 0.0, 0.0)
    assert point.false_alarm_rate == 0.0
    assert np.isnan(operating_point([1, 1], [0.1, 0.2], 0.0).false_alarm_rate)


def test_strict_decisions_leave_out_the_threshold_itself():
    assert operating_point([1], [0.5], 0.5).tp == 1
    assert operating_point([1], [0.5], 0.5, strict=True).tp == 0


def test_unfit_parameters_are_named():
    with pytest.raises(ValueError, match="threshold must be a number, got NaN"):
        operating_point([1], [0.5], float("nan"))
    with pytest.raises(ValueError, match=r"epsilon must lie in \[0, 1e-3\), got 1"):
        F1Convention("mine", 1.0, midpoint=False)
