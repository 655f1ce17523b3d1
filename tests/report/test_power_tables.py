import pytest

from defectlab.evaluation.power import Design
from defectlab.report.power_tables import our_power_table, paper_power_table


def line(table, *words):
    chosen = table.frame[[all(word in ordering for word in words) for ordering in table.frame["ordering"]]]
    return chosen.iloc[0]


def test_four_seeds_show_none_of_the_full_shot_gaps():
    table = paper_power_table(regime="full_shot")
    assert len(table.frame) == 6
    gaps = [float(gap) for gap in table.frame["gap"]]
    assert (min(gaps), max(gaps)) == (0.004, 0.021)
    for power in table.frame["power"]:
        assert max(map(float, power.split(" / "))) < 0.5
    for interval in table.frame["interval of the gap (95 %)"]:
        low, high = interval.split(" to ")
        assert float(low) < 0 < float(high)


def test_a_line_follows_from_the_printed_deviations():
    found = line(paper_power_table(regime="full_shot"), "In&Out", "MemSeg")
    printed = Design(0.022, 0.018, 4)
    independent = Design((0.022**2 + 0.013**2 + 0.030**2) ** 0.5 / 3, (0.007**2 + 0.016**2 + 0.032**2) ** 0.5 / 3, 4)
    assert found["gap"] == "0.017"
    assert found["standard deviations"] == "0.022 and 0.018"
    assert found["detectable"] == f"{printed.detectable():.3f} / {independent.detectable():.3f}"
    assert found["power"] == f"{printed.power(0.017):.2f} / {independent.power(0.017):.2f}"
    assert found["seeds"] == f"{printed.seeds_needed(0.017)} / {independent.seeds_needed(0.017)}"


def test_more_seeds_detect_less():
    four, forty = (paper_power_table(k, "full_shot").frame["detectable"] for k in (4, 40))
    assert all(float(b.split(" / ")[0]) < float(a.split(" / ")[0]) for a, b in zip(four, forty, strict=True))


def test_being_on_par_is_no_gap_to_detect():
    assert not any("≈" in ordering for ordering in paper_power_table(regime="few_shot").frame["ordering"])


def test_a_paper_without_deviations_is_refused():
    with pytest.raises(ValueError, match="diag prints no standard deviations"):
        paper_power_table(paper="diag")
    with pytest.raises(ValueError, match="no claim of in_and_out on averages in regime 'one_shot'"):
        paper_power_table(regime="one_shot")


def test_ours_has_deviation_power_and_seeds_needed(make_rows):
    values = {("in_and_out", "full_shot", 100): [0.80, 0.84, 0.82, 0.86], ("none", "full_shot", 0): [0.79, 0.80] * 2}
    found = line(our_power_table(make_rows(values, metric="ap_trapezoid")), "No augmentation")
    # differences .01 .04 .03 .06: mean .035, deviation .0208
    assert (found["seeds"], found["n_aug"], found["paper's gap"]) == (4, "100", "0.021")
    assert found["ours (95 %)"].startswith("+0.035 (+0.002")
    assert found["standard deviation"] == "0.021"
    assert found["power"] == "0.29"
    assert int(found["seeds needed"]) == 10


def test_one_seed_has_no_power(make_rows):
    values = {("in_and_out", "zero_shot", 100): [0.8], ("memseg", "zero_shot", 100): [0.7]}
    found = line(our_power_table(make_rows(values, metric="ap_trapezoid")), "MemSeg")
    assert (found["ours (95 %)"], found["power"], found["standard deviation"]) == ("+0.100", "–", "–")


def test_rows_that_judge_nothing_give_a_table_that_says_so(rows):
    assert our_power_table(rows).frame["ordering"].tolist() == ["none that these rows can judge"]
    assert our_power_table(rows, regime="few_shot").frame["claim"].tolist() == ["–"]
