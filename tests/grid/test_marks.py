"""What is done stays done, what failed is told, and the time left is an honest guess."""

import pytest

from defectlab.grid.jobs import Cell, FineTune, ImageSet, failure_path, mark_path
from defectlab.grid.marks import clock, estimate, failure_of, is_done, marked, pending, pending_needs, read_mark, status

CELL = Cell("memseg", "zero_shot", 4, 0)


def test_a_job_is_done_when_its_block_ends_and_not_before(grid):
    with marked(grid, CELL) as record:
        record["run"] = "somewhere"
        assert not is_done(grid, CELL)
    assert is_done(grid, CELL)
    assert read_mark(grid, CELL)["run"] == "somewhere"
    assert CELL not in pending(grid) and len(pending(grid)) == len(grid.cells) - 1


def test_a_job_that_raises_is_marked_as_failed_and_raises_on(grid):
    with pytest.raises(RuntimeError), marked(grid, CELL):
        raise RuntimeError("no memory\nat all")
    now = status(grid)
    assert now.failed == (CELL,) and CELL in now.left
    assert "RuntimeError: no memory\n" in failure_of(grid, CELL)
    assert str(grid.folder / "logs/cells/zero_shot-memseg-4-0.log") in failure_of(grid, CELL)


def test_a_job_that_succeeds_at_last_is_no_failure_any_more(grid):
    with pytest.raises(RuntimeError), marked(grid, CELL):
        raise RuntimeError("no memory")
    with marked(grid, CELL):
        pass
    assert status(grid).failed == () and not (grid.folder / failure_path(CELL)).exists()


def test_a_further_mark_is_written_where_snakemake_waits_for_it(grid, tmp_path):
    with marked(grid, CELL, tmp_path / "storage" / "mark.json"):
        pass
    assert is_done(grid, CELL)
    assert (tmp_path / "storage" / "mark.json").read_text() == (grid.folder / mark_path(CELL)).read_text()


def test_an_interrupted_job_is_neither_done_nor_failed(grid):
    with pytest.raises(KeyboardInterrupt), marked(grid, CELL):
        raise KeyboardInterrupt
    assert not is_done(grid, CELL) and status(grid).failed == ()
    assert "stopped without an error of its own" in failure_of(grid, CELL)


def test_only_what_is_not_done_is_waited_for(grid, finish):
    mixed = Cell("in_and_out", "zero_shot", 6, 1)
    ddpm, memseg = ImageSet("ddpm", "zero_shot", 1, 6), ImageSet("memseg", "", 1, 6)
    assert set(pending_needs(grid, mixed)) == {ddpm, memseg}
    finish(grid, memseg)
    assert pending_needs(grid, mixed) == (ddpm,)


def test_the_time_left_is_that_of_jobs_of_the_same_group_then_of_the_same_kind():
    times = {
        Cell("memseg", "zero_shot", 4, 0): 10.0,
        Cell("memseg", "zero_shot", 6, 0): 20.0,
        Cell("ddpm", "zero_shot", 4, 0): 60.0,
        FineTune("zero_shot", 0): 100.0,
    }
    assert estimate(times, [Cell("memseg", "zero_shot", 4, 1)]) == 15.0
    assert estimate(times, [Cell("memseg", "few_shot", 4, 1)]) == 30.0  # no such group: the mean of all cells
    assert estimate(times, [FineTune("few_shot", 0), Cell("ddpm", "zero_shot", 4, 1)]) == 160.0
    assert estimate(times, [ImageSet("memseg", "", 0, 4)]) == 47.5  # no image set yet: the mean of all jobs
    assert estimate(times, []) == 0.0
    assert estimate({}, [CELL]) is None


def test_progress_is_told_in_words(grid, finish):
    assert status(grid).line() == "0 of 26 cells, 0 of 10 preparations, time left unknown"
    finish(grid, CELL, seconds=120.0)
    finish(grid, ImageSet("memseg", "", 0, 6), seconds=60.0)
    line = status(grid).line(cores=2)
    # 25 cells of 120 s; 5 image sets of 60 s; 4 fine-tunings, unknown kind: 90 s; on two cores
    assert line == f"1 of 26 cells, 1 of 10 preparations, about {clock((25 * 120 + 5 * 60 + 4 * 90) / 2)} left"
    for job in grid.jobs:
        if not is_done(grid, job):
            finish(grid, job)
    assert status(grid).line() == "26 of 26 cells, 10 of 10 preparations"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (150, "2 min"), (3600, "60 min"), (7500, "2 h 05 min"), (100_000, "27 h 47 min")],
)
def test_a_time_is_written_as_one_says_it(seconds, words):
    assert clock(seconds) == words
