"""`FolderTrainer`: what trainings of generators do alike: the loop, its log, its checkpoints, and who may go on."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from defectlab.files import atomic_path
from defectlab.progress import time_left

LOG_EVERY = 10

log = logging.getLogger(__name__)


class DivergedError(ValueError):
    """The loss or the gradient is no number any more; the message says what to change."""


class Length(Protocol):
    """What the loop reads of the settings."""

    @property
    def steps(self) -> int:
        """Optimiser steps."""

    @property
    def checkpoint_every(self) -> int:
        """Steps between two checkpoints; no result depends on it."""


class FolderTrainer(ABC):
    """One training in a folder, which a second call goes on with.

    Args:
        folder: where ``checkpoint.pt``, ``log.csv`` and ``model/`` go.
        length: of the training.
        label: stands before the bar and in the log.

    Attributes:
        step: steps done.
        seconds: spent so far, in all sessions.
    """

    def __init__(self, folder: str | Path, length: Length, label: str) -> None:
        self.folder, self.length, self.label = Path(folder), length, label
        self.step, self.seconds = 0, 0.0

    @property
    def checkpoint(self) -> Path:
        """File that holds all that a resume needs."""
        return self.folder / "checkpoint.pt"

    @property
    def log(self) -> Path:
        """Table of step, losses and seconds."""
        return self.folder / "log.csv"

    @abstractmethod
    def advance(self) -> None:
        """Does one step and counts it.

        Raises:
            DivergedError: if a loss or a gradient is no number any more.
        """

    @abstractmethod
    def write_log(self) -> None:
        """Notes where the training stands, every `LOG_EVERY` steps."""

    @abstractmethod
    def save(self) -> None:
        """Writes averaged model, log and checkpoint, each whole or not at all; the checkpoint last."""

    @abstractmethod
    def said(self) -> str:
        """The losses so far, in words."""

    def train(self) -> None:
        """Trains to the last step.

        Raises:
            DivergedError: if a loss or a gradient is no number any more; the last good checkpoint stays.
        """
        total, began = self.length.steps, time.perf_counter() - self.seconds
        with tqdm(total=total, initial=self.step, desc=self.label, unit="step", disable=None) as progress:
            while self.step < total:
                self.advance()
                self.seconds = time.perf_counter() - began
                progress.update()
                progress.set_postfix_str(self.said(), refresh=False)
                if self.step % LOG_EVERY == 0 or self.step == total:
                    self.write_log()
                if self.step % self.length.checkpoint_every == 0 or self.step == total:
                    self.save()
                    left = time_left(self.seconds, self.step, total)
                    log.info("%s: step %d of %d, %s, %s left", self.label, self.step, total, self.said(), left)

    def write_checkpoint(self, what: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Writes a checkpoint with what it is of, and how far it is."""
        with atomic_path(self.checkpoint) as partial:
            torch.save({"what": dict(what), **state, "step": self.step, "seconds": self.seconds}, partial)

    def read_checkpoint(self, what: Mapping[str, Any], device: torch.device) -> dict[str, Any] | None:
        """The state of the folder, or ``None`` where nothing was kept; sets `step` and `seconds`.

        Args:
            what: it must be of, but for ``checkpoint_every``.
            device: where the tensors go.

        Raises:
            ValueError: if it is of something else; the message names the differences.
        """
        if not self.checkpoint.exists():
            return None
        state: dict[str, Any] = torch.load(self.checkpoint, weights_only=True, map_location=device)
        asked, found = _flat(what), _flat(state["what"])
        if changed := {k: (v, found.get(k)) for k, v in asked.items() if found.get(k) != v and k != "checkpoint_every"}:
            raise ValueError(f"{self.checkpoint} is of another training (asked, found): {changed}; use a new folder")
        self.step, self.seconds = state["step"], state["seconds"]
        return state

    @property
    def last_good(self) -> str:
        """Where a training that diverged can go on from, in words."""
        return f"the last good state is {self.checkpoint}" if self.checkpoint.exists() else "no checkpoint was written"


def update_average(average: dict[str, Tensor], network: nn.Module, ema: float, step: int) -> None:
    """Moves averaged weights and statistics towards the network's; a counter is copied.

    Args:
        average: by name; changed.
        network: after the step.
        ema: decay; less in the first steps, whose weights are soon forgotten.
        step: from 0.
    """
    decay = min(ema, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - decay)
            else:
                average[name].copy_(value)


def _flat(what: Mapping[str, Any]) -> dict[str, Any]:
    """Settings among the other values, so that a difference is named by its own name."""
    flat: dict[str, Any] = {}
    for key, value in what.items():
        flat |= value if isinstance(value, Mapping) else {key: value}
    return flat
