"""Checkpoints of trainings: whole or not there, loaded as plain tensors, refused where settings differ."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from defectlab.files import atomic_path


def save_checkpoint(path: Path, state: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Writes a state with the settings it belongs to, atomically.

    Args:
        path: the file.
        state: tensors, numbers, texts, and lists and dictionaries of them.
        settings: what the state depends on; a resume with other ones is refused.
    """
    with atomic_path(path) as partial:
        torch.save({"settings": dict(settings), "state": dict(state)}, partial)


def load_checkpoint(path: Path, settings: Mapping[str, Any], device: torch.device | str = "cpu") -> dict[str, Any]:
    """The state of a checkpoint.

    Args:
        path: the file.
        settings: those of the training that wants to go on.
        device: where the tensors go.

    Raises:
        ValueError: if the file is of a training with other settings; the message names the differences.
    """
    content = torch.load(path, map_location=device, weights_only=True)
    found = content["settings"]
    names = [name for name in {**settings, **found} if _plain(settings.get(name)) != _plain(found.get(name))]
    if names:
        differences = ", ".join(f"{n}: asked {settings.get(n)!r}, found {found.get(n)!r}" for n in names)
        raise ValueError(f"{path} belongs to a training with other settings ({differences}); take a new folder")
    state: dict[str, Any] = content["state"]
    return state


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows as CSV, atomically; the columns are those of the first row."""
    if not rows:
        return
    with atomic_path(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def time_left(seconds: float, done: int, total: int) -> str:
    """What remains of a run, as ``"1:02:03"``, judged by the mean pace so far; ``"?"`` before the first step."""
    if done < 1:
        return "?"
    left = round(seconds / done * (total - done))
    return f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
