"""Snakemake runs what is left of a grid; a failed or killed job costs itself only."""

import fcntl
import stat

import pytest

from defectlab.grid import engine
from defectlab.grid.engine import profile_dir, run_grid, snakemake_command
from defectlab.grid.jobs import Cell, mark_path
from defectlab.grid.loading import workflow_dir
from defectlab.grid.marks import is_done, status
from defectlab.grid.plan import Grid

JOB = """#!/bin/bash
# In place of python -m defectlab grid ...: writes the mark of a job, and notes that it ran.
while [ $# -gt 0 ]; do case $1 in --id) id=$2; shift;; --mark) mark=$2; shift;; esac; shift; done
here=$(dirname "$0")
echo "$mark" >> "$here/ran.txt"
case $id in
  full_shot-memseg-4-0) [ -e "$here/mended" ] || { echo "this cell has bad luck"; exit 3; } ;;
  full_shot-memseg-4-1) [ -e "$here/killed" ] || { touch "$here/killed"; kill -9 0; } ;;
esac
mkdir -p "$(dirname "$mark")"
echo "{\\"id\\": \\"$id\\", \\"seconds\\": 3.0}" > "$mark.partial" && mv "$mark.partial" "$mark"
"""


@pytest.fixture
def tiny(tmp_path):
    """A grid of six cells whose jobs are a script that needs milliseconds."""
    script = tmp_path / "fake python"
    script.write_text(JOB)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    values = {"paper": "in_and_out", "methods": ["memseg", "ddpm"], "n_aug": [4], "regimes": ["full_shot"]}
    return Grid.from_mapping({**values, "seeds": [0, 1], "baselines": ["full_shot"], "python": str(script)})


def test_a_killed_grid_goes_on_a_failed_cell_stops_no_other_and_nothing_runs_twice(tiny, tmp_path, monkeypatch):
    elsewhere = tmp_path / "some where"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    told = []
    bad, killed = Cell("memseg", "full_shot", 4, 0), Cell("memseg", "full_shot", 4, 1)

    assert run_grid(tiny, 1, tell=told.append) == 1  # one cell kills Snakemake and all its jobs
    assert (tmp_path / "killed").exists() and not is_done(tiny, killed)
    assert any("stopped without an error of its own" in line for line in told)

    told.clear()
    assert run_grid(tiny, 2, tell=told.append) == 1
    assert status(tiny).left == (bad,)
    text = "\n".join(told)
    assert "5 of 6 cells" in text and f"log {tiny.folder}/logs/cells/{bad.id}.log" in text
    assert (tiny.folder / "logs/cells" / f"{bad.id}.log").read_text().strip() == "this cell has bad luck"

    (tmp_path / "mended").touch()
    before = (tmp_path / "ran.txt").read_text().split()
    assert run_grid(tiny, 2, tell=told.append) == 0
    assert (tmp_path / "ran.txt").read_text().split() == [*before, str(mark_path(bad))]
    assert all(before.count(str(mark_path(job))) == 1 for job in tiny.jobs if job not in (bad, killed))

    assert run_grid(tiny, 2, tell=told.append) == 0  # nothing is left: Snakemake is not even started
    assert (tmp_path / "ran.txt").read_text().split() == [*before, str(mark_path(bad))]
    assert list(elsewhere.iterdir()) == []


def test_what_snakemake_says_when_it_cannot_start_is_shown(tiny):
    with pytest.raises(ValueError, match=r"(?s)ended with 2 before any job.*no-such-option"):
        run_grid(tiny, 1, extra=["--no-such-option"], tell=lambda line: None)


def test_a_grid_that_is_running_is_not_started_a_second_time(tiny):
    tiny.folder.mkdir(parents=True)
    with (tiny.folder / engine.LOCK).open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="is running already; `defectlab grid status`"):
            run_grid(tiny, 1, tell=lambda line: None)


def test_the_profiles_are_found_by_name_and_by_folder(tmp_path):
    assert {profile_dir(name).name for name in ("local", "slurm", "kubernetes")} == {"local", "slurm", "kubernetes"}
    (tmp_path / "config.yaml").write_text("cores: 1\n")
    assert profile_dir(str(tmp_path)) == tmp_path
    with pytest.raises(FileNotFoundError, match="'slrum': expected one of kubernetes, local, slurm"):
        profile_dir("slrum")


def test_the_line_for_snakemake_names_the_grid_in_the_run_store(tiny):
    words = snakemake_command(tiny, 3, extra=["--dry-run"])
    assert words[words.index("--configfile") + 1] == str(tiny.folder / "grid.json")
    assert words[words.index("--cores") + 1] == "3" and words[-1] == "--dry-run"


def test_where_marks_travel_through_storage_each_grid_has_a_place_of_its_own(tiny):
    words = snakemake_command(tiny, 1, "kubernetes")
    assert words[words.index("--default-storage-prefix") + 1] == f"/grid/storage/{tiny.name}"
    assert "--default-storage-prefix" not in snakemake_command(tiny, 1, "slurm")


def test_without_snakemake_the_way_to_get_it_is_said(tiny, monkeypatch):
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'defectlab\[grid\]'"):
        snakemake_command(tiny, 1)


def test_marks_are_where_the_snakefile_writes_them(tiny):
    text = (workflow_dir() / "Snakefile").read_text()
    assert '"done/{Cell.kind}/{{id}}.json"' in text
    assert mark_path(Cell("memseg", "full_shot", 4, 0)).parts[:2] == ("done", "cells")
