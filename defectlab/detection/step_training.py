"""The loop that trainings counted in steps share: log, time left, checkpoints, and a stop where a loss is no number."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

import pandas as pd
from tqdm.auto import tqdm

from defectlab.detection.checkpoints import TrainingFolder
from defectlab.progress import time_left


class StepSettings(Protocol):
    """What the loop reads of the settings of a training."""

    @property
    def steps(self) -> int:
        """Optimiser steps."""

    @property
    def lr(self) -> float:
        """Highest learning rate."""

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""


class StepTrainer(ABC):
    """A training step by step, which a second trainer on the same folder goes on with.

    Args:
        kept: its folder, already read.
        settings: how long, and how fast.
        every: steps from one checkpoint and row of the log to the next.
        title: stands before the bar.
        show: draw a bar of steps; ``None``: where somebody watches.

    Attributes:
        step: steps done.
        rows: of the log.
    """

    def __init__(
        self, kept: TrainingFolder, settings: StepSettings, every: int, title: str, show: bool | None = None
    ) -> None:
        self.kept, self.every, self.title, self.show = kept, every, title, show
        self.pace = settings
        self.step, self.rows = kept.done, kept.rows

    @abstractmethod
    def numbers(self, step: int) -> Mapping[str, float]:
        """Does one step and gives its losses for the log; it depends on weights, seed and ``step`` alone."""

    @property
    def advice(self) -> str:
        """What to change where a loss is no number."""
        return f"lower lr (now {self.pace.lr:g})"

    @property
    def history(self) -> pd.DataFrame:
        """The log so far."""
        return pd.DataFrame(self.rows)

    def run(self) -> pd.DataFrame:
        """Trains to the last step; a row of the log and a checkpoint every `every` steps and at the end.

        A row has the step, the means of `numbers` since the row before, the learning rate, the seconds since this
        call began, and the time left.

        Returns:
            `history`.

        Raises:
            FloatingPointError: if a loss is no longer finite; the last checkpoint stays.
        """
        window: list[Mapping[str, float]] = []
        begun, first = time.perf_counter(), self.step
        quiet = None if self.show is None else not self.show
        bar = tqdm(range(first, self.pace.steps), desc=self.title, disable=quiet, leave=False)
        for step in bar:
            window.append(self.numbers(step))
            self.kept.require_finite(window[-1], step + 1, self.advice)
            self.step = step + 1
            if self.step % self.every == 0 or self.step == self.pace.steps:
                means = {name: sum(row[name] for row in window) / len(window) for name in window[0]}
                seconds = time.perf_counter() - begun
                left = time_left(seconds, self.step - first, self.pace.steps - first)
                facts = {"lr": self.pace.rate(step), "seconds": round(seconds, 2), "left": left}
                self.rows.append({"step": self.step, **means, **facts})
                bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()}, refresh=False)
                window = []
                self.save()
        return self.history

    def save(self) -> None:
        """Writes checkpoint and log, each whole or not at all."""
        self.kept.save(self.step)
