"""A finished run of several settings made ready to be stored: what `defectlab claims store` reads of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from defectlab.command_lines import command_line, spelled
from defectlab.data.base import SurfaceDataset
from defectlab.files import write_json, write_text
from defectlab.params import Parameters
from defectlab.report.stored.grids import COLLECTED, TABLE
from defectlab.report.stored.writing import portable
from defectlab.runs import Run

PLACES = ("data_root", "runs", "out", "device")
"""Parameters that say where things lie or what computes."""
IN_ROWS = ("seeds", "profile", "dataset")
"""Parameters that a record states by themselves."""


def changed(params: Parameters) -> dict[str, Any]:
    """Parameters that were given, without places on a machine."""
    return {name: portable(value) for name, value in params.changed().items() if name not in PLACES}


def study_command(name: str, params: Parameters) -> str:
    """The line that goes on with a study of that name, or repeats it; without places on a machine."""
    words = ["defectlab", "study", name]
    for parameter, value in changed(params).items():
        words += ["-p", parameter, spelled(value)]
    return command_line(words)


def collect(run: Run, params: Parameters, command: str, test: SurfaceDataset) -> None:
    """Writes ``grid.csv`` and ``collected.json`` into the folder of a finished run.

    Args:
        run: finished, with its rows.
        params: that it was run with.
        command: line that repeats it, without places on a machine.
        test: test images.
    """
    rows, made = run.results(), run.provenance()
    first = rows.iloc[0]
    record: dict[str, Any] = {
        "paper": run.notebook,
        **{name: str(first[name]) for name in ("dataset", "profile")},
        "methods": list(dict.fromkeys(rows["method"])),
        "n_aug": sorted({int(n) for n in rows["n_aug"]}),
        "regimes": list(dict.fromkeys(rows["regime"])),
        "seeds": sorted({int(seed) for seed in rows["seed"]}),
        "baselines": [],
        "parameters": {name: value for name, value in changed(params).items() if name not in IN_ROWS},
        "command": command,
        "commit": ", ".join(dict.fromkeys(rows["commit"])) + (" with changes" if made["dirty"] else ""),
        "device": run.device,
        "cells": len(rows[["method", "regime", "seed"]].drop_duplicates()),
        "missing": [],
        "source": made.get("computing", ""),
        "seconds": made["seconds"],
        "finished": made["finished"],
        "test_images": images_by_label(test),
    }
    write_text(run.path / TABLE, (run.path / "results.csv").read_text(encoding="utf-8"))
    write_json(run.path / COLLECTED, record)


def images_by_label(dataset: SurfaceDataset) -> Mapping[str, int]:
    """Normal and defective images, and their groups."""
    labels = dataset.labels
    groups = {record.group or record.id for record in dataset.records}
    return {"normal": int((labels == 0).sum()), "defective": int(labels.sum()), "groups": len(groups)}
