"""The run store: one folder a run, named by its settings, with parameters, provenance, results, tables and figures.

The settings that name it are those that make it another run: not the device, nor where things are written.

    runs/diag/laptop-dataset_kolektor_sdd-1f0c9a2b/
        parameters.json  provenance.json  results.csv  steps/  tables/  figures/

Every file is whole or not there, and a finished step is marked, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from defectlab.files import atomic_path, fingerprint, read_json, slug, write_json
from defectlab.paths import runs_dir
from defectlab.provenance import COMPUTING, git_state, papermill_command, provenance, source_hash
from defectlab.results import Result, merge, read_results, to_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from defectlab.params import Parameters

SHARED = ("profile", "dataset", "regime", "n_aug")  # columns of a result that are parameters of its run
READABLE = 60  # characters of settings in a folder's name: the whole path must stay short enough to read


@dataclass(frozen=True)
class Run:
    """One run of one notebook at one setting of its parameters.

    Attributes:
        path: folder of the run.
        notebook: such as ``diag``.
        parameters: all of them, resolved.
        device: description of the device that computes.
        started: when this session opened the run, in seconds since 1970.
    """

    path: Path
    notebook: str
    parameters: Mapping[str, Any]
    device: str = "cpu"
    started: float = field(default_factory=time.time)

    @classmethod
    def open(
        cls,
        root: str | Path | None,
        notebook: str,
        params: Parameters | Mapping[str, Any],
        device: str = "cpu",
        command: str = "",
    ) -> Self:
        """Open the run of these settings, making its folder where it is new.

        Parameters with ``identity=False``, such as the device, are stored but do not name the run: it goes on in the
        same folder on another device.

        Args:
            root: run store; by default where `defectlab.paths.runs_dir` says.
            notebook: such as ``diag``.
            params: resolved parameters; those of `defectlab.params` also say which differ from the defaults.
            device: description of the device that computes.
            command: line that repeats the run; by default papermill's on the notebook.
        """
        values, identity, changed = _settings(params)
        path = runs_dir(root) / slug(notebook) / folder_name(identity, changed)
        run = cls(path, notebook, values, device)
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "parameters.json", values)
        before = run.provenance() if run._provenance_file.is_file() else {}
        now = provenance(device, command or papermill_command(notebook, changed))
        times = {"started": before.get("started", _clock()), "opened": _clock(), "finished": None}
        write_json(run._provenance_file, {**now, **times, "seconds": before.get("seconds", 0.0)})
        _OPENED[:] = [run]
        return run

    def finish(self) -> None:
        """Record that the run reached its end; its seconds add up over the sessions it took."""
        record = self.provenance()
        seconds = record["seconds"] + time.time() - self.started
        write_json(self._provenance_file, {**record, "finished": _clock(), "seconds": round(seconds, 1)})

    def provenance(self) -> dict[str, Any]:
        """Where the results come from; see `defectlab.provenance.provenance`, with times added."""
        return read_json(self._provenance_file)

    def result(self, **columns: Any) -> Result:
        """A `Result` with notebook, profile, data set, regime, n_aug, device and commit of this run filled in."""
        ours = {name: self.parameters[name] for name in SHARED if name in self.parameters}
        defaults = {"notebook": self.notebook, "device": self.device, "commit": git_state()[0], **ours}
        return Result(**{**defaults, **columns})

    def add(self, results: Result | Iterable[Result]) -> None:
        """Add rows to ``results.csv``; a row with the same key takes the place of the old one."""
        rows = [results] if isinstance(results, Result) else list(results)
        if rows:
            rows = [replace(row, notebook=self.notebook) for row in rows]
            _write_csv(self.path / "results.csv", merge(self.results(), to_frame(rows)))

    def results(self) -> pd.DataFrame:
        """All rows added so far, empty at first."""
        return read_results(self.path / "results.csv")

    def write_table(self, name: str, table: pd.DataFrame) -> Path:
        """Store a table under ``tables/``, without its index; returns the file."""
        path = self._table_file(name)
        _write_csv(path, table)
        return path

    def read_table(self, name: str) -> pd.DataFrame:
        """A table stored before.

        Raises:
            FileNotFoundError: if there is none of this name; the message lists those there are.
        """
        path = self._table_file(name)
        if not path.is_file():
            there = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none"
            raise FileNotFoundError(f"no table {name!r} in {self.path}; there: {there}")
        return pd.read_csv(path)

    def save_figure(self, name: str, figure: Figure, formats: Iterable[str] = ("png", "svg")) -> Path:
        """Store a figure under ``figures/`` in each format; returns the first file."""
        files = [self.folder("figures") / f"{slug(name)}.{suffix}" for suffix in formats]
        for path in files:
            with atomic_path(path) as partial:
                figure.savefig(partial, format=path.suffix[1:], bbox_inches="tight", metadata=_UNDATED[path.suffix[1:]])
        return files[0]

    def folder(self, name: str) -> Path:
        """A folder of the run for anything else, such as images; made where it is new."""
        path = self.path / slug(name)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def step(
        self, name: str, inputs: Mapping[str, Any] | None = None, rooms: Iterable[str] = COMPUTING
    ) -> Iterator[bool]:
        """Mark a step that need not be done again.

        ``with run.step("train/diag/0", {...}) as todo:`` gives true where the step was never finished, or its inputs
        or the code it may depend on have changed. It counts as finished when the block ends without an error.

        Args:
            name: of the step, unique in the run.
            inputs: further values the outcome depends on, beside the parameters of the run.
            rooms: sub-packages and modules whose code the outcome depends on, such as ``("data", "detection")``; all
                that compute by default, none makes it independent of the code. Name few, so that an edit elsewhere
                leaves the step as it is; what enters by its content among ``inputs`` needs no room.

        Raises:
            ValueError: if a room is not in the package.
        """
        rooms = tuple(rooms)
        key = {"name": name, "inputs": fingerprint(inputs or {}), "source": source_hash(rooms) if rooms else ""}
        mark = self.path / "steps" / f"{slug(name)[:READABLE]}-{fingerprint({'name': name})}.json"
        if mark.is_file() and key.items() <= read_json(mark).items():
            yield False
            return
        mark.unlink(missing_ok=True)
        begun = time.perf_counter()
        yield True
        write_json(mark, {**key, "finished": _clock(), "seconds": round(time.perf_counter() - begun, 3)})

    def table(
        self,
        name: str,
        make: Callable[[], pd.DataFrame],
        inputs: Mapping[str, Any] | None = None,
        rooms: Iterable[str] = COMPUTING,
    ) -> pd.DataFrame:
        """The stored table where it is fresh, else the one ``make`` gives, stored; both read back from the file."""
        with self.step(f"table/{name}", inputs, rooms) as todo:
            if todo or not self._table_file(name).is_file():
                self.write_table(name, make())
        return self.read_table(name)

    @property
    def _provenance_file(self) -> Path:
        return self.path / "provenance.json"

    def _table_file(self, name: str) -> Path:
        return self.path / "tables" / f"{slug(name)}.csv"


_OPENED: list[Run] = []  # the one opened last in this process


def current_run() -> Run | None:
    """The run that this process opened last: in a notebook its own, whose results the figures show."""
    return _OPENED[0] if _OPENED else None


_UNDATED: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def collect_results(root: str | Path | None = None) -> pd.DataFrame:
    """Rows of all runs of a store, in the order of their folders, with the run's folder in the column ``run``."""
    store = runs_dir(root)
    files = sorted(store.glob("*/*/results.csv"))
    tables = [read_results(file).assign(run=file.parent.relative_to(store).as_posix()) for file in files]
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else to_frame([]).assign(run="")


def latest_run(root: str | Path | None, notebook: str) -> Path | None:
    """Folder of the run of a notebook that was opened last, ``None`` where it has none."""
    records = runs_dir(root).glob(f"{slug(notebook)}/*/provenance.json")
    return max(((read_json(path)["opened"], path.parent) for path in records), default=("", None))[1]


def folder_name(values: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Name that a person can read and that is unique.

    Args:
        values: all that make the run; the name ends with their hash, and begins with the profile.
        changed: what differs from the defaults, shown as far as it is among ``values`` and there is room.
    """
    shown = {name: value for name, value in changed.items() if name in values and name != "profile"}
    words = [slug(str(values["profile"]))] if "profile" in values else []
    words += [slug(f"{name}_{_short(value)}") for name, value in shown.items()]
    return f"{'-'.join(words)[:READABLE].strip('-.')}-{fingerprint(values)}".lstrip("-")


def _settings(params: Parameters | Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """All values, those that make the run, those that differ from the defaults."""
    if isinstance(params, Mapping):
        return dict(params), dict(params), dict(params)
    return params.as_dict(), params.identity(), params.changed()


def _short(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "_".join(str(item) for item in value)
    return Path(value).name if isinstance(value, str) and os.sep in value else str(value)


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def _clock() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
