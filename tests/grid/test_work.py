"""Cells that really train, tiny: shared images are those of a cell alone, a broken cell ends as an unbroken one."""

import pandas as pd
import pytest

from defectlab.grid import work
from defectlab.grid.collect import collect, run_folder
from defectlab.grid.jobs import Cell, FineTune, ImageSet
from defectlab.grid.lines import cell_command, grid_command
from defectlab.grid.marks import is_done, read_mark, status
from defectlab.grid.plan import Grid
from defectlab.params import ParameterError
from defectlab.synthesis import store as sets

TINY = {"epochs": 1, "device": "cpu"}


def grid_of(runs, **changes):
    values = {"paper": "in_and_out", "methods": ["memseg"], "n_aug": [3, 5], "regimes": ["zero_shot"], "seeds": [4]}
    return Grid.from_mapping({**values, "profile": "smoke", "parameters": TINY, "runs": str(runs), **changes})


def test_a_shared_and_broken_cell_gives_the_rows_of_one_alone_and_unbroken(tmp_path, monkeypatch):
    shared, alone = grid_of(tmp_path / "shared"), grid_of(tmp_path / "alone")
    cell, longest = Cell("memseg", "zero_shot", 3, 4), ImageSet("memseg", "", 4, 5)

    work.run_job(shared, longest)
    assert read_mark(shared, longest)["making"] > 0
    before = {path: path.stat().st_mtime_ns for path in shared.shared.rglob("*.png")}
    assert len(before) == 2 * (5 + 10)  # images and masks, for training and validation

    with monkeypatch.context() as broken:
        broken.setattr(work.detect, "_metrics", lambda scores: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            work.run_job(shared, cell)
    assert status(shared).failed == (cell,)
    work.run_job(shared, cell)
    assert {path: path.stat().st_mtime_ns for path in shared.shared.rglob("*.png")} == before  # none was made again

    work.run_job(alone, cell)
    made, own = (sets.load(grid.shared / "memseg" / "seed-4") for grid in (shared, alone))
    assert (len(made), len(own)) == (5, 3)
    assert all((a.image == b.image).all() for a, b in zip(made.items, own.items, strict=False))
    left, right = (collect(grid).rows.drop(columns=["seconds", "commit"]) for grid in (shared, alone))
    pd.testing.assert_frame_equal(left, right)

    finished = (run_folder(shared, cell) / "provenance.json").read_text()
    assert "defectlab grid cell in_and_out --method memseg --regime zero_shot --seed 4 --n-aug 3" in finished
    assert read_mark(shared, cell)["test_images"]["defective"] > 0
    assert "is done already" in work.run_job(shared, cell)
    assert (run_folder(shared, cell) / "provenance.json").read_text() == finished


def test_each_job_has_the_parameters_of_its_notebook():
    grid = grid_of("", methods=["memseg", "ddpm"], regimes=["few_shot"], baselines=["few_shot"])
    cell = work.parameters(grid, Cell("ddpm", "few_shot", 3, 4))
    assert (cell.arms, cell.n_aug, cell.regime, cell.seeds, cell.epochs) == (("ddpm",), 3, "few_shot", [4], 1)
    bare = work.parameters(grid, Cell("none", "few_shot", 0, 4))
    assert (bare.arms, bare.n_aug) == (("none",), 5)
    images = work.parameters(grid, ImageSet("memseg", "", 4, 5))
    assert (images.arms, images.n_aug, images.regime) == (("memseg",), 5, "zero_shot")
    assert work.parameters(grid, FineTune("few_shot", 4)).arms == ("ddpm",)


def test_a_cell_of_diag_trains_the_one_method_of_its_notebook():
    grid = grid_of("", paper="diag", methods=["memseg", "diag"], regimes=["full_shot"], baselines=["full_shot"])
    assert work.parameters(grid, Cell("diag", "full_shot", 3, 4)).arms == ("diag",)
    assert work.parameters(grid, Cell("none", "full_shot", 0, 4)).arms == ("none",)


def test_a_wrong_parameter_stops_a_cell_at_once_and_is_told(tmp_path):
    grid = grid_of(tmp_path, parameters={"epoch": 1})
    cell = grid.cells[0]
    with pytest.raises(ParameterError, match="epoch: no such parameter; did you mean 'epochs'"):
        work.run_job(grid, cell)
    assert not is_done(grid, cell) and status(grid).failed == (cell,)


def test_a_profile_of_the_environment_that_is_not_the_grids_is_refused(tmp_path, monkeypatch):
    grid = grid_of(tmp_path)
    monkeypatch.setenv("DEFECTLAB_PROFILE", "laptop")
    with pytest.raises(ValueError, match="the grid is smoke, DEFECTLAB_PROFILE says laptop"):
        work.parameters(grid, grid.cells[0])


def test_the_lines_that_repeat_a_grid_and_a_cell():
    grid = grid_of("", parameters={"epochs": 2, "masks": "lines"}, baselines=["few_shot"])
    assert grid_command(grid) == (
        "defectlab grid run in_and_out --methods memseg --n-aug 3 5 --regimes zero_shot --seeds 4 "
        "--baselines few_shot --profile smoke --dataset surfaces -p epochs 2 -r masks lines"
    )
    assert cell_command(grid, Cell("none", "few_shot", 0, 4)) == (
        "defectlab grid cell in_and_out --method none --regime few_shot --seed 4 "
        "--profile smoke --dataset surfaces -p epochs 2 -r masks lines"
    )
