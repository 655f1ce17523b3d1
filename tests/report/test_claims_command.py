"""`defectlab claims`: the ledger, and what results say of it."""

import argparse
from itertools import pairwise

import pytest

from defectlab.paths import runs_dir
from defectlab.report import command
from defectlab.report.claims import load_claims
from defectlab.report.verdict import ORDERING_RULE
from defectlab.runs import collect_results

F6, F7, F8 = load_claims("in_and_out")


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


def test_rows_of_other_notebooks_of_one_book_do_not_stop_the_command(rows, capsys):
    for notebook, value in (("diag", 0.9), ("in_and_out", 0.1), ("comparison", 0.2), ("diag_study", 0.3)):
        folder = runs_dir() / notebook / "laptop"
        folder.mkdir(parents=True)
        rows.assign(notebook=notebook, value=value).to_csv(folder / "results.csv", index=False)
    for paper in ("diag", "in_and_out", "ddpm_moco"):
        assert run_command("--paper", paper) == 0
        assert "left out" not in capsys.readouterr().out
    own = command._own(collect_results(), "diag")
    assert set(own["notebook"]) == {"diag"} and len(own) == len(rows)


def test_rows_of_two_files_that_collide_name_the_option(rows, tmp_path):
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file, notebook in zip(files, ("diag", "in_and_out"), strict=True):
        rows.assign(notebook=notebook).to_csv(file, index=False)
    with pytest.raises(ValueError, match="stand twice.*--results FILE"):
        run_command("--results", *files)


@pytest.mark.parametrize("paper", ["diag", "in_and_out", "ddpm_moco", "student_teacher"])
def test_one_rule_of_orderings_is_printed_for_every_paper(paper, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DEFECTLAB_RUNS", str(tmp_path))
    assert run_command("--paper", paper) == 0
    assert capsys.readouterr().out.endswith(f"\n{ORDERING_RULE}\n")
