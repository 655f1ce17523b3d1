"""Seeds: hand-computed intervals, pairing, and the power that k seeds have."""

import numpy as np
import pytest
import scipy.stats

from defectlab.evaluation.seeds import (
    minimal_detectable_difference,
    paired_difference,
    paired_power,
    seeds_needed,
    summarise_seeds,
)


def test_the_t_interval_of_three_seeds_by_hand():
    summary = summarise_seeds([0.70, 0.80, 0.90])
    assert (summary.mean, summary.sd) == pytest.approx((0.80, 0.10))
    half = 4.302653 * 0.10 / 3**0.5  # t(2, .975)
    assert (summary.interval.low, summary.interval.high) == pytest.approx((0.80 - half, 0.80 + half), abs=1e-6)
    assert summary.values == (0.70, 0.80, 0.90)


def test_one_seed_has_no_spread_and_an_unbounded_interval():
    summary = summarise_seeds([0.8])
    assert np.isnan(summary.sd)
    assert (summary.interval.low, summary.interval.high) == (-np.inf, np.inf)
    assert paired_difference({0: 0.8}, {0: 0.1}).sign == 0


def test_the_paired_interval_equals_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.6, 0.05, 5), rng.normal(0.5, 0.05, 5)
    ours = paired_difference(dict(enumerate(a)), dict(enumerate(b)))
    expected = scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (ours.t.low, ours.t.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert ours.bootstrap.low >= min(ours.values) and ours.bootstrap.high <= max(ours.values)
    assert ours.t.low < ours.bootstrap.low and ours.bootstrap.high < ours.t.high


def test_pairing_goes_by_seed_and_not_by_order():
    difference = paired_difference({2: 0.9, 0: 0.7, 1: 0.8}, {0: 0.6, 1: 0.6, 2: 0.6})
    assert difference.seeds == (0, 1, 2)
    assert difference.values == pytest.approx((0.1, 0.2, 0.3))


def test_the_sign_is_that_of_an_interval_which_excludes_zero():
    def differences(*values: float):
        return paired_difference(dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0))

    assert differences(0.20, 0.21, 0.22).sign == 1
    assert differences(-0.20, -0.21, -0.22).sign == -1
    assert differences(0.5, -0.3, 0.1).sign == 0  # the mean is above zero, the interval holds it
    assert differences(0.9).sign == 0  # one seed has no interval


def test_the_bootstrap_over_seeds_is_deterministic():
    a, b = dict(enumerate([0.5, 0.6, 0.4])), dict.fromkeys(range(3), 0.0)
    assert paired_difference(a, b, seed=1) == paired_difference(a, b, seed=1)


def test_power_agrees_with_the_tables():
    # the textbook case: effect .5, 5 % two-sided, 80 % power needs 34 pairs
    assert seeds_needed(0.5, 1.0) == 34
    assert paired_power(0.5, 1.0, 34) == pytest.approx(0.8078, abs=5e-4)


def test_power_agrees_with_a_simulation_and_starts_at_the_error_rate():
    gaps = np.random.default_rng(0).normal(0.05, 0.03, size=(20_000, 5))
    t = gaps.mean(1) / (gaps.std(1, ddof=1) / 5**0.5)
    simulated = (np.abs(t) > scipy.stats.t.ppf(0.975, 4)).mean()
    assert paired_power(0.05, 0.03, 5) == pytest.approx(simulated, abs=0.01)
    assert paired_power(-0.05, 0.03, 5) == paired_power(0.05, 0.03, 5)
    assert paired_power(0.0, 0.03, 5) == pytest.approx(0.05)


@pytest.mark.parametrize("n_seeds", [2, 3, 5, 20])
def test_the_detectable_difference_has_the_power_asked_for(n_seeds):
    detectable = minimal_detectable_difference(0.03, n_seeds)
    assert paired_power(detectable, 0.03, n_seeds) == pytest.approx(0.8, abs=1e-6)
    assert minimal_detectable_difference(0.06, n_seeds) == pytest.approx(2 * detectable)


def test_more_seeds_show_smaller_differences():
    detectable = [minimal_detectable_difference(0.03, k) for k in (2, 3, 5, 10)]
    assert detectable == sorted(detectable, reverse=True)


def test_seeds_needed_gives_up_at_its_limit():
    assert seeds_needed(0.001, 1.0, at_most=20) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: summarise_seeds([]), "at least one, got"),
        (lambda: summarise_seeds([0.1, float("nan")]), "must be finite"),
        (lambda: paired_difference({0: 1.0, 1: 1.0}, {0: 1.0, 2: 1.0}), r"one side only: \[1, 2\]"),
        (lambda: paired_difference({}, {}), "at least one"),
        (lambda: paired_power(0.1, 0.0, 5), "sd of the paired differences must be above 0"),
        (lambda: paired_power(0.1, 0.1, 1), "n_seeds must be at least 2"),
        (lambda: minimal_detectable_difference(0.1, 5, power=1.0), "power must lie between"),
        (lambda: seeds_needed(0.0, 0.1), "difference must not be 0"),
        (lambda: summarise_seeds([0.1, 0.2], level=1.0), "level must lie between 0 and 1"),
    ],
)
def test_unfit_parameters_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
