"""The parameters of ``notebooks/surfaces.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.experiments.experiment_parameters import DATASETS, SIZES
from defectlab.params import parameter


@dataclass(frozen=True)
class SurfacesParameters(ChapterParameters):
    """Parameters of the chapter on data; see `help` of each."""

    dataset: str = parameter("surfaces", help="images to look at", choices=DATASETS, after="seed")
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache", after="seed")
    n_normal: int | None = parameter(
        None, help="normal images looked at in each split; None: the profile's", low=4, high=100_000, after="seed"
    )
    n_defective: int | None = parameter(
        None, help="defective images looked at in each split; None: the profile's", low=4, high=100_000, after="seed"
    )

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"n_normal": 12, "n_defective": 8},
        "laptop": {"n_normal": 150, "n_defective": 100},
        "paper": {"n_normal": 5000, "n_defective": 5000},
    }

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` that images are brought to, in pixels."""
        return SIZES[self.dataset]
