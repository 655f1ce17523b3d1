"""The parameters of ``notebooks/inpainting.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.params import parameter


@dataclass(frozen=True)
class InpaintingParameters(ChapterParameters):
    """Parameters of the chapter on inpainting; see `help` of each."""

    prompts: list[str] = parameter(
        ["a dark crack", "a bright scratch", "a dark stain", "a pore"], help="what is painted, one column each",
        after="seed",
    )  # fmt: skip
    mask: str = parameter("lines", help="lines, blobs, perlin, or a mask image of your own", after="seed")
    severity: float = parameter(0.7, help="of the defects, from hardly visible to obvious", low=0, high=1, after="seed")
    model: str = parameter("", help="folder of a model of pocket; empty: the one that ships", after="seed")
    n_samples: int | None = parameter(
        None, help="points of the toy experiments; None: the profile's", low=100, high=200_000, after="seed"
    )
    steps: int | None = parameter(None, help="of the sampler; None: the profile's", low=1, high=200, after="seed")
    draws: int | None = parameter(
        None, help="images of each setting; None: the profile's", low=1, high=50, after="seed"
    )

    interactive: bool = parameter(False, help="open the lab; needs Jupyter and a reader", after="seed", identity=False)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"n_samples": 300, "steps": 1, "draws": 1},
        "laptop": {"n_samples": 4000, "steps": 8, "draws": 3},
        "paper": {"n_samples": 40_000, "steps": 30, "draws": 10},
    }
