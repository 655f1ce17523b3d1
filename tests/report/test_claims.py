"""How result rows are judged: paired by seed, by data set, by stated rules."""

import math

import pandas as pd
import pytest
from orderings import found

from defectlab.evaluation.seeds import paired_difference
from defectlab.report.claims import evaluate, findings_table, load_claims, scoreboard, scoreboard_table, verdict
from defectlab.report.summary import summarise
from defectlab.report.verdict import CELL_RULE, Verdict, combine, excludes, of_cell, of_equality, of_ordering, tolerance

F1, *_, F5 = load_claims("diag")
F6, F7, F8 = load_claims("in_and_out")
F11, F12, *_ = load_claims("student_teacher")
METHODS = ("diag", "in_and_out", "memseg")


def differences(*values):
    """Differences of these values, paired by seed."""
    return paired_difference(dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0))


def test_a_clear_ordering_is_reproduced_with_all_its_seeds(rows):
    finding = found(F1, rows)["step AP: DIAG (zero-shot, 100) > MemSeg (zero-shot, 100)"]
    assert finding.ours.values == pytest.approx((0.30, 0.32, 0.31))
    assert finding.ours.mean == pytest.approx(0.31)
    assert finding.verdict == Verdict.REPRODUCED


def test_a_claim_with_a_missing_method_is_at_most_partly_reproduced(rows):
    assert verdict(F1, rows, "surfaces") == Verdict.PARTLY
    assert verdict(F5, rows, "surfaces") == Verdict.NOT_ATTEMPTED


def test_a_claim_is_reproduced_when_each_ordering_is(make_rows):
    levels = dict(zip(METHODS, (0.9, 0.7, 0.5), strict=True))
    rows = make_rows({(m, "zero_shot", n): [v, v + 0.01, v] for m, v in levels.items() for n in (80, 100, 120)})
    assert verdict(F1, rows, "surfaces") == Verdict.REPRODUCED


def test_a_reversed_ordering_is_not_reproduced(make_rows):
    rows = make_rows({("diag", "zero_shot", 100): [0.3, 0.31], ("memseg", "zero_shot", 100): [0.5, 0.52]})
    assert verdict(F1, rows, "surfaces") == Verdict.NOT


def test_one_seed_is_no_more_than_partly(make_rows):
    def judged(*levels):
        sides = zip(("diag", "memseg"), levels, strict=True)
        return verdict(F1, make_rows({(key, "zero_shot", 100): [level] for key, level in sides}), "surfaces")

    assert judged(0.9, 0.1) == Verdict.PARTLY
    assert judged(0.2, 0.1) == Verdict.NOT  # 0.1 of the 0.413 in print
    assert (
        of_ordering(differences(0.15), 0.15) == Verdict.PARTLY and of_ordering(differences(0.05), 0.15) == Verdict.NOT
    )


def test_a_mean_of_most_of_the_gain_is_partly_reproduced_where_the_interval_holds_zero():
    noisy = differences(0.02, 0.12, 0.22)  # mean 0.12, interval 0.12 -+ 4.303 * 0.1 / sqrt(3) = -0.128 to 0.368
    assert (noisy.t.low, noisy.t.high) == pytest.approx((-0.1284, 0.3684), abs=1e-4)
    assert of_ordering(noisy, gain=0.15) == Verdict.PARTLY
    assert of_ordering(differences(0.0, 0.25, 0.5), gain=0.5) == Verdict.PARTLY  # exactly half
    assert of_ordering(differences(0.0, 0.25, 0.5), gain=0.52) == Verdict.NOT


def test_a_mean_just_above_zero_is_noise_and_not_partly_reproduced():
    noisy = differences(-0.08, 0.02, 0.12)  # mean 0.02, interval -0.228 to 0.268
    assert noisy.mean > 0 and noisy.sign == 0
    assert of_ordering(noisy, gain=0.15) == Verdict.NOT
    assert of_ordering(differences(-0.22, -0.12, -0.02), gain=0.15) == Verdict.NOT


def test_without_a_gain_in_print_an_ordering_is_reproduced_or_it_is_not():
    for gain in (math.nan, 0.0, -0.1):
        assert of_ordering(differences(0.02, 0.12, 0.22), gain) == Verdict.NOT
        assert of_ordering(differences(-0.12, -0.02, 0.08), gain) == Verdict.NOT  # more than half of a gain below zero
        assert of_ordering(differences(0.10, 0.11, 0.12), gain) == Verdict.REPRODUCED
    assert of_ordering(None, math.nan) == Verdict.NOT_ATTEMPTED


def test_an_interval_above_zero_reproduces_the_ordering_however_small_the_mean_beside_the_gain():
    clear = differences(0.010, 0.011, 0.012)  # interval 0.011 -+ 4.303 * 0.001 / sqrt(3) = 0.0085 to 0.0135
    assert of_ordering(clear, gain=0.15) == Verdict.REPRODUCED
    assert excludes(0.15, clear.t.low, clear.t.high) == "yes, below it"
    assert of_ordering(differences(-0.010, -0.011, -0.012), gain=0.15) == Verdict.NOT


def test_whether_an_interval_excludes_the_papers_gain_is_said_apart():
    assert excludes(0.146, -0.176, 0.221) == "no" and excludes(0.146, -math.inf, math.inf) == "no"
    assert excludes(0.146, -0.114, 0.110) == "yes, below it" and excludes(0.146, 0.2, 0.3) == "yes, above it"
    assert excludes(math.nan, 0.1, 0.2) == "–" and excludes(0.146, math.nan, math.nan) == "–"


def test_a_finding_is_judged_by_the_gain_that_its_paper_prints(make_rows):
    name = "step AP: DIAG (zero-shot, 100) > MemSeg (zero-shot, 100)"  # 0.413 in print, half of it 0.2065

    def judged(*left):
        rows = make_rows({("diag", "zero_shot", 100): left, ("memseg", "zero_shot", 100): [0.3] * len(left)})
        return found(F1, rows)[name]

    near, far = judged(0.35, 0.55, 0.75), judged(0.25, 0.45, 0.65)  # means 0.25 and 0.15, both intervals hold zero
    assert near.paper == pytest.approx(0.413) and near.ours.sign == far.ours.sign == 0
    assert (near.verdict, far.verdict) == (Verdict.PARTLY, Verdict.NOT)


def test_differences_are_paired_by_the_seeds_that_both_have(make_rows):
    rows = make_rows({("diag", "zero_shot", 100): [0.6, 0.7, 0.8], ("memseg", "zero_shot", 100): [0.5, 0.55]})
    finding = found(F1, rows)["step AP: DIAG (zero-shot, 100) > MemSeg (zero-shot, 100)"]
    assert finding.ours.values == pytest.approx((0.1, 0.15))


def test_lower_is_better_for_fid_whatever_the_regime(make_rows):
    values = {"diag": 0.1, "ddpm": 0.3, "memseg": 0.8}
    both = [
        make_rows({(m, "zero_shot", 100): [v, v + 0.01] for m, v in values.items()}, metric=metric)
        for metric in ("fid_64", "fid_192")
    ]
    assert verdict(F5, pd.concat(both), "surfaces") == Verdict.REPRODUCED


def test_smoke_runs_are_no_evidence(make_rows):
    rows = make_rows(
        {("diag", "zero_shot", 100): [0.9, 0.9], ("memseg", "zero_shot", 100): [0.1, 0.1]}, profile="smoke"
    )
    assert scoreboard(rows)["verdict"].str.contains("not attempted").all()


def test_each_data_set_is_judged_alone(rows, make_rows):
    other = make_rows(
        {("diag", "zero_shot", 100): [0.3, 0.31], ("memseg", "zero_shot", 100): [0.5, 0.52]}, dataset="ksdd2"
    )
    board = scoreboard(pd.concat([rows, other], ignore_index=True)).set_index(["claim", "dataset"])["verdict"]
    assert board["F1", "surfaces"] == "◐ partly reproduced"
    assert board["F1", "ksdd2"] == "✗ not reproduced"


def test_a_notebook_shows_the_verdict_second_and_the_untried_in_one_line(rows, make_rows):
    table = scoreboard_table(rows)
    board = scoreboard(rows)
    tried = board[~board["verdict"].str.contains("not attempted")]
    assert list(board)[:2] == ["claim", "verdict"] and list(table.frame) == ["claim", "verdict", "statement", "held"]
    assert 0 < len(tried) < len(board) and len(table.frame) == len(tried) + 1
    last, untried = table.frame.iloc[-1], sorted(set(board["claim"]) - set(tried["claim"]))
    assert last["claim"] == ", ".join(untried) and last["verdict"] == "– not attempted"
    assert last["statement"].startswith(f"{len(untried)} claim") and "on surfaces" in table.caption
    assert any("holds where its own verdict is" in note for note in table.notes)
    other = make_rows({("diag", "zero_shot", 100): [0.3], ("memseg", "zero_shot", 100): [0.5]}, dataset="ksdd2")
    both = scoreboard_table(pd.concat([rows, other], ignore_index=True), caption="Two")
    assert set(both.frame["dataset"]) >= {"surfaces", "ksdd2"} and both.caption == "Two"


def test_an_average_takes_the_counts_that_both_sides_have(make_rows):
    rows = make_rows(
        {
            ("in_and_out", "zero_shot", 80): [0.5, 0.6],
            ("in_and_out", "zero_shot", 100): [0.7, 0.8],
            ("memseg", "zero_shot", 100): [0.4, 0.6],
            ("memseg", "zero_shot", 120): [0.9, 0.9],
        },
        metric="ap_trapezoid",
    )
    finding = found(F6, rows)["trapezoid AP: In&Out (zero-shot, average) > MemSeg (zero-shot, average)"]
    assert finding.counts == (100,)
    assert finding.ours.values == pytest.approx((0.3, 0.2))


def test_an_average_is_taken_seed_by_seed_over_seeds_with_all_counts(make_rows):
    rows = make_rows(
        {
            ("in_and_out", "full_shot", 80): [0.5, 0.7, 0.9],
            ("in_and_out", "full_shot", 120): [0.7, 0.7],
            ("none", "full_shot", 0): [0.5, 0.6, 0.7],
        },
        metric="ap_trapezoid",
    )
    name = "trapezoid AP: In&Out (full-shot, average) > No augmentation (full-shot, 0)"
    finding = found(F8, rows)[name]
    assert finding.ours.seeds == (0, 1)
    assert finding.ours.values == pytest.approx((0.1, 0.1))
    assert finding.paper == pytest.approx(0.021)
    table = findings_table(rows, "in_and_out").set_index("ordering")
    assert table["n_aug"][name] == "80, 120"


def test_counts_that_the_paper_lacks_are_no_evidence(make_rows):
    rows = make_rows(
        {("in_and_out", "zero_shot", 40): [0.9, 0.9], ("memseg", "zero_shot", 40): [0.1, 0.1]}, metric="ap_trapezoid"
    )
    assert verdict(F6, rows, "surfaces") == Verdict.NOT_ATTEMPTED


def test_being_on_par_needs_an_interval_within_the_tolerance(make_rows):
    def judged(*left):
        rows = make_rows(
            {("memseg", "few_shot", 100): left, ("in_and_out", "few_shot", 100): [0.5] * len(left)},
            metric="ap_trapezoid",
        )
        return found(F7, rows)["trapezoid AP: MemSeg (few-shot, average) ≈ In&Out (few-shot, average)"].verdict

    assert judged(0.50, 0.51, 0.49) == Verdict.REPRODUCED
    assert judged(0.30, 0.50, 0.70) == Verdict.PARTLY  # contains zero, which shows nothing
    assert judged(0.70, 0.71, 0.72) == Verdict.NOT
    assert judged(0.50) == Verdict.PARTLY
    assert of_equality(None) == Verdict.NOT_ATTEMPTED


def test_the_rules_of_combination():
    yes, half, no, none = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT, Verdict.NOT_ATTEMPTED
    assert combine([yes, yes]) == yes
    assert combine([yes, none]) == half
    assert combine([no, none]) == no
    assert combine([yes, no]) == half
    assert combine([none, none]) == combine([]) == none


def test_a_cell_is_judged_on_the_papers_ground_only():
    ours = summarise([0.79, 0.80, 0.81])
    assert of_cell(0.801, ours, comparable=True) == Verdict.REPRODUCED
    assert of_cell(0.84, ours, comparable=True) == Verdict.PARTLY
    assert of_cell(0.95, ours, comparable=True) == Verdict.NOT
    assert of_cell(0.801, ours, comparable=False) == Verdict.NOT_COMPARABLE
    assert of_cell(0.801, None, comparable=True) == Verdict.NOT_ATTEMPTED
    assert of_cell(0.801, summarise([0.801]), comparable=True) == Verdict.PARTLY  # one seed has no interval


def test_noise_gives_no_better_verdict_on_a_cell():
    two = summarise([0.75, 0.85])  # the interval is 0.16 to 1.44
    assert two.interval.covers(0.801) and two.interval.covers(0.95)
    assert of_cell(0.801, two, comparable=True) == Verdict.PARTLY
    assert of_cell(0.95, two, comparable=True) == Verdict.NOT


def test_localisation_has_tolerances_of_its_own_for_each_category_too():
    assert [tolerance(name) for name in ("aupro", "image_auroc", "pixel_auroc", "ap_step")] == [0.02, 0.02, 0.01, 0.05]
    assert tolerance("aupro_metal_nut") == 0.02 and tolerance("pixel_auroc_screw") == 0.01
    three = summarise([0.955, 0.96, 0.965])  # half the interval is 0.0124
    assert of_cell(0.969, three, comparable=True, within=tolerance("aupro")) == Verdict.REPRODUCED
    assert of_cell(0.969, three, comparable=True, within=tolerance("pixel_auroc")) == Verdict.PARTLY
    assert of_cell(0.935, three, comparable=True, within=tolerance("aupro")) == Verdict.NOT
    assert all(f"{near}" in CELL_RULE for near in (0.05, 0.02, 0.01))


def test_rows_that_stand_twice_are_named(rows):
    with pytest.raises(ValueError, match="1 result rows stand twice, first none ap_step seed 0 on surfaces"):
        findings_table(pd.concat([rows, rows[:1]]))


def test_missing_columns_are_named(rows):
    with pytest.raises(ValueError, match="result rows lack the columns seed, metric"):
        scoreboard(rows.drop(columns=["seed", "metric"]))


def test_an_ordering_of_one_data_set_is_judged_by_its_rows_alone(make_rows):
    values = {("student_teacher", "unified", 8): [0.9, 0.91], ("destseg", "unified", 8): [0.8, 0.82]}
    elsewhere = make_rows(values, metric="aupro")
    assert evaluate(F12, elsewhere) == [] and verdict(F12, elsewhere, "surfaces") == Verdict.NOT_ATTEMPTED
    finding = found(F11, elsewhere)["AUPRO: Student-teacher (Table 3) > DeSTSeg (Table 3)"]
    assert finding.ours.values == pytest.approx((0.1, 0.09))
    here = make_rows(values, dataset="visa", metric="aupro")
    assert found(F12, here)["AUPRO: Student-teacher (Table 4) > DeSTSeg (Table 4)"].ours is not None
