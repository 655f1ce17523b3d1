"""Finished cells become one tidy table, the paper's tables, and a stored profile."""

import json

import pandas as pd
import pytest

from defectlab import cli
from defectlab.grid.collect import collect, run_folder
from defectlab.grid.jobs import Cell
from defectlab.grid.plan import Grid
from defectlab.grid.report import write_report
from defectlab.grid.saving import measured_saving, plan_lines
from defectlab.report.stored.grids import load_stored_grid, store_grid, stored_grids
from defectlab.results import COLUMNS, KEY, read_results


@pytest.fixture
def finished(grid, finish):
    for i, job in enumerate(grid.jobs):
        finish(grid, job, value=(i % 10) / 10, seconds=10.0, making=4.0)
    return grid


def test_the_table_has_one_row_a_cell_and_metric_with_the_columns_of_results(finished):
    collected = collect(finished)
    rows = read_results(collected.table)
    assert collected.table == finished.folder / "grid.csv" and collected.missing == ()
    assert list(rows.columns) == COLUMNS and len(rows) == 26 * 6
    assert not rows.duplicated(KEY).any()
    assert set(zip(rows.regime, rows.method, rows.n_aug, rows.seed, strict=True)) == {
        (cell.regime, cell.method, cell.n_aug, cell.seed) for cell in finished.cells
    }
    times = pd.read_csv(finished.folder / "times.csv")
    assert len(times) == len(finished.jobs) and times.seconds.sum() == 360


def test_a_part_of_a_grid_is_collected_and_the_rest_is_named(grid, finish):
    finish(grid, Cell("memseg", "zero_shot", 4, 0))
    collected = collect(grid)
    assert len(collected.rows) == 6 and len(collected.missing) == 25
    assert "zero_shot-ddpm-6-1" in json.loads((grid.folder / "collected.json").read_text())["missing"]


def test_nothing_finished_is_said(grid):
    with pytest.raises(ValueError, match="no cell is finished; `defectlab grid run in_and_out`"):
        collect(grid)


def test_rows_of_another_cell_are_refused(grid, finish):
    one, other = Cell("memseg", "zero_shot", 4, 0), Cell("ddpm", "zero_shot", 4, 0)
    finish(grid, one)
    finish(grid, other)
    wrong = (run_folder(grid, one) / "results.csv").read_text()
    (run_folder(grid, other) / "results.csv").write_text(wrong)
    with pytest.raises(ValueError, match="expected rows of the cell zero_shot-ddpm-4-0 alone"):
        collect(grid)


def test_the_papers_tables_and_curves_are_made_without_hand_work(finished):
    page = write_report(finished, collect(finished))
    names = {path.name for path in page.parent.iterdir()}
    assert {"zero_shot-table-1.csv", "zero_shot-table-2.csv", "full_shot-table-1.csv", "claims.csv"} <= names
    assert {"zero_shot-operating-points-test.png", "zero_shot-ap.png", "power.csv", "results.csv"} <= names
    text = page.read_text()
    assert "In&amp;Out" in text and "defectlab grid run in_and_out" in text and "Not finished" not in text


def test_a_part_of_a_grid_without_any_method_still_gives_a_report(grid, finish):
    finish(grid, Cell("none", "full_shot", 0, 0))
    page = write_report(grid, collect(grid))
    assert "Not finished: zero_shot-memseg-4-0" in page.read_text()


def test_a_grid_of_diag_gives_its_own_tables(finish):
    values = {"paper": "diag", "methods": ["memseg", "diag"], "n_aug": [80, 100], "regimes": ["zero_shot"]}
    grid = Grid.from_mapping({**values, "seeds": [0, 1]})
    for job in grid.jobs:
        finish(grid, job)
    page = write_report(grid, collect(grid))
    assert {"zero_shot-table.csv", "zero_shot-ap.png", "orderings.csv"} <= {path.name for path in page.parent.iterdir()}


def test_the_saving_is_measured_on_finished_cells(finished, grid):
    measured = measured_saving(finished)
    # 36 jobs of 10 s, each once
    assert measured.cells == 26 and measured.shared == 360
    # 26 trainings; 16 cells fine-tune for 4 s; a set of 6 + 10 images takes 4 s, a cell with 4 needs 14 of them:
    # memseg and ddpm as they are, In&Out half of each of two sets
    images = 4.0 * (12 * 14 + 12 * 16) / 16
    assert measured.alone == pytest.approx(26 * 10 + 16 * 4 + images)
    assert any("times as long" in line for line in plan_lines(finished))


def test_a_plan_counts_before_anything_has_run(grid, capsys):
    assert cli.main(["grid", "plan", "in_and_out"]) == 0
    text = capsys.readouterr().out
    assert "112 cells = 3 methods x 3 n_aug x 3 regimes x 4 seeds + 4 without synthetic images" in text
    assert "fine-tunings              12        72      83 %" in text and "measured" not in text


def test_a_collected_grid_is_stored_and_read_back(finished, tmp_path):
    collect(finished)
    folder = store_grid(finished.folder, "surfaces-tiny", "A tiny grid", "made up", root=tmp_path)
    found = load_stored_grid("surfaces-tiny", tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["grid.json", "results.csv"]
    assert (found.paper, found.n_aug, found.cells, found.minutes) == ("in_and_out", (4, 6), 26, 6.0)
    assert found.command.startswith("defectlab grid run in_and_out --methods memseg ddpm in_and_out --n-aug 4 6")
    assert len(found.rows) == 26 * 6 and found.provenance.stored == "surfaces-tiny"
    assert stored_grids("in_and_out", root=tmp_path) == (found,) and stored_grids("diag", root=tmp_path) == ()


def test_a_stored_grid_names_no_place_of_this_machine(finish, tmp_path):
    parameters = {"data_root": str(tmp_path), "weights": str(tmp_path / "mine.pt")}
    values = {"paper": "in_and_out", "methods": ["memseg"], "n_aug": [4], "regimes": ["zero_shot"], "seeds": [0]}
    grid = Grid.from_mapping({**values, "parameters": parameters})
    for job in grid.jobs:
        finish(grid, job)
    collect(grid)
    folder = store_grid(grid.folder, "x", "A tiny grid", "made up", root=tmp_path / "stored")
    text = (folder / "grid.json").read_text()
    assert str(tmp_path) not in text and "mine.pt" in text and "data_root" not in text


def test_a_grid_that_is_not_whole_or_only_smoke_is_not_stored(grid, finish, tmp_path):
    with pytest.raises(FileNotFoundError, match="defectlab grid collect writes it"):
        store_grid(grid.folder, "x", "title", "note", root=tmp_path)
    finish(grid, Cell("memseg", "zero_shot", 4, 0))
    collect(grid)
    with pytest.raises(ValueError, match=r"25 cells are not finished.*goes on where it was: defectlab grid run"):
        store_grid(grid.folder, "x", "title", "note", root=tmp_path)
    smoke = Grid.from_mapping({**grid.as_dict(), "profile": "smoke"})
    finish(smoke, Cell("memseg", "zero_shot", 4, 0))
    collect(smoke)
    with pytest.raises(ValueError, match="a smoke grid shows that the code runs"):
        store_grid(smoke.folder, "x", "title", "note", root=tmp_path)
    assert stored_grids(root=tmp_path) == ()


def test_the_command_stores_a_grid_as_it_stores_a_run(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("defectlab.report.stored.HOME", tmp_path)
    collect(finished)
    arguments = ["--name", "tiny", "--title", "A tiny grid", "--note", "made up"]
    assert cli.main(["claims", "store", str(finished.folder), *arguments]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "tiny")
