"""Probabilities judged by hand and by a second library, and the two repairs on data whose truth is known."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss
from torchmetrics.functional.classification import binary_calibration_error

from defectlab.evaluation.calibration import (
    COLDEST,
    brier_score,
    calibration_error,
    calibration_floor,
    fit_temperature,
    log_loss,
    prior_shift,
    probability,
    reliability,
)


def test_four_predictions_by_hand():
    labels, predicted = [0, 1, 1, 1], [0.1, 0.4, 0.8, 0.9]
    table = reliability(labels, predicted, bins=2)
    assert table.count.tolist() == [2, 2]
    assert table.confidence.tolist() == pytest.approx([0.25, 0.85])
    assert table.frequency.tolist() == pytest.approx([0.5, 1.0])
    assert calibration_error(labels, predicted, bins=2) == pytest.approx(0.2)
    assert brier_score(labels, predicted) == pytest.approx((0.01 + 0.36 + 0.04 + 0.01) / 4)


def drawn(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    predicted = rng.random(n)
    return (rng.random(n) < predicted).astype(int), predicted


@pytest.mark.parametrize("bins", [5, 10, 15])
def test_the_error_is_that_of_torchmetrics(bins):
    labels, predicted = drawn(500)
    predicted = predicted**2
    theirs = binary_calibration_error(torch.tensor(predicted), torch.tensor(labels), n_bins=bins, norm="l1")
    assert calibration_error(labels, predicted, bins) == pytest.approx(float(theirs), abs=1e-6)


def test_brier_and_log_loss_are_those_of_scikit_learn():
    labels, predicted = drawn(300)
    logits = np.log(predicted) - np.log1p(-predicted)
    assert brier_score(labels, predicted) == pytest.approx(brier_score_loss(labels, predicted))
    assert log_loss(labels, logits) == pytest.approx(sklearn_log_loss(labels, predicted))


def test_a_sure_and_wrong_logit_costs_what_it_is_and_no_more():
    assert log_loss([1], [-1000.0]) == pytest.approx(1000)


def test_a_true_probability_has_the_error_of_the_floor():
    labels, predicted = drawn()
    assert calibration_error(labels, predicted) == pytest.approx(calibration_floor(predicted), abs=0.008)
    assert calibration_floor(predicted[:40]) > 2 * calibration_floor(predicted)
    assert calibration_floor([0.0, 1.0]) == 0


def test_the_shift_by_hand():
    assert prior_shift(0.5, 0.5) == 0
    assert prior_shift(0.5, 0.1) == pytest.approx(-math.log(9))
    assert prior_shift(0.2, 0.6) == pytest.approx(-prior_shift(0.6, 0.2))


def test_the_shift_makes_the_posterior_of_another_share():
    # two normal densities one deviation apart: the logit at equal shares is x - 1/2
    rng = np.random.default_rng(0)
    labels = (rng.random(60_000) < 0.05).astype(int)
    logits = rng.standard_normal(60_000) + labels - 0.5
    assert calibration_error(labels, probability(logits)) > 0.3
    assert calibration_error(labels, probability(logits, shift=prior_shift(0.5, 0.05))) < 0.01


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_a_temperature_is_found_again_with_and_without_a_shift(true):
    labels, predicted = drawn(20_000)
    logits = true * (np.log(predicted) - np.log1p(-predicted))
    assert fit_temperature(labels, logits) == pytest.approx(true, rel=0.05)
    assert fit_temperature(labels, logits - true * 2.0, shift=2.0) == pytest.approx(true, rel=0.05)


def test_a_perfect_ranking_stops_at_the_coldest():
    assert fit_temperature([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0]) == pytest.approx(COLDEST, rel=0.01)


def test_repairs_keep_the_order_of_images():
    logits = np.array([-3.0, 0.2, 1.0, 7.0])
    assert (np.diff(probability(logits, temperature=4.0, shift=-2.0)) > 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: calibration_error([0, 1], [0.2, 1.2]), "pass no logits"),
        (lambda: reliability([0, 1], [0.2, 0.3], bins=0), "at least 1"),
        (lambda: prior_shift(0.0, 0.5), "learnt: expected a share"),
        (lambda: prior_shift(0.5, 1.0), "met: expected a share"),
    ],
)
def test_what_is_no_probability_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
