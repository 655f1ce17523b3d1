"""What sharing saves: counted before anything runs, and in seconds from the jobs that have run."""

from __future__ import annotations

from dataclasses import dataclass

from defectlab.grid.jobs import BASELINE, Cell, FineTune, ImageSet
from defectlab.grid.marks import clock, is_done, read_mark, status
from defectlab.grid.plan import Grid
from defectlab.grid.sharing import all_images, fine_tunings


@dataclass(frozen=True)
class MeasuredSaving:
    """Seconds of finished cells and of what was prepared for them.

    Attributes:
        cells: finished ones that the seconds are of.
        shared: seconds of these cells and of every preparation that they use, each counted once.
        alone: the same seconds if each cell had prepared for itself: its share of each set's images and a whole
            fine-tuning. Computed from measured parts; starting a job and loading a model are counted for no
            preparation, as a cell does both anyway.
    """

    cells: int
    shared: float
    alone: float

    @property
    def ratio(self) -> float:
        """How many times longer the cells would take alone."""
        return self.alone / self.shared


def plan_lines(grid: Grid) -> list[str]:
    """The grid in words: cells, what is computed with and without sharing, what was measured, what is left."""
    shared, alone = grid.sharing.shared(grid.cells), grid.sharing.alone(grid.cells)
    rows = [
        ("fine-tunings", shared.fine_tunings, alone.fine_tunings),
        ("synthetic images", shared.images, alone.images),
        ("trainings", shared.trainings, alone.trainings),
    ]
    bare = sum(cell.method == BASELINE for cell in grid.cells)
    axes = " x ".join(
        f"{len(values)} {name}"
        for name, values in (
            ("methods", grid.methods),
            ("n_aug", grid.n_aug),
            ("regimes", grid.regimes),
            ("seeds", grid.seeds),
        )
    )
    lines = [
        f"{grid.name}: {len(grid.cells)} cells = {axes}{f' + {bare} without synthetic images' if bare else ''}",
        f"{'':18}{'shared':>10}{'alone':>10}{'saved':>10}",
        *(f"{name:18}{less:>10}{more:>10}{_percent(less, more):>10}" for name, less, more in rows),
    ]
    if measured := measured_saving(grid):
        lines.append(
            f"measured on {measured.cells} finished cells: {clock(measured.shared)} with sharing, "
            f"{clock(measured.alone)} alone, {measured.ratio:.2f} times as long"
        )
    return [*lines, status(grid).line(), f"folder {grid.folder}"]


def measured_saving(grid: Grid) -> MeasuredSaving | None:
    """What sharing saved the finished cells; ``None`` where none is finished with all its preparations.

    Source of the seconds: the marks of the jobs; ``making`` in a mark leaves out the start of its process.
    """
    cells = [cell for cell in grid.cells if is_done(grid, cell) and all(is_done(grid, job) for job in _all(grid, cell))]
    if not cells:
        return None
    training = sum(_seconds(grid, cell) for cell in cells)
    used = {job for cell in cells for job in _all(grid, cell)}
    alone = sum(_alone(grid, cell) for cell in cells)
    return MeasuredSaving(len(cells), training + sum(_seconds(grid, job) for job in used), training + alone)


def _alone(grid: Grid, cell: Cell) -> float:
    """Seconds of making that the cell would need for itself."""
    total = 0.0
    for job in _all(grid, cell):
        making = float(read_mark(grid, job)["making"])
        total += making * _share(grid, cell, job) if isinstance(job, ImageSet) else making
    return total


def _share(grid: Grid, cell: Cell, item: ImageSet) -> float:
    """Images of the set that the cell sees, as a share of the set."""
    return grid.sharing.images(cell) / len(grid.sharing.sets_of(cell)) / all_images(item.count)


def _all(grid: Grid, cell: Cell) -> tuple[FineTune | ImageSet, ...]:
    """Every preparation that a cell uses, directly or not."""
    direct = [job for job in grid.needs(cell) if isinstance(job, ImageSet)]
    return (*fine_tunings(direct), *direct)


def _seconds(grid: Grid, job: FineTune | ImageSet | Cell) -> float:
    return float(read_mark(grid, job)["seconds"])


def _percent(less: int, more: int) -> str:
    return f"{100 * (1 - less / more):.0f} %" if more else "–"
