"""Put a finished run of the run store among the stored results: its rows and what makes it again, nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd

from defectlab.files import read_json, slug, write_json, write_text
from defectlab.provenance import papermill_command
from defectlab.report import stored
from defectlab.report.stored import RECORD, RESULTS, load_stored
from defectlab.results import read_results

PLACES = ("data_root", "runs", "out", "layout")
"""Parameters that say where things lie on a machine and change no result."""


def store_run(run_folder: str | Path, name: str, title: str, note: str, root: Path | None = None) -> Path:
    """Store a run of the run store; one of the same name is replaced.

    Places on this machine are left out of parameters and command; of other paths, such as that of weights, only the
    file name stays.

    Args:
        run_folder: folder of the run, with ``parameters.json``, ``provenance.json`` and ``results.csv``.
        name: of the stored run, letters, digits, dot, underscore and hyphen.
        title: what it shows, for the caption of its table.
        note: what a reader must know before comparing, such as that the copy of the data is reduced.
        root: where stored runs are; those of the package by default.

    Returns:
        Its folder.

    Raises:
        ValueError: if the name cannot be a folder, or the run is not finished, is a smoke run or has no rows.
        FileNotFoundError: if a file of the run is not there.
    """
    run_folder = Path(run_folder).expanduser()
    if slug(name) != name:
        raise ValueError(f"name: {name!r} cannot be a folder's name; {slug(name)!r} can")
    rows = _rows(run_folder)
    record = {"title": title, **_record(run_folder, rows), "note": note}
    stored.StoredRun(name=name, rows=rows, **record)  # raises before anything is written
    target = (root or stored.HOME) / name
    # The record goes first and comes back last: a kill in between leaves no run rather than a wrong one.
    (target / RECORD).unlink(missing_ok=True)
    write_text(target / RESULTS, (run_folder / RESULTS).read_text(encoding="utf-8"))
    write_json(target / RECORD, record)
    load_stored(name, root)
    return target


def _rows(run_folder: Path) -> pd.DataFrame:
    for name in ("parameters.json", "provenance.json", RESULTS):
        if not (run_folder / name).is_file():
            raise FileNotFoundError(f"{run_folder / name} is not there; give the folder of one run of the run store")
    rows = read_results(run_folder / RESULTS)
    if "smoke" in set(rows["profile"]):
        raise ValueError(f"{run_folder}: a smoke run shows that the code runs and is no result; store a larger one")
    return rows


def _record(run_folder: Path, rows: pd.DataFrame) -> dict[str, Any]:
    values, made = read_json(run_folder / "parameters.json"), read_json(run_folder / "provenance.json")
    if made["finished"] is None:
        raise ValueError(
            f"{run_folder}: the run is not finished; the same command goes on where it was: {made['command']}"
        )
    notebook = PurePosixPath(shlex.split(made["command"])[1]).stem
    changed = {key: portable(values[key]) for key in _given(made["command"]) if key not in PLACES}
    return {
        "notebook": notebook,
        # the rows know better than the parameters: one category, and so its regime, may stand for a data set of many
        "dataset": str(rows["dataset"].iloc[0]),
        "regime": str(rows["regime"].iloc[0]),
        "profile": values["profile"],
        "masks": portable(values.get("masks", "")),
        "seeds": tuple(values["seeds"]),
        "parameters": changed,
        "command": papermill_command(notebook, changed),
        "commit": ", ".join(dict.fromkeys(rows["commit"])) + (" with changes" if made["dirty"] else ""),
        "device": made["device"],
        "minutes": round(made["seconds"] / 60, 1),
        "date": made["finished"][:10],
        "test_images": _test_images(run_folder),
        "source": made.get("computing", ""),
    }


def _given(command: str) -> list[str]:
    """Names of the parameters in a papermill command, which are those that differ from the notebook's own."""
    words = shlex.split(command)
    return [words[place + 1] for place, word in enumerate(words) if word in ("-p", "-r")]


def portable(value: Any) -> Any:
    """The value, of a path on this machine only the last part; a hub name such as ``owner/model`` stays."""
    if isinstance(value, list | tuple):
        return [portable(item) for item in value]
    if isinstance(value, Mapping):
        return {key: portable(item) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    windows = PureWindowsPath(value)
    if windows.drive:
        return windows.name
    outside = value.startswith(("/", "~", "./", "../"))
    return PurePosixPath(value).name if outside else value


def _test_images(run_folder: Path) -> dict[str, int]:
    """Test images by label and their groups, from the scores of any training: all score the same images."""
    file = min((run_folder / "tables").glob("scores-*.csv"), default=None)
    if file is None:
        return {}
    scores = pd.read_csv(file, keep_default_na=False)
    test = scores[scores["split"] == "test"]
    defective = int((test["label"] == 1).sum())
    return {"normal": len(test) - defective, "defective": defective, "groups": int(test["group"].nunique())}
