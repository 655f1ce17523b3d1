"""The parameters of ``notebooks/diffusion.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.params import parameter


@dataclass(frozen=True)
class DiffusionParameters(ChapterParameters):
    """Parameters of the chapter on diffusion; see `help` of each."""

    timesteps: int = parameter(
        200, help="levels of noise of the toy processes, a multiple of 40", low=40, high=2000, after="seed",
        check=lambda value: None if value % 40 == 0 else f"expected a multiple of 40, got {value}",
    )  # fmt: skip
    n_samples: int | None = parameter(
        None, help="points drawn in the experiments; None: the profile's", low=100, high=200_000, after="seed"
    )
    train_steps: int | None = parameter(
        None, help="optimiser steps of the network of points; None: the profile's", low=1, high=100_000, after="seed"
    )
    texture: str = parameter(
        "scratch", help="class of plates that the small model of images learns", after="seed",
        choices=("corrosion", "dent", "scratch"),
    )  # fmt: skip

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"n_samples": 500, "train_steps": 60},
        "laptop": {"n_samples": 4000, "train_steps": 3000},
        "paper": {"n_samples": 20_000, "train_steps": 20_000},
    }
