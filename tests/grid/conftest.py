"""A tiny grid, and rows as its cells would leave them, without a training."""

import json

import pytest

from defectlab.grid.jobs import Cell, mark_path
from defectlab.grid.marks import marked
from defectlab.grid.plan import Grid
from defectlab.runs import Run

TINY = {
    "paper": "in_and_out",
    "methods": ["memseg", "ddpm", "in_and_out"],
    "n_aug": [4, 6],
    "regimes": ["zero_shot", "full_shot"],
    "seeds": [0, 1],
    "baselines": ["full_shot"],
}
METRICS = (
    "ap_step",
    "ap_trapezoid",
    "precision_best_f1",
    "recall_best_f1",
    "precision_validation",
    "recall_validation",
)
TEST_IMAGES = {"normal": 18, "defective": 2, "groups": 20}


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A run store of the test's own, in a folder with a space in its name."""
    monkeypatch.setenv("DEFECTLAB_RUNS", str(tmp_path / "a run store"))
    monkeypatch.delenv("DEFECTLAB_PROFILE", raising=False)


@pytest.fixture
def grid():
    return Grid.from_mapping(TINY)


@pytest.fixture
def finish():
    """Leaves what a finished job leaves: a mark, and for a cell a run with rows."""

    def leave(grid, job, value=0.5, **record):
        with marked(grid, job) as made:
            made.update({"device": "cpu", "making": 1.0})
            if isinstance(job, Cell):
                made.update({"run": _run(grid, job, value), "test_images": TEST_IMAGES})
        if record:
            path = grid.folder / mark_path(job)
            path.write_text(json.dumps({**json.loads(path.read_text()), **record}))

    return leave


def _run(grid, cell, value):
    values = {"profile": grid.profile, "dataset": grid.dataset, "regime": cell.regime, "n_aug": cell.n_aug}
    run = Run.open(grid.folder / "cells", grid.paper, {**values, "methods": [cell.method], "seeds": [cell.seed]})
    run.add([run.result(method=cell.method, seed=cell.seed, metric=name, value=value) for name in METRICS])
    return run.path.relative_to(grid.folder).as_posix()
