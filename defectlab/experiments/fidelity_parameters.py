"""The parameters of ``notebooks/fidelity.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.params import parameter


@dataclass(frozen=True)
class FidelityParameters(ChapterParameters):
    """Parameters of the chapter on fidelity; see `help` of each."""

    dim: int = parameter(32, help="features of the simulated images", low=2, high=2048, after="seed")
    repeats: int | None = parameter(
        None, help="simulated pairs of sets a point; None: the profile's", low=2, high=10_000, after="seed"
    )
    n_images: int | None = parameter(
        None, help="images of each set of surfaces; None: the profile's", low=8, high=10_000, after="seed"
    )
    side: int = parameter(64, help="of the surfaces", low=32, high=512, unit="pixels", after="seed")
    weights: str = parameter("pocket", help="encoder of the features: pocket, or a file of weights", after="seed")

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"repeats": 2, "n_images": 8},
        "laptop": {"repeats": 20, "n_images": 100},
        "paper": {"repeats": 200, "n_images": 1000},
    }
