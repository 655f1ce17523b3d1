"""The parameters of ``notebooks/measuring.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.params import parameter


@dataclass(frozen=True)
class MeasuringParameters(ChapterParameters):
    """Parameters of the chapter on measuring; see `help` of each."""

    n_positive: int = parameter(110, help="defective test images", low=5, high=10_000, after="seed")
    n_negative: int = parameter(894, help="normal test images", low=5, high=100_000, after="seed")
    separation: float = parameter(
        2.0, help="distance of mean scores, defective to normal, in standard deviations", low=0, high=6, after="seed"
    )
    repeats: int | None = parameter(
        None, help="simulated test sets a point; None: the profile's", low=4, high=10_000, after="seed"
    )
    n_resamples: int | None = parameter(
        None, help="bootstrap resamples; None: the profile's", low=100, high=100_000, after="seed"
    )

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"repeats": 8, "n_resamples": 100},
        "laptop": {"repeats": 200, "n_resamples": 300},
        "paper": {"repeats": 2000, "n_resamples": 1000},
    }
