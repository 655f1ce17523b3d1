"""Power from deviations: closed forms, the textbook, a simulation, the numbers of a paper."""

import numpy as np
import pytest
import scipy.stats

from defectlab.evaluation.power import Design, average_sd, detectable_noncentrality, t_power
from defectlab.evaluation.seeds import minimal_detectable_difference, paired_power, seeds_needed


def simulated_power(design, difference, n=20_000):
    """Share of simulated experiments in which scipy's test rejects."""
    rng = np.random.default_rng(0)
    k, shared = design.n_seeds, design.correlation or 0.0
    a = rng.standard_normal((k, n))
    b = shared * a + (1 - shared**2) ** 0.5 * rng.standard_normal((k, n))
    left, right = difference + design.sd_left * a, design.sd_right * b
    if design.correlation is None:
        return float((scipy.stats.ttest_ind(left, right, equal_var=False).pvalue < 0.05).mean())
    return float((scipy.stats.ttest_rel(left, right).pvalue < 0.05).mean())


@pytest.mark.parametrize(
    "design",
    [Design(0.03, 0.03, 4), Design(0.05, 0.02, 6), Design(0.03, 0.03, 4, 0.5), Design(0.03, 0.05, 5, 0.8)],
    ids=["unpaired", "unpaired, unequal", "paired", "paired, unequal"],
)
def test_power_agrees_with_a_simulation(design):
    for difference in (0.0, 0.04, 0.08):
        assert design.power(difference) == pytest.approx(simulated_power(design, difference), abs=0.01)


def test_the_textbook_case_needs_sixty_four_of_each_unpaired_and_thirty_four_pairs():
    # effect .5, 5 % two-sided, 80 % power (Cohen 1988, tables 2.4.1 and 2.3)
    assert Design(1.0, 1.0, 2).seeds_needed(0.5) == 64
    assert Design(1.0, 1.0, 2, correlation=0.5).seeds_needed(0.5) == seeds_needed(0.5, 1.0) == 34


def test_a_paired_design_equals_the_paired_functions():
    design = Design(0.03, 0.03, 5, correlation=0.5)  # so that the difference has the deviation .03
    assert design.sd == pytest.approx(0.03)
    assert design.power(0.05) == pytest.approx(paired_power(0.05, 0.03, 5))
    assert design.detectable() == pytest.approx(minimal_detectable_difference(0.03, 5))


def test_equal_deviations_have_twice_the_degrees_of_freedom_and_one_deviation_has_once():
    assert Design(0.2, 0.2, 4).df == pytest.approx(6)
    assert Design(0.2, 0.0, 4).df == pytest.approx(3)
    assert Design(0.2, 0.1, 4, correlation=0.0).df == 3


def test_the_interval_from_deviations_is_that_of_the_seeds_themselves():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.6, 0.05, 4), rng.normal(0.5, 0.02, 4)
    ours = Design(a.std(ddof=1), b.std(ddof=1), 4).interval(a.mean() - b.mean())
    expected = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high))
    paired = Design(a.std(ddof=1), b.std(ddof=1), 4, float(np.corrcoef(a, b)[0, 1])).interval(a.mean() - b.mean())
    expected = scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (paired.low, paired.high) == pytest.approx((expected.low, expected.high))


def test_four_seeds_cannot_order_the_full_shot_rows_of_in_and_out():
    # gaps of .004 to .021 with deviations of .02 to .03
    widest = Design(0.022, 0.022, 4)
    assert widest.power(0.004) < 0.06
    assert widest.power(0.021) < 0.25
    assert widest.detectable() > 0.05
    assert widest.seeds_needed(0.004) > 400


def test_the_detectable_difference_has_the_power_asked_for():
    design = Design(0.05, 0.02, 4)
    assert design.power(design.detectable(0.9)) == pytest.approx(0.9, abs=1e-9)
    assert t_power(detectable_noncentrality(3), 3) == pytest.approx(0.8, abs=1e-9)


def test_seeds_needed_is_the_first_number_that_is_enough_and_gives_up_at_its_limit():
    design = Design(0.03, 0.05, 4)
    needed = design.seeds_needed(0.03)
    assert Design(0.03, 0.05, needed).power(0.03) >= 0.8 > Design(0.03, 0.05, needed - 1).power(0.03)
    assert design.seeds_needed(1.0) == 2
    assert design.seeds_needed(0.0001, at_most=50) is None
    assert design.seeds_needed(-0.03) == needed


def test_the_deviation_of_an_average_is_at_most_the_average_of_the_deviations():
    assert average_sd([0.03, 0.06, 0.09], correlation=1.0) == pytest.approx(0.06)
    assert average_sd([0.03, 0.03, 0.03]) == pytest.approx(0.03 / 3**0.5)
    assert average_sd([0.3, 0.4]) == pytest.approx(0.25)
    draws = np.random.default_rng(2).standard_normal((200_000, 3)) * [0.3, 0.1, 0.2]
    assert average_sd([0.3, 0.1, 0.2]) == pytest.approx(draws.mean(1).std(), rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Design(-0.1, 0.1, 4), "deviations must be finite and at least 0"),
        (lambda: Design(float("nan"), 0.1, 4), "deviations must be finite"),
        (lambda: Design(0.0, 0.0, 4), "the difference has no spread"),
        (lambda: Design(0.1, 0.1, 4, correlation=1.0), "the difference has no spread"),
        (lambda: Design(0.1, 0.1, 1), "n_seeds must be at least 2"),
        (lambda: Design(0.1, 0.1, 4, correlation=1.5), r"correlation must lie in \[-1, 1\]"),
        (lambda: Design(0.1, 0.1, 4, level=1.0), "level must lie between 0 and 1"),
        (lambda: Design(0.1, 0.1, 4).detectable(1.0), "power must lie between 0.05 and 1"),
        (lambda: Design(0.1, 0.1, 4).seeds_needed(0.0), "difference must not be 0"),
        (lambda: average_sd([]), "at least one"),
        (lambda: average_sd([0.1], correlation=-0.1), r"correlation must lie in \[0, 1\]"),
    ],
)
def test_unfit_designs_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
