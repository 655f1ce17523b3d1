"""Stored results: runs larger than the book's own, kept as result rows and a record, one folder each.

    defectlab/report/stored/kolektor_sdd-zero_shot-real/
        results.csv   the columns of `defectlab.results`, every row of the run
        run.json      title, parameters, command, commit, device, minutes, seeds, note

`defectlab claims store RUN_FOLDER` puts a run here; no image and no path of a machine comes along. Whole grids lie
beside the runs, see `defectlab.report.stored.grids`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from defectlab.files import fingerprint, read_json
from defectlab.provenance import COMPUTING, source_hash
from defectlab.report.provenance_strip import Provenance
from defectlab.results import read_results

HOME = Path(__file__).resolve().parent
RESULTS, RECORD = "results.csv", "run.json"
REGIMES = ("zero_shot", "few_shot", "full_shot")
OLDER = "The code that computes has changed since, so that another run may give other numbers."
"""Said of stored rows whose source is known to differ from today's."""
IN_ROWS = ("profile", "dataset", "regime", "n_aug", "seeds")
"""Parameters that each result row states."""


@dataclass(frozen=True)
class StoredRun:
    """One stored run.

    Attributes:
        name: of its folder, such as ``kolektor_sdd-zero_shot-real``.
        title: what it shows, for the caption of its table.
        notebook: that made it, such as ``diag``.
        dataset: name in the registry.
        regime: ``zero_shot``, ``few_shot`` or ``full_shot``.
        profile: ``laptop`` or ``paper``.
        masks: source of the defects' masks, such as ``real`` or ``lines``; empty where the notebook has no such choice.
        seeds: one synthesis and one training each.
        parameters: those that differ from the notebook's own, without places on a machine.
        command: line that makes it again.
        commit: of the source that made the rows.
        device: that computed it.
        minutes: wall clock of the whole run.
        date: day it ended, ISO 8601.
        note: what a reader must know before comparing, such as that the copy of the data is reduced.
        test_images: normal and defective test images and their groups, empty where the run kept no scores.
        rows: result rows, as `defectlab.results.to_frame` gives them.
        source: hash of the code that computed them, empty where it was not recorded.
    """

    name: str
    title: str
    notebook: str
    dataset: str
    regime: str
    profile: str
    masks: str
    seeds: tuple[int, ...]
    parameters: Mapping[str, Any]
    command: str
    commit: str
    device: str
    minutes: float
    date: str
    note: str
    test_images: Mapping[str, int]
    rows: pd.DataFrame = field(repr=False, compare=False)
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("title", "command", "note"):
            if not getattr(self, name).strip():
                raise ValueError(f"stored run {self.name}: {name} is empty")
        if self.rows.empty:
            raise ValueError(f"stored run {self.name}: {RESULTS} has no rows")
        for name in ("notebook", "dataset", "regime", "profile"):
            found = sorted(set(self.rows[name]))
            if found != [getattr(self, name)]:
                raise ValueError(
                    f"stored run {self.name}: {RECORD} says {name} {getattr(self, name)}, its rows {', '.join(found)}"
                )
        if set(self.rows["seed"]) != set(self.seeds):
            found_seeds = sorted(set(self.rows["seed"]))
            raise ValueError(
                f"stored run {self.name}: expected the seeds {list(self.seeds)}, its rows have {found_seeds}"
            )

    @property
    def n_aug(self) -> int:
        """Synthetic positives added to training where a method adds any."""
        return int(self.rows["n_aug"].max())

    @property
    def family(self) -> str:
        """Digits shared by runs that differ only in what a result row states: these may be judged together."""
        return fingerprint({name: value for name, value in self.parameters.items() if name not in IN_ROWS})

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before comparing, and what made the rows."""
        older = (OLDER,) if self.source not in ("", source_hash(COMPUTING)) else ()
        return self.note, " ".join([self.provenance.sentence, *older])

    @property
    def provenance(self) -> Provenance:
        """The strip under its table."""
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


def load_stored(name: str, root: Path | None = None) -> StoredRun:
    """A stored run.

    Args:
        name: of its folder.
        root: where stored runs are; those of the package by default.

    Raises:
        ValueError: if there is no such run, its record has other fields than a `StoredRun`, or record and rows differ.
    """
    folder = (root or HOME) / name
    if not (folder / RECORD).is_file():
        raise ValueError(f"no stored run {name!r}; there are: {', '.join(_names(root)) or 'none stored'}")
    record = read_json(folder / RECORD)
    expected = {item.name for item in fields(StoredRun)} - {"name", "rows", "source"}
    if set(record) - {"source"} != expected:
        wrong = ", ".join(sorted((set(record) - {"source"}) ^ expected))
        raise ValueError(f"{folder / RECORD}: missing or unknown: {wrong}; store the run again")
    record["seeds"] = tuple(record["seeds"])
    return StoredRun(name=name, rows=read_results(folder / RESULTS), **record)


def stored_runs(
    notebook: str | None = None, dataset: str | None = None, root: Path | None = None
) -> tuple[StoredRun, ...]:
    """All stored runs, by data set, then regime, then masks (those of real defects, as in the paper, first).

    Args:
        notebook: only those of this notebook.
        dataset: only those of this data set.
        root: where stored runs are; those of the package by default.
    """
    found = [load_stored(name, root) for name in _names(root)]
    wanted = [run for run in found if run.notebook == (notebook or run.notebook)]
    wanted = [run for run in wanted if run.dataset == (dataset or run.dataset)]
    return tuple(sorted(wanted, key=_order))


def _names(root: Path | None) -> list[str]:
    return sorted(path.parent.name for path in (root or HOME).glob(f"*/{RECORD}"))


def _order(run: StoredRun) -> tuple[str, int, bool, str]:
    regime = REGIMES.index(run.regime) if run.regime in REGIMES else len(REGIMES)
    return run.dataset, regime, run.masks != "real", run.name
