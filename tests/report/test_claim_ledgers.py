"""The ledgers of the papers: what they claim holds in the numbers that they print."""

from pathlib import Path

import pandas as pd
import pytest
from orderings import found

from defectlab.report.claims import evaluate, load_claims, scoreboard

F1, F2, F3, F4, F5 = load_claims("diag")
F6, F7, F8 = load_claims("in_and_out")
F11, F12, F13, F14 = load_claims("student_teacher")


def test_each_ordering_holds_in_the_papers_own_numbers(rows):
    for claim in (F1, F2, F3, F4, F5):
        for finding in evaluate(claim, rows):
            assert finding.paper > 0, str(finding.relation)


def test_the_papers_gaps_are_those_of_the_specification(rows):
    paper = {name: finding.paper for name, finding in found(F1, rows).items()}
    gaps = [paper[f"step AP: DIAG (zero-shot, {n}) > In&Out (zero-shot, {n})"] for n in (80, 100, 120)]
    assert gaps == pytest.approx([0.213, 0.175, 0.203])


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


def test_the_orderings_of_student_teacher_hold_in_its_own_tables(make_rows):
    rows = [
        make_rows({("student_teacher", "unified", 8): [0.9, 0.9]}, dataset=name, metric="aupro")
        for name in ("mvtec", "visa", "mpdd")
    ]
    findings = [finding for claim in (F11, F12, F13) for finding in evaluate(claim, pd.concat(rows))]
    assert all(finding.paper > 0 for finding in findings)
    gaps = {(f.dataset, str(f.relation)): round(f.paper, 3) for f in findings}
    assert gaps["mvtec", "image AUROC: Student-teacher (Table 1) > DeSTSeg (Table 1)"] == 0.020
    assert gaps["mvtec", "pixel AUROC: Student-teacher (Table 2) > SimpleNet (Table 2)"] == 0.015
    assert gaps["mvtec", "AUPRO: Student-teacher (Table 3) > UniAD (Table 3)"] == 0.063
    assert gaps["visa", "image AUROC: Student-teacher (Table 4) > DeSTSeg (Table 4)"] == 0.024
    assert gaps["mpdd", "AUPRO: Student-teacher (Table 5) > CFLOW-AD (Table 5)"] == 0.024
    assert gaps["mvtec", "AUPRO: Student-teacher (Table 6) > w/o segmentation head (Table 6)"] == 0.032


def test_each_claim_says_how_it_is_tested():
    assert F1.tested == "step AP; each n_aug apart; differences paired by seed"
    assert F5.tested == "Inception, first max-pool; Inception, second max-pool; differences paired by seed"
    assert F8.tested.startswith("trapezoid AP; mean over the paper's n_aug that both sides have, seed by seed")
    assert "best-F1 threshold, test set" in F6.tested


def test_an_unknown_paper_lists_the_ledger():
    with pytest.raises(ValueError, match="no claims of paper 'dig'; the ledger has: ddpm_moco, diag, in_and_out"):
        load_claims("dig")


def test_invariants_are_held_by_tests_that_are_there(rows):
    for test in F14.tests:
        file, name = test.split("::")
        assert f"def {name}(" in (Path(__file__).parents[2] / file).read_text(encoding="utf-8"), test
    board = scoreboard(None, "student_teacher").set_index("claim")
    assert board.loc["F14", "verdict"] == "✓ reproduced" and board.loc["F14", "held"] == "in every build"
    assert set(board.loc[["F11", "F12", "F13"], "verdict"]) == {"– not attempted"}
