"""All finished cells as one tidy table, with what a reader needs to judge it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from defectlab.files import atomic_path, write_json
from defectlab.grid.jobs import BASELINE, Cell, Job
from defectlab.grid.lines import grid_command
from defectlab.grid.marks import is_done, read_mark
from defectlab.grid.plan import Grid
from defectlab.report.stored.writing import PLACES, portable
from defectlab.results import KEY, read_results

TABLE, TIMES, RECORD = "grid.csv", "times.csv", "collected.json"


@dataclass(frozen=True)
class Collected:
    """The results of a grid.

    Attributes:
        table: ``grid.csv``, the columns of `defectlab.results`.
        rows: what it holds.
        cells: finished.
        missing: names of the cells that are not.
    """

    table: Path
    rows: pd.DataFrame
    cells: tuple[Cell, ...]
    missing: tuple[str, ...]


def collect(grid: Grid) -> Collected:
    """Write ``grid.csv``, ``times.csv`` (seconds of every finished job) and ``collected.json`` into the grid's folder.

    Raises:
        ValueError: if no cell is finished, or a cell's rows are of another cell.
    """
    cells = tuple(cell for cell in grid.cells if is_done(grid, cell))
    if not cells:
        raise ValueError(f"{grid.name}: no cell is finished; `defectlab grid run {grid.paper}` runs them")
    rows = pd.concat([_rows(grid, cell) for cell in cells], ignore_index=True)
    if rows.duplicated(KEY).any():
        twice = rows[rows.duplicated(KEY)].iloc[0]
        raise ValueError(f"{grid.name}: two rows of {', '.join(f'{name} {twice[name]}' for name in KEY)}")
    times = times_table(grid, [job for job in grid.jobs if is_done(grid, job)])
    missing = tuple(cell.id for cell in grid.cells if cell not in cells)
    _write_csv(grid.folder / TIMES, times)
    _write_csv(grid.folder / TABLE, rows)
    write_json(grid.folder / RECORD, _record(grid, cells, missing, times))
    return Collected(grid.folder / TABLE, rows, cells, missing)


def times_table(grid: Grid, jobs: Iterable[Job]) -> pd.DataFrame:
    """One row a finished job: ``kind, id, seconds, making, device, commit, finished``."""
    columns = ["kind", "id", "seconds", "making", "device", "commit", "dirty", "finished"]
    return pd.DataFrame([read_mark(grid, job) for job in jobs], columns=columns)


def run_folder(grid: Grid, cell: Cell) -> Path:
    """Folder of a finished cell's run."""
    return grid.folder / read_mark(grid, cell)["run"]


def _rows(grid: Grid, cell: Cell) -> pd.DataFrame:
    file = run_folder(grid, cell) / "results.csv"
    rows = read_results(file)
    found = {tuple(row) for row in rows[["method", "regime", "seed"]].itertuples(index=False)}
    counts = set(rows.loc[rows["method"] != BASELINE, "n_aug"])
    if found != {(cell.method, cell.regime, cell.seed)} or not counts <= {cell.n_aug}:
        raise ValueError(f"{file}: expected rows of the cell {cell.id} alone, found {sorted(found)}, n_aug {counts}")
    return rows


def _record(grid: Grid, cells: tuple[Cell, ...], missing: tuple[str, ...], times: pd.DataFrame) -> dict[str, Any]:
    # what may be shown elsewhere: of a path on this machine only the last part
    shown = {name: portable(value) for name, value in grid.parameters.items() if name not in PLACES}
    sources = {read_mark(grid, cell).get("computing", "") for cell in cells}
    return {
        **{name: value for name, value in grid.as_dict().items() if name not in ("runs", "python", "gpus")},
        "parameters": shown,
        "cells": len(cells),
        "missing": list(missing),
        "command": grid_command(grid, shown),
        "device": ", ".join(dict.fromkeys(times["device"])),
        "commit": ", ".join(dict.fromkeys(times["commit"])) + (" with changes" if times["dirty"].any() else ""),
        "seconds": round(float(times["seconds"].sum()), 1),
        "finished": max(times["finished"]),
        "test_images": read_mark(grid, cells[0])["test_images"],
        "source": sources.pop() if len(sources) == 1 else "",
    }


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
