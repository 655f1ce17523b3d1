"""One job of a grid, in this process: a fine-tuning, an image set, or a cell's training and scores."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defectlab.devices import describe, pick_device
from defectlab.experiments import arms, detect
from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.fidelity import fidelity
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.experiments.splits import Splits, load_splits
from defectlab.grid.jobs import BASELINE, FINE_TUNED, Cell, FineTune, ImageSet, Job, mark_path
from defectlab.grid.lines import cell_command
from defectlab.grid.marks import is_done, marked
from defectlab.grid.plan import PAPERS, Grid
from defectlab.params import parameter, resolve
from defectlab.runs import Run

CELLS = "cells"


@dataclass(frozen=True)
class DiagCellParameters(DiagParameters):
    """Parameters of the DIAG notebook, with a choice of methods."""

    methods: list[str] = parameter(
        ["none", "memseg", "diag"], help="what is compared", choices=(BASELINE, *PAPERS["diag"]), after="n_shot"
    )

    @property
    def arms(self) -> tuple[str, ...]:
        """The methods in the notebook's order."""
        return tuple(name for name in super().arms if name in self.methods)


SCHEMAS: Mapping[str, type[DiagCellParameters] | type[InAndOutParameters]] = {
    "diag": DiagCellParameters,
    "in_and_out": InAndOutParameters,
}


def run_job(grid: Grid, job: Job, mark: Path | None = None, since: float | None = None) -> str:
    """Do a job that is not done, and mark it.

    Args:
        grid: of the job.
        job: a job of the grid, or any cell that could be one.
        mark: further file that says the job is done, beside the usual one in the grid's folder.
        since: when this process began.

    Returns:
        What became of it, in words.

    Raises:
        ValueError: if the parameters cannot be used; a mark of the failure is left behind for any error.
    """
    if mark is None and is_done(grid, job):
        return f"{job.kind}/{job.id} is done already: {grid.folder / mark_path(job)}"
    with marked(grid, job, mark, since) as record:
        params = parameters(grid, job)
        record["device"] = str(describe(pick_device(params.device)))
        if isinstance(job, Cell):
            record.update(_run_cell(grid, job, params, record["device"]))
        else:
            record.update(_prepare(grid, job, params))
    return f"{job.kind}/{job.id} is done"


def parameters(grid: Grid, job: Job) -> DiagCellParameters | InAndOutParameters:
    """The notebook's parameters of one job.

    Raises:
        ParameterError: with everything that is wrong.
    """
    if isinstance(job, Cell):
        # Without synthetic images n_aug says only how many choose the threshold.
        own = {"methods": [job.method], "n_aug": job.n_aug or max(grid.n_aug), "regime": job.regime}
    elif isinstance(job, ImageSet):
        # Images that serve every regime are made in the one that needs no real positives.
        own = {"methods": [job.method], "n_aug": job.count, "regime": job.regime or "zero_shot"}
    else:
        own = {"methods": [FINE_TUNED], "regime": job.regime}
    common = {"profile": grid.profile, "dataset": grid.dataset, "seeds": [job.seed]}
    params = resolve(SCHEMAS[grid.paper], {**grid.parameters, **common, **own})
    if params.profile != grid.profile:
        raise ValueError(f"profile: the grid is {grid.profile}, DEFECTLAB_PROFILE says {params.profile}; unset it")
    return params


def _prepare(grid: Grid, job: FineTune | ImageSet, params: DiagCellParameters | InAndOutParameters) -> dict[str, Any]:
    """A fine-tuning or a set of images, below the grid's shared folder."""
    splits = load_splits(params)
    makers = arms.make_synthesizers(params, splits)
    run = Run(grid.shared, grid.paper, params.as_dict())  # not opened: the shared folder keeps all that is made
    begun = time.perf_counter()
    if isinstance(job, FineTune):
        arms.fine_tune(params, makers, run, grid.shared)
    else:
        arms.synthesise(params, splits, makers, run, grid.shared)
    return {"making": round(time.perf_counter() - begun, 2)}


def _run_cell(grid: Grid, cell: Cell, params: DiagCellParameters | InAndOutParameters, device: str) -> dict[str, Any]:
    """Train, score and store in a run of its own; what the grid shares is made here only where it is not there."""
    run = Run.open(grid.folder / CELLS, grid.paper, params, device, command=cell_command(grid, cell))
    splits = load_splits(params)
    makers = arms.make_synthesizers(params, splits)
    synthetics = arms.synthesise(params, splits, makers, run, grid.shared)
    begun = time.perf_counter()
    detect.detect(params, splits, synthetics, run)
    if grid.paper == "diag" and cell.method != BASELINE:  # Table III
        fidelity(params, splits, synthetics, run)
    run.finish()
    made = {"making": round(time.perf_counter() - begun, 2), "test_images": test_images(splits)}
    return {**made, "run": run.path.relative_to(grid.folder).as_posix()}


def test_images(splits: Splits) -> dict[str, int]:
    """Test images by label, and their groups."""
    labels, groups = splits.test.labels, splits.test.groups
    defective = int(labels.sum())
    return {"normal": len(labels) - defective, "defective": defective, "groups": len(set(groups))}
