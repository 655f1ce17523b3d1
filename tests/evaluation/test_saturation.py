"""Curves that level off: known ones are found again, flat ones are called flat, the last point can be foretold."""

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit

from defectlab.evaluation.saturation import Saturation, fit_saturation, saturation_report

COUNTS = np.array([0, 5, 10, 20, 40, 80, 160])


def law(n, level, gain, scale):
    return level - gain * np.exp(-n / scale)


def test_a_curve_without_noise_is_found_again():
    found = fit_saturation(COUNTS, law(COUNTS, 0.8, 0.3, 25.0))
    assert (found.level, found.gain, found.scale) == pytest.approx((0.8, 0.3, 25.0), rel=1e-4)
    assert not found.is_bounded
    assert found(0) == pytest.approx(0.5) and found(25) == pytest.approx(0.8 - 0.3 / math.e)


def test_harm_is_a_gain_below_zero():
    assert fit_saturation(COUNTS, law(COUNTS, 0.5, -0.2, 20.0)).gain == pytest.approx(-0.2, rel=1e-3)


def test_images_for_a_share_of_the_gain_by_hand():
    curve = Saturation(1.0, 0.5, 30.0)
    assert curve.count_for(0.95) == pytest.approx(30 * math.log(20))
    assert curve(curve.count_for(0.5)) == pytest.approx(0.75)


def test_it_is_the_least_squares_fit_of_scipy():
    rng = np.random.default_rng(3)
    values = law(COUNTS, 0.7, 0.2, 30.0) + 0.01 * rng.standard_normal(7)
    theirs, _ = curve_fit(law, COUNTS, values, p0=(0.6, 0.1, 20.0))
    found = fit_saturation(COUNTS, values)
    assert (found.level, found.gain, found.scale) == pytest.approx(tuple(theirs), rel=1e-3)


def test_seeds_are_fitted_by_their_mean():
    values = np.stack([law(COUNTS, 0.8, 0.3, 25.0) + shift for shift in (-0.1, 0.1)])
    assert fit_saturation(COUNTS, values).level == pytest.approx(0.8, rel=1e-4)


def test_a_straight_line_has_its_bend_beyond_the_counts():
    assert fit_saturation(COUNTS, 0.2 + 0.001 * COUNTS).is_bounded


def noisy(curve, noise, seeds=4, seed=0):
    rng = np.random.default_rng(seed)
    return curve + noise * rng.standard_normal((seeds, len(curve)))


def test_a_rise_is_told_from_a_constant_and_its_last_point_is_foretold():
    report = saturation_report(COUNTS, noisy(law(COUNTS, 0.8, 0.3, 15.0), 0.01))
    assert report.is_told_from_a_constant and report.p_value == pytest.approx(0.001)
    assert report.predicted == pytest.approx(report.observed, abs=0.02)
    assert report.gain.covers(0.3) and report.gain.low < report.fit.gain < report.gain.high
    assert report.count.value == pytest.approx(15 * math.log(20), rel=0.1)
    assert report.count.low <= report.count.value <= report.count.high


def test_a_flat_curve_is_not_told_from_a_constant_more_often_than_the_level_says():
    told = [
        saturation_report(
            COUNTS, noisy(np.full(7, 0.6), 0.05, seed=seed), n_resamples=10, n_shuffles=99
        ).is_told_from_a_constant
        for seed in range(40)
    ]
    assert sum(told) <= 6  # two are expected


def test_a_line_without_any_spread_is_flat():
    report = saturation_report(COUNTS, np.full((3, 7), 0.5))
    assert report.p_value == 1 and not report.is_told_from_a_constant
    assert report.fit.gain == pytest.approx(0, abs=1e-9) and report.flat == report.observed == 0.5


def test_a_shift_of_a_whole_seed_changes_neither_gain_nor_test():
    values = noisy(law(COUNTS, 0.8, 0.3, 15.0), 0.02)
    moved = values + np.array([[0.1], [-0.2], [0.05], [0.05]])
    ours, theirs = (saturation_report(COUNTS, table) for table in (values, moved))
    assert ours.fit.gain == pytest.approx(theirs.fit.gain) and ours.p_value == theirs.p_value


@pytest.mark.parametrize(
    ("counts", "values", "words"),
    [
        ([0, 1, 2], [[1, 2, 3]] * 2, "at least 5, rising"),
        ([0, 2, 1, 3, 4], np.ones((2, 5)), "rising from 0 on"),
        ([0, 1, 2, 3, 4], np.ones((2, 4)), r"\(2, 4\)"),
        ([0, 1, 2, 3, 4], np.ones((1, 5)), "two seeds"),
        ([0, 1, 2, 3, 4], np.full((2, 5), np.nan), "finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(counts, values, words):
    with pytest.raises(ValueError, match=words):
        saturation_report(counts, values)
