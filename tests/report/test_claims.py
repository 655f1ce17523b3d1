import argparse
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from defectlab.paths import runs_dir
from defectlab.report import command
from defectlab.report.claims import evaluate, findings_table, load_claims, scoreboard, verdict
from defectlab.report.summary import summarise
from defectlab.report.verdict import Verdict, combine, of_cell, of_equality

F1, F2, F3, F4, F5 = load_claims("diag")
F6, F7, F8 = load_claims("in_and_out")
F11, F12, F13, F14 = load_claims("student_teacher")
METHODS = ("diag", "in_and_out", "memseg")


def found(claim, rows):
    return {str(finding.relation): finding for finding in evaluate(claim, rows)}


def test_each_ordering_holds_in_the_papers_own_numbers(rows):
    for claim in (F1, F2, F3, F4, F5):
        for finding in evaluate(claim, rows):
            assert finding.paper > 0, str(finding.relation)


def test_the_papers_gaps_are_those_of_the_specification(rows):
    paper = {name: finding.paper for name, finding in found(F1, rows).items()}
    gaps = [paper[f"ap_step: DIAG (zero-shot, {n}) > In&Out (zero-shot, {n})"] for n in (80, 100, 120)]
    assert gaps == pytest.approx([0.213, 0.175, 0.203])


def test_a_clear_ordering_is_reproduced_with_all_its_seeds(rows):
    finding = found(F1, rows)["ap_step: DIAG (zero-shot, 100) > MemSeg (zero-shot, 100)"]
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
    rows = make_rows({("diag", "zero_shot", 100): [0.9], ("memseg", "zero_shot", 100): [0.1]})
    assert verdict(F1, rows, "surfaces") == Verdict.PARTLY


def test_differences_are_paired_by_the_seeds_that_both_have(make_rows):
    rows = make_rows({("diag", "zero_shot", 100): [0.6, 0.7, 0.8], ("memseg", "zero_shot", 100): [0.5, 0.55]})
    finding = found(F1, rows)["ap_step: DIAG (zero-shot, 100) > MemSeg (zero-shot, 100)"]
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


def test_the_orderings_of_in_and_out_hold_in_its_own_averages(rows):
    for claim in (F6, F7, F8):
        for finding in evaluate(claim, rows):
            if finding.relation.better == "equal":
                assert abs(finding.paper) <= 0.05
            else:
                assert finding.paper > 0, str(finding.relation)


def test_the_gaps_of_the_full_shot_claim_are_those_of_the_specification(rows):
    paper = {str(finding.relation): finding.paper for finding in evaluate(F8, rows)}
    gaps = sorted(round(gap, 3) for gap in paper.values())
    assert gaps == [0.004, 0.004, 0.013, 0.017, 0.017, 0.021]


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
    finding = found(F6, rows)["ap_trapezoid: In&Out (zero-shot, average) > MemSeg (zero-shot, average)"]
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
    name = "ap_trapezoid: In&Out (full-shot, average) > No augmentation (full-shot, 0)"
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
        return found(F7, rows)["ap_trapezoid: MemSeg (few-shot, average) ≈ In&Out (few-shot, average)"].verdict

    assert judged(0.50, 0.51, 0.49) == Verdict.REPRODUCED
    assert judged(0.30, 0.50, 0.70) == Verdict.PARTLY  # contains zero, which shows nothing
    assert judged(0.70, 0.71, 0.72) == Verdict.NOT
    assert judged(0.50) == Verdict.PARTLY
    assert of_equality(None) == Verdict.NOT_ATTEMPTED


def test_each_claim_says_how_it_is_tested():
    assert F1.tested == "step AP; each n_aug apart; differences paired by seed"
    assert F5.tested == "Inception, first max-pool; Inception, second max-pool; differences paired by seed"
    assert F8.tested.startswith("trapezoid AP; mean over the paper's n_aug that both sides have, seed by seed")
    assert "best-F1 threshold, test set" in F6.tested


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


def test_rows_that_stand_twice_are_named(rows):
    with pytest.raises(ValueError, match="1 result rows stand twice, first none ap_step seed 0 on surfaces"):
        findings_table(pd.concat([rows, rows[:1]]))


def test_missing_columns_are_named(rows):
    with pytest.raises(ValueError, match="result rows lack the columns seed, metric"):
        scoreboard(rows.drop(columns=["seed", "metric"]))


def test_an_unknown_paper_lists_the_ledger():
    with pytest.raises(ValueError, match="no claims of paper 'dig'; the ledger has: ddpm_moco, diag, in_and_out"):
        load_claims("dig")


def run_command(*words):
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    arguments = parser.parse_args(["claims", *map(str, words)])
    return arguments.handler(arguments)


def test_the_command_lists_every_claim_without_results(capsys):
    assert run_command() == 0
    out = capsys.readouterr().out
    assert all(claim.id in out and claim.statement in out for claim in load_claims())
    positions = [out.index(claim.id) for claim in load_claims()]
    assert all(a < b for a, b in pairwise(positions))


def test_the_command_judges_a_results_file(tmp_path, rows, capsys):
    file = tmp_path / "results.csv"
    rows.to_csv(file, index=False)
    run_command("--results", file)
    assert "partly reproduced" in capsys.readouterr().out
    run_command("--results", file, "--orderings")
    assert "DIAG (zero-shot, 100) > MemSeg (zero-shot, 100)" in capsys.readouterr().out


def test_the_command_lists_the_cells(capsys):
    run_command("--cells")
    assert "diag/tableII/diag/120/AP" in capsys.readouterr().out
    run_command("--paper", "in_and_out", "--cells")
    assert "in_and_out/table5/in_and_out/120/AP" in capsys.readouterr().out


def test_the_command_lists_the_claims_of_in_and_out(capsys):
    run_command("--paper", "in_and_out")
    out = capsys.readouterr().out
    assert all(claim.id in out for claim in (F6, F7, F8))


def test_the_command_names_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="no results file at"):
        run_command("--results", tmp_path / "nowhere.csv")


def test_the_command_reads_the_run_store_and_says_what_it_leaves_out(rows, capsys):
    for name in ("a", "b"):
        folder = runs_dir() / "diag" / name
        folder.mkdir(parents=True)
        rows.to_csv(folder / "results.csv", index=False)
    run_command()
    out = capsys.readouterr().out
    assert out.startswith("15 rows of other runs with the same setting are left out")
    assert "surfaces" in out


def test_the_orderings_of_student_teacher_hold_in_its_own_tables(make_rows):
    rows = [
        make_rows({("student_teacher", "unified", 8): [0.9, 0.9]}, dataset=name, metric="aupro")
        for name in ("mvtec", "visa", "mpdd")
    ]
    findings = [finding for claim in (F11, F12, F13) for finding in evaluate(claim, pd.concat(rows))]
    assert all(finding.paper > 0 for finding in findings)
    gaps = {(f.dataset, str(f.relation)): round(f.paper, 3) for f in findings}
    assert gaps["mvtec", "image_auroc: Student-teacher (Table 1) > DeSTSeg (Table 1)"] == 0.020
    assert gaps["mvtec", "pixel_auroc: Student-teacher (Table 2) > SimpleNet (Table 2)"] == 0.015
    assert gaps["mvtec", "aupro: Student-teacher (Table 3) > UniAD (Table 3)"] == 0.063
    assert gaps["visa", "image_auroc: Student-teacher (Table 4) > DeSTSeg (Table 4)"] == 0.024
    assert gaps["mpdd", "aupro: Student-teacher (Table 5) > CFLOW-AD (Table 5)"] == 0.024
    assert gaps["mvtec", "aupro: Student-teacher (Table 6) > w/o segmentation head (Table 6)"] == 0.032


def test_an_ordering_of_one_data_set_is_judged_by_its_rows_alone(make_rows):
    values = {("student_teacher", "unified", 8): [0.9, 0.91], ("destseg", "unified", 8): [0.8, 0.82]}
    elsewhere = make_rows(values, metric="aupro")
    assert evaluate(F12, elsewhere) == [] and verdict(F12, elsewhere, "surfaces") == Verdict.NOT_ATTEMPTED
    finding = found(F11, elsewhere)["aupro: Student-teacher (Table 3) > DeSTSeg (Table 3)"]
    assert finding.ours.values == pytest.approx((0.1, 0.09))
    here = make_rows(values, dataset="visa", metric="aupro")
    assert found(F12, here)["aupro: Student-teacher (Table 4) > DeSTSeg (Table 4)"].ours is not None


def test_invariants_are_held_by_tests_that_are_there(rows):
    for test in F14.tests:
        file, name = test.split("::")
        assert f"def {name}(" in (Path(__file__).parents[2] / file).read_text(encoding="utf-8"), test
    board = scoreboard(None, "student_teacher").set_index("claim")
    assert board.loc["F14", "verdict"] == "✓ reproduced" and board.loc["F14", "held"] == "in every build"
    assert set(board.loc[["F11", "F12", "F13"], "verdict"]) == {"– not attempted"}
