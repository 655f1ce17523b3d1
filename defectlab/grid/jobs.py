"""The jobs of a grid: fine-tunings and image sets that cells share, and the cells, each with a name that stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

BASELINE = "none"
"""The method without synthetic images: one cell a regime and seed, whatever n_aug."""
FINE_TUNED = "ddpm"
"""The method whose generator learns from the regime's images first."""


@dataclass(frozen=True)
class FineTune:
    """One fine-tuning of the generator; it serves every n_aug of its regime and seed.

    Attributes:
        regime: whose real images it learns from.
        seed: of the grid.
    """

    kind: ClassVar[str] = "fine_tune"
    regime: str
    seed: int

    @property
    def id(self) -> str:
        """Name of the job, the same for every grid that has it."""
        return f"{self.regime}-{self.seed}"

    @property
    def group(self) -> str:
        """Jobs of one group take about the same time."""
        return f"{self.kind}/{self.regime}"


@dataclass(frozen=True)
class ImageSet:
    """One set of synthetic images; its first n serve every cell with ``n_aug`` n.

    Attributes:
        method: that makes it, a method without parts.
        regime: empty where the images do not depend on it: all regimes share the set.
        seed: of the grid.
        count: training images; the validation images come on top.
    """

    kind: ClassVar[str] = "images"
    method: str
    regime: str
    seed: int
    count: int

    @property
    def id(self) -> str:
        """Name of the job; a longer set is another job, which goes on where the shorter one ended."""
        return f"{self.regime or 'all'}-{self.method}-{self.count}-{self.seed}"

    @property
    def group(self) -> str:
        """Jobs of one group take about the same time."""
        return f"{self.kind}/{self.method}"


@dataclass(frozen=True)
class Cell:
    """One training on one method's images, and its scores: one run with a folder of its own.

    Attributes:
        method: short name, ``none`` without synthetic images.
        regime: ``zero_shot``, ``few_shot`` or ``full_shot``.
        n_aug: synthetic positives; for ``none`` 0.
        seed: shared by all cells whose differences are paired.
    """

    kind: ClassVar[str] = "cells"
    method: str
    regime: str
    n_aug: int
    seed: int

    @property
    def id(self) -> str:
        """Name of the cell, the same for every grid that has it."""
        return f"{self.regime}-{self.method}-{self.n_aug}-{self.seed}"

    @property
    def group(self) -> str:
        """Jobs of one group take about the same time."""
        return f"{self.kind}/{self.regime}-{self.method}"


Job = FineTune | ImageSet | Cell
PREPARATION = (FineTune.kind, ImageSet.kind)


def mark_path(job: Job) -> Path:
    """File that says the job is done, relative to the grid's folder; it is written last."""
    return Path("done", job.kind, f"{job.id}.json")


def log_path(job: Job) -> Path:
    """What the job printed, relative to the grid's folder."""
    return Path("logs", job.kind, f"{job.id}.log")


def failure_path(job: Job) -> Path:
    """What stopped the job at its last attempt, relative to the grid's folder."""
    return Path("failed", job.kind, f"{job.id}.json")
