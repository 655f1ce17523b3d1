"""The ledger against what is stored: its rows lead somewhere, and the book shows what they come to."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import defectlab
from defectlab.report import stored
from defectlab.report.claims import load_claims
from defectlab.report.claims_directives import badges, claims_label, scoreboard_lines
from defectlab.report.directives import markdown
from defectlab.report.printed_tables import published_fidelity, published_generation
from defectlab.report.stored import stored_runs
from defectlab.report.stored.beside import tables_beside
from defectlab.report.stored.grids import stored_grids
from defectlab.report.stored.judged import PAPERS, judged_by, judgements, pieces, standing
from defectlab.report.stored.judged_tables import (
    DRAWN,
    HELD,
    badge_texts,
    counts,
    entering,
    evidence_table,
    held_by_tests,
    orderings_table,
    score_table,
)
from defectlab.report.verdict import Verdict

BOOK = Path(defectlab.__file__).resolve().parent.parent / "book"
CHAPTERS = {"diag": "diag", "in_and_out": "in-and-out", "ddpm_moco": "ddpm-moco", "student_teacher": "student-teacher"}
F1, F2, F3, F4, F5 = load_claims("diag")


@pytest.mark.parametrize("paper", PAPERS)
def test_every_stored_run_that_a_claim_names_is_there_and_has_rows_that_judge_it(paper):
    found = judgements(paper)  # raises where a run is missing or cannot judge
    named = {(claim.id, name) for claim in load_claims(paper) for name in claim.evidence}
    assert {(item.claim.id, name) for item in found for name in item.piece.names} == named
    for item in found:
        metrics = {finding.relation.metric for finding in item.findings}
        assert metrics <= set(item.piece.rows["metric"]), item.claim.id


@pytest.mark.parametrize("paper", PAPERS)
def test_every_stored_run_that_can_judge_a_claim_is_named_by_it(paper):
    names = [run.name for run in stored_runs(paper)]
    names += [grid.name for key in (paper, f"{paper}_study") for grid in stored_grids(key)]
    for name in names:
        for claim in load_claims(paper):
            if claim.id in judged_by(name, paper):
                assert name in claim.evidence, f'add "{name}" to the evidence of {claim.id} in claims/{paper}.toml'


def test_a_claim_that_names_a_run_which_is_not_there_stops_the_build():
    with pytest.raises(ValueError, match="claim F1 of diag, evidence 'nowhere': no stored grid 'nowhere'; there are"):
        pieces(replace(F1, evidence=("nowhere",)))


def test_a_claim_that_names_a_run_which_cannot_judge_it_stops_the_build(monkeypatch):
    from defectlab.report.stored import judged

    judged._judgements.cache_clear()
    monkeypatch.setattr(judged, "load_claims", lambda paper: (replace(F5, evidence=F1.evidence[:1]),))
    with pytest.raises(ValueError, match="claim F5 of diag names kolektor_sdd-zero_shot-real as evidence, which has"):
        judgements("diag")
    judged._judgements.cache_clear()


def test_runs_that_differ_in_the_regime_alone_are_one_piece():
    together = pieces(F4)
    assert [len(piece.names) for piece in together] == [2, 2]
    assert [piece.dataset for piece in together] == ["kolektor_sdd", "magnetic_tile"]
    assert all(len(piece.names) == 1 for piece in pieces(F1)) and [p.masks for p in pieces(F1)][:2] == ["real", "lines"]


@pytest.mark.parametrize("paper", PAPERS)
def test_no_stored_ordering_is_partly_reproduced_by_a_mean_that_is_small_beside_the_papers_gain(paper):
    found = [f for item in judgements(paper) for f in item.findings if f.relation.better != "equal"]
    partly = [f for f in found if f.verdict == Verdict.PARTLY]
    assert all(f.ours.sign == 0 and f.ours.mean >= 0.5 * f.paper > 0 for f in partly)
    assert all(f.ours.sign == 1 for f in found if f.verdict == Verdict.REPRODUCED)
    assert bool(partly) is (paper in ("in_and_out", "student_teacher"))


def test_a_claim_held_by_tests_stands_and_one_without_evidence_was_not_attempted():
    assert standing("student_teacher")["F14"] == Verdict.REPRODUCED
    assert standing("diag")["F5"] == standing("diag")["F3"] == Verdict.NOT_ATTEMPTED


def test_the_scoreboard_counts_every_claim_once_and_leads_to_each_paper():
    table = score_table().frame.set_index("paper")
    for paper, title in zip(PAPERS, table.index, strict=True):
        numbers = [int(table.loc[title, verdict.marked]) for verdict in counts(paper)]
        held = int(table.loc[title, HELD])
        assert sum(numbers) + held == int(table.loc[title, "claims"]) == len(load_claims(paper))
    text = "\n".join(scoreboard_lines())
    assert all(f"<{claims_label(paper)}>`" in text for paper in PAPERS)


def test_a_claim_that_tests_hold_is_no_reproduction():
    assert held_by_tests("student_teacher") == 1 and held_by_tests("diag") == 0
    row = score_table().frame.set_index("paper").loc["Student-teacher"]
    assert (row["✓ reproduced"], row[HELD]) == ("0", "1")
    assert counts("student_teacher")[Verdict.REPRODUCED] == 0
    assert badge_texts("student_teacher")[HELD] == "✓ 1 held by tests"


def test_beside_the_counts_stands_which_runs_they_count():
    said = entering(("diag",))
    assert said.startswith(
        "Counted: 6 stored runs on real images (kolektor_sdd, magnetic_tile). Not counted: the own run"
    )
    assert "the stored comparisons" in said
    mixed = entering(("ddpm_moco",))
    assert mixed.startswith("Counted: 2 stored runs on real images (magnetic_tile) and drawn surfaces (aluminium). Not")
    assert score_table().notes[0] == entering() and set(DRAWN) == {"aluminium", "surfaces"}


def test_what_is_stored_again_is_judged_again(tmp_path):
    (name,) = load_claims("in_and_out")[0].evidence
    shutil.copytree(stored.HOME / name, tmp_path / name)
    assert judgements("in_and_out", tmp_path) is judgements("in_and_out", tmp_path)
    shutil.rmtree(tmp_path / name)
    with pytest.raises(ValueError, match=f"evidence '{name}'"):
        judgements("in_and_out", tmp_path)


def test_evidence_has_the_verdict_second_and_its_commands_in_a_numbered_list_below():
    table = evidence_table("diag")
    assert list(table.frame)[:3] == ["claim", "verdict", "orderings that hold"] and "made by" not in table.frame
    record = json.loads((stored.HOME / F1.evidence[0] / "run.json").read_text())
    listed = [note for note in table.notes if re.match(r"\d+\. ", note)]
    seeds = ", ".join(map(str, record["seeds"]))
    about = f"1. `{F1.evidence[0]}`: {record['profile']} profile, seeds {seeds}, commit {record['commit']}; made by `"
    assert listed[0].startswith(about) and """'"'"'""" not in listed[0]
    assert len(listed) == 6 and table.frame["run"].iloc[0] == "1"
    assert table.frame["run"].iloc[-1] == "6, 3"  # of F4: one run a regime
    assert max(table.frame.map(len).max()) < 60, "a long cell squeezes the others"


def test_what_holds_is_said_of_how_many_are_claimed_and_how_many_could_be_tried():
    held = evidence_table("diag").frame["orderings that hold"]
    assert held.iloc[-1] == "2 of 9 claimed, 2 tried"
    settings = evidence_table("ddpm_moco").frame["orderings that hold"]
    assert settings.iloc[0] == "0 of 20 tried: 5 of 10 claimed, in 4 settings"
    assert any(note.startswith("An ordering holds where its own verdict") for note in evidence_table("diag").notes)


@pytest.mark.parametrize("paper", PAPERS)
def test_a_line_of_an_ordering_has_every_seed_and_its_interval(paper):
    frame = orderings_table(paper).frame
    assert len(frame) == sum(len(item.findings) for item in judgements(paper)) > 0
    assert frame["here (95 %)"].str.fullmatch(r"[+-]\d\.\d{3} \([+-]\d\.\d{3} to [+-]\d\.\d{3}\)").all()
    assert (frame["every seed"].str.count(",") >= 1).all()
    assert list(frame)[:3] == ["claim", "verdict", "ordering"] and frame["run"].str.fullmatch(r"\d+(, \d+)*").all()


def test_badges_say_in_words_what_their_colour_says():
    (first, *_) = badges("student_teacher")
    shown = [node.astext() for node in badges("student_teacher") if node.astext().strip()]
    assert first["classes"][0] == "defectlab-badge"
    assert all(
        re.fullmatch(r"[✓◐✗–] \d+ (?:(?:partly |not )?(?:reproduced|attempted)|held by tests)", text) for text in shown
    ), shown


@pytest.mark.parametrize(("paper", "page"), CHAPTERS.items())
def test_the_home_page_has_the_scoreboard_and_each_paper_its_badges(paper, page):
    assert "{defectlab-scoreboard}" in (BOOK / "index.md").read_text(encoding="utf-8")
    assert f"{{defectlab-badges}} {paper}" in (BOOK / f"{page}.md").read_text(encoding="utf-8")
    claims = (BOOK / "claims.md").read_text(encoding="utf-8")
    for kind in ("claims", "claim_evidence", "claim_orderings"):
        assert f"{{defectlab-table}} {kind} {paper}\n" in claims
    assert f"({claims_label(paper)})=" in claims


def test_every_printed_table_is_shown_and_has_ours_beside_it():
    text = (BOOK / "cells.md").read_text(encoding="utf-8")
    for line in ("fidelity diag", "generation ddpm_moco", "ablation student_teacher"):
        assert f"{{defectlab-table}} {line}\n" in text
    for paper in PAPERS:
        assert f"{{defectlab-table}} published {paper}\n" in text and f"{{defectlab-cells}} {paper}\n" in text
        shown = tables_beside(paper)
        assert shown and all({"paper", "ours", "interval", "verdict"} <= set(table.frame) for table in shown)
        assert all("; stored run " in table.caption for table in shown)
        assert any("made by `" in note for note in shown[-1].notes)
    with pytest.raises(ValueError, match="cells stand beside stored runs for diag, in_and_out"):
        tables_beside("nothing")


def test_tables_of_images_are_those_of_the_papers():
    fidelity = published_fidelity().frame.set_index("method")
    assert fidelity.loc["DIAG"].to_dict() == {"FID_64": "0.096", "FID_192": "0.411"}
    generation = published_generation()
    assert list(generation.frame) == ["metric", "corrosion", "dent", "scratch"] and len(generation.frame) == 2
    assert len([line for line in markdown(generation) if line.startswith("* - ")]) == 3
