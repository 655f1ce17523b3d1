"""Checkpoints and logs of trainings: whole or not there, loaded as plain tensors, refused where settings differ."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from defectlab.files import atomic_path


class Stateful(Protocol):
    """What a checkpoint holds a part of: a network, an optimiser."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, texts, and lists and dictionaries of them."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Sets what `state_dict` gave."""
        ...


class TrainingFolder:
    """Checkpoint and log of one training; made on the folder of a stopped one, it sets all parts to where that was.

    Args:
        folder: for ``checkpoint.pt`` and ``log.csv``; ``None``: neither is written.
        key: settings and digests of data that the weights depend on; a checkpoint of other ones is refused.
        parts: what has a state, by its name in the checkpoint.
        device: where their tensors are.
        unit: what is counted: ``"step"`` or ``"epoch"``.

    Attributes:
        done: steps or epochs done.
        rows: of the log; the training adds to them.

    Raises:
        ValueError: if the folder's checkpoint is of another training.
    """

    def __init__(
        self,
        folder: Path | None,
        key: Mapping[str, Any],
        parts: Mapping[str, Stateful],
        device: torch.device | str = "cpu",
        unit: str = "step",
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.key, self.parts, self.unit = key, parts, unit
        self.done, self.rows = 0, list[dict[str, Any]]()
        if self.checkpoint is not None and self.checkpoint.exists():
            state = load_checkpoint(self.checkpoint, key, device)
            for name, part in parts.items():
                part.load_state_dict(state[name])
            self.done, self.rows = state[unit], state["rows"]

    @property
    def checkpoint(self) -> Path | None:
        """File that holds all that a resume needs."""
        return None if self.folder is None else self.folder / "checkpoint.pt"

    def save(self, done: int) -> None:
        """Writes checkpoint and log, each whole or not at all.

        Args:
            done: steps or epochs done.
        """
        self.done = done
        if self.folder is None or self.checkpoint is None:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        save_checkpoint(self.checkpoint, state | {self.unit: done, "rows": self.rows}, self.key)
        write_rows(self.folder / "log.csv", self.rows)

    def require_finite(self, losses: Mapping[str, float], number: int, advice: str) -> None:
        """Stops a training whose loss is no number any more; the last good checkpoint stays.

        Args:
            losses: by name.
            number: of the step or epoch, from 1.
            advice: what to change, such as ``"lower lr (now 0.1)"``.

        Raises:
            FloatingPointError: if one is not finite.
        """
        if all(math.isfinite(value) for value in losses.values()):
            return
        good = self.checkpoint is not None and self.checkpoint.exists()
        kept = f"the last good state is {self.checkpoint}" if good else "no state before it is kept"
        raise FloatingPointError(f"the losses of {self.unit} {number} are {dict(losses)}: {advice}; {kept}")


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
    """Writes rows as CSV, atomically; where rows have different columns, all of them, in the order they came."""
    if not rows:
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_path(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
