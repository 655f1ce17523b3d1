"""The parameters of ``notebooks/leaks.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.params import parameter


@dataclass(frozen=True)
class LeaksParameters(ChapterParameters):
    """Parameters of the chapter on leaks; see `help` of each."""

    n_parts: int | None = parameter(
        None, help="parts that are photographed; None: the profile's", low=8, high=5000, after="seed"
    )
    n_photos: int = parameter(4, help="photographs of each part", low=2, high=20, after="seed")
    repeats: int | None = parameter(
        None, help="simulations a point; None: the profile's", low=2, high=10_000, after="seed"
    )
    n_masks: int | None = parameter(
        None, help="masks of each source; None: the profile's", low=10, high=2000, after="seed"
    )

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"n_parts": 12, "repeats": 3, "n_masks": 12},
        "laptop": {"n_parts": 60, "repeats": 40, "n_masks": 100},
        "paper": {"n_parts": 400, "repeats": 400, "n_masks": 245},
    }
