"""Stored grids: the collected rows of a whole grid, of all methods, counts, regimes and seeds, as a named profile.

    defectlab/report/stored/kolektor_sdd-in_and_out-laptop/
        results.csv   the columns of `defectlab.results`, every row of the grid
        grid.json     title, axes, parameters, command, commit, device, minutes, note
        histories.csv where there were pretrainings, see `defectlab.report.stored.histories`

`defectlab claims store GRID_FOLDER` puts a grid here; no image and no path of a machine comes along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from defectlab.files import read_json, slug, write_json, write_text
from defectlab.provenance import COMPUTING, source_hash
from defectlab.report import stored
from defectlab.report.provenance_strip import Provenance
from defectlab.report.stored import OLDER, RESULTS
from defectlab.report.stored.histories import store_histories
from defectlab.results import read_results

RECORD = "grid.json"
COLLECTED, TABLE = "collected.json", "grid.csv"
"""What `defectlab grid collect` leaves in the folder of a grid."""
TUPLES = ("methods", "n_aug", "regimes", "seeds", "baselines")


@dataclass(frozen=True)
class StoredGrid:
    """One stored grid.

    Attributes:
        name: of its folder, such as ``kolektor_sdd-in_and_out-laptop``.
        title: what it shows, for the caption of its tables.
        paper: whose notebook each cell is, such as ``in_and_out``.
        dataset: name in the registry.
        profile: ``laptop`` or ``paper``.
        methods: short names, without ``none``.
        n_aug: synthetic positives.
        regimes: of real positives.
        seeds: shared by all methods, so that differences are paired.
        baselines: regimes in which ``none`` was trained too.
        parameters: of the notebook, for all cells, without places on a machine.
        command: line that makes it again.
        commit: of the source that made the rows.
        device: that computed it.
        minutes: of all jobs together, one after the other.
        cells: trainings.
        date: day it ended, ISO 8601.
        note: what a reader must know before comparing, such as that the copy of the data is reduced.
        test_images: normal and defective test images and their groups.
        rows: result rows, as `defectlab.results.to_frame` gives them.
        source: hash of the code that computed them, empty where it was not recorded.
    """

    name: str
    title: str
    paper: str
    dataset: str
    profile: str
    methods: tuple[str, ...]
    n_aug: tuple[int, ...]
    regimes: tuple[str, ...]
    seeds: tuple[int, ...]
    baselines: tuple[str, ...]
    parameters: Mapping[str, Any]
    command: str
    commit: str
    device: str
    minutes: float
    cells: int
    date: str
    note: str
    test_images: Mapping[str, int]
    rows: pd.DataFrame = field(repr=False, compare=False)
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("title", "command", "note"):
            if not getattr(self, name).strip():
                raise ValueError(f"stored grid {self.name}: {name} is empty")
        expected: dict[str, set[Any]] = {
            "notebook": {self.paper},
            "dataset": {self.dataset},
            "profile": {self.profile},
            "regime": set(self.regimes),
            "seed": set(self.seeds),
            "method": {*self.methods, *(["none"] if self.baselines else [])},
        }
        for column, values in expected.items():
            if (found := set(self.rows[column])) != values:
                raise ValueError(
                    f"stored grid {self.name}: expected {column} {sorted(values)}, its rows have {sorted(found)}"
                )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before comparing, and what made the rows."""
        older = (OLDER,) if self.source not in ("", source_hash(COMPUTING)) else ()
        return self.note, " ".join([self.provenance.sentence, *older])

    @property
    def provenance(self) -> Provenance:
        """The strip under its tables."""
        return Provenance(
            profile=self.profile,
            dataset=self.dataset,
            seeds=self.seeds,
            device=self.device,
            seconds=60 * self.minutes,
            commit=self.commit,
            command=self.command,
            stored=self.name,
        )


def store_grid(folder: str | Path, name: str, title: str, note: str, root: Path | None = None) -> Path:
    """Store a collected grid; one of the same name is replaced.

    Args:
        folder: of the grid in the run store, with ``grid.csv`` and ``collected.json``.
        name: of the stored grid, letters, digits, dot, underscore and hyphen.
        title: what it shows.
        note: what a reader must know before comparing.
        root: where stored results are; those of the package by default.

    Returns:
        Its folder.

    Raises:
        ValueError: if the name cannot be a folder, or the grid is not complete or a smoke grid.
        FileNotFoundError: if the grid was not collected.
    """
    folder = Path(folder).expanduser()
    if slug(name) != name:
        raise ValueError(f"name: {name!r} cannot be a folder's name; {slug(name)!r} can")
    for file in (COLLECTED, TABLE):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder / file} is not there; defectlab grid collect writes it")
    record = {"title": title, **_record(folder), "note": note}
    StoredGrid(name=name, rows=read_results(folder / TABLE), **record)  # raises before anything is written
    target = (root or stored.HOME) / name
    # The record goes first and comes back last: a kill in between leaves no grid rather than a wrong one.
    (target / RECORD).unlink(missing_ok=True)
    store_histories(folder, target)
    write_text(target / RESULTS, (folder / TABLE).read_text(encoding="utf-8"))
    write_json(target / RECORD, record)
    load_stored_grid(name, root)
    return target


def load_stored_grid(name: str, root: Path | None = None) -> StoredGrid:
    """A stored grid.

    Args:
        name: of its folder.
        root: where stored results are; those of the package by default.

    Raises:
        ValueError: if there is no such grid, its record has other fields than this, or record and rows differ.
    """
    folder = (root or stored.HOME) / name
    if not (folder / RECORD).is_file():
        raise ValueError(f"no stored grid {name!r}; there are: {', '.join(_names(root)) or 'none stored'}")
    record = read_json(folder / RECORD)
    expected = {item.name for item in fields(StoredGrid)} - {"name", "rows", "source"}
    if set(record) - {"source"} != expected:
        wrong = ", ".join(sorted((set(record) - {"source"}) ^ expected))
        raise ValueError(f"{folder / RECORD}: missing or unknown: {wrong}; store the grid again")
    record.update({key: tuple(record[key]) for key in TUPLES})
    return StoredGrid(name=name, rows=read_results(folder / RESULTS), **record)


def stored_grids(
    paper: str | None = None, dataset: str | None = None, root: Path | None = None
) -> tuple[StoredGrid, ...]:
    """All stored grids by data set and name, of one paper and one data set where given."""
    found = [load_stored_grid(name, root) for name in _names(root)]
    wanted = [grid for grid in found if grid.paper == (paper or grid.paper)]
    wanted = [grid for grid in wanted if grid.dataset == (dataset or grid.dataset)]
    return tuple(sorted(wanted, key=lambda grid: (grid.dataset, grid.name)))


def _record(folder: Path) -> dict[str, Any]:
    collected = read_json(folder / COLLECTED)
    if collected["profile"] == "smoke":
        raise ValueError(f"{folder}: a smoke grid shows that the code runs and is no result; store a larger one")
    if collected["missing"]:
        raise ValueError(
            f"{folder}: {len(collected['missing'])} cells are not finished, such as {collected['missing'][0]}; "
            f"the same command goes on where it was: {collected['command']}"
        )
    same = ("paper", "dataset", "profile", "parameters", "command", "cells", "commit", "device", "test_images")
    return {
        **{key: collected[key] for key in same},
        **{key: tuple(collected[key]) for key in TUPLES},
        "source": collected.get("source", ""),
        "minutes": round(collected["seconds"] / 60, 1),
        "date": collected["finished"][:10],
    }


def _names(root: Path | None) -> list[str]:
    return sorted(path.parent.name for path in (root or stored.HOME).glob(f"*/{RECORD}"))
