"""The command line of the grid."""

import json

import pytest

from defectlab import cli
from defectlab.grid import work


@pytest.fixture
def asked(monkeypatch):
    """What jobs were asked for, without doing them."""
    jobs = []

    def remember(grid, job, mark=None, since=None):
        jobs.append((grid, job, mark))
        return f"{job.id} is done"

    monkeypatch.setattr(work, "run_job", remember)
    return jobs


def test_one_cell_is_run_by_its_values(asked, capsys):
    line = "grid cell in_and_out --method memseg --regime zero_shot --n-aug 7 --seed 9 --profile smoke -p epochs 1"
    assert cli.main(line.split()) == 0
    (grid, cell, mark) = asked[0]
    assert cell.id == "zero_shot-memseg-7-9" and mark is None
    assert grid.profile == "smoke" and grid.parameters == {"epochs": 1}
    assert capsys.readouterr().out == "zero_shot-memseg-7-9 is done\n"


def test_a_cell_without_synthetic_images_needs_no_count(asked):
    assert cli.main(["grid", "cell", "diag", "--method", "none", "--regime", "full_shot", "--seed", "0"]) == 0
    assert asked[0][1].id == "full_shot-none-0-0"


def test_a_cell_that_is_not_told_whole_is_refused(asked, capsys):
    assert cli.main(["grid", "cell", "diag", "--method", "diag", "--seed", "0"]) == 2
    assert "cell: give regime, n_aug, or the id of a cell" in capsys.readouterr().err
    assert cli.main(["grid", "cell", "diag", "--method", "none", "--regime", "zero_shot", "--seed", "0"]) == 2
    assert "zero_shot has no positives at all" in capsys.readouterr().err


def test_the_jobs_that_snakemake_starts_are_found_by_name(asked, grid, tmp_path):
    file, mark = str(grid.save()), str(tmp_path / "mark.json")
    assert cli.main(["grid", "prepare", file, "--kind", "images", "--id", "all-memseg-6-1", "--mark", mark]) == 0
    assert cli.main(["grid", "prepare", file, "--kind", "fine_tune", "--id", "full_shot-0"]) == 0
    assert cli.main(["grid", "cell", file, "--id", "full_shot-none-0-1"]) == 0
    assert [job.id for _, job, _ in asked] == ["all-memseg-6-1", "full_shot-0", "full_shot-none-0-1"]
    assert str(asked[0][2]) == mark and asked[0][0].folder == grid.folder


def test_the_axes_of_a_grid_can_be_changed(capsys):
    line = "grid plan in_and_out --methods memseg diag --n-aug 20 --regimes zero_shot --seeds 0 1 2 --baselines none"
    assert cli.main([*line.split(), "-p", "prompts", "['a crack']", "--profile", "smoke"]) == 0
    assert "6 cells = 2 methods x 1 n_aug x 1 regimes x 3 seeds\n" in capsys.readouterr().out


def test_status_tells_what_failed_and_what_is_left(grid, finish, capsys):
    file = str(grid.save())
    finish(grid, grid.cells[0])
    assert cli.main(["grid", "status", file]) == 0
    out = capsys.readouterr().out
    assert "1 of 26 cells" in out and "cells/zero_shot-ddpm-6-1" in out
    failed = grid.folder / "failed" / "cells" / f"{grid.cells[1].id}.json"
    failed.parent.mkdir(parents=True)
    failed.write_text(json.dumps({"error": "MemoryError: of this machine"}))
    assert cli.main(["grid", "status", file]) == 1
    assert f"failed  cells/{grid.cells[1].id}: MemoryError: of this machine" in capsys.readouterr().out


def test_collect_writes_table_and_report(grid, finish, capsys, monkeypatch):
    monkeypatch.setattr("defectlab.grid.report.write_report", lambda grid, collected: grid.folder / "report.html")
    for cell in grid.cells:
        finish(grid, cell)
    assert cli.main(["grid", "collect", str(grid.save())]) == 0
    out = capsys.readouterr().out
    assert f"table   {grid.folder / 'grid.csv'} (156 rows of 26 cells)" in out and "report.html" in out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("grid plan moco", "no grid 'moco'"),
        ("grid run diag --cores 0", "--cores: expected at least 1, got 0"),
        ("grid run diag --on slrum", "no Snakemake profile 'slrum'"),
        ("grid collect diag --profile smoke", "no cell is finished"),
    ],
)
def test_what_cannot_be_done_is_said(line, message, capsys):
    assert cli.main(line.split()) == 2
    assert message in capsys.readouterr().err


def test_the_group_alone_prints_its_help(capsys):
    with pytest.raises(SystemExit):
        cli.main(["grid"])
    assert "run what is left" in capsys.readouterr().out
