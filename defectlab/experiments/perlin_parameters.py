"""The parameters of ``notebooks/perlin.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.params import parameter


@dataclass(frozen=True)
class PerlinParameters(ChapterParameters):
    """Parameters of the chapter on pasting; see `help` of each."""

    threshold: float = parameter(0.5, help="of the noise, above which the mask is", low=0, high=0.99, after="seed")
    opacity: list[float] = parameter(
        [0.15, 0.3, 0.6, 1.0], help="of the pasted texture, one image each", low=0, high=1, after="seed"
    )
    n_masks: int | None = parameter(
        None, help="masks that are drawn to measure their law; None: the profile's", low=20, high=100_000, after="seed"
    )
    height: int = parameter(256, help="of the images", low=32, high=2048, unit="pixels", after="seed")
    width: int = parameter(96, help="of the images", low=32, high=2048, unit="pixels", after="seed")

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"n_masks": 150},
        "laptop": {"n_masks": 2000},
        "paper": {"n_masks": 20_000},
    }
