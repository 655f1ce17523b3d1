"""The parameters of ``notebooks/baseline.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.chapter_parameters import ChapterParameters
from defectlab.experiments.experiment_parameters import DATASETS, SIZES
from defectlab.params import PROFILES, parameter


@dataclass(frozen=True)
class BaselineParameters(ChapterParameters):
    """Parameters of the chapter on a baseline; see `help` of each."""

    dataset: str = parameter("surfaces", help="images of surfaces", choices=DATASETS, after="seed")
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache", after="seed")
    n_seeds: int | None = parameter(
        None, help="trainings of each setting, from seed on; None: the profile's", low=2, high=100, after="seed"
    )
    n_shot: int | None = parameter(
        None, help="real positives in training; None: all there are", low=1, high=1000, after="seed"
    )
    counts: list[int] | None = parameter(
        None,
        help="real positives of the learning curve, before all; None: the profile's",
        low=1,
        high=1000,
        check=lambda value: (
            f"expected ascending numbers, each once, got {value}" if value and sorted(set(value)) != value else None
        ),
        after="seed",
    )
    gain: float = parameter(0.05, help="of AP, to be told in real positives", low=0.001, high=0.9, after="seed")
    profile: str = parameter("laptop", help="smoke (seconds), laptop (minutes), paper (one GPU)", choices=PROFILES)
    weights: str | None = parameter(None, help="imagenet, pocket or a file; None: the profile's", after="profile")
    backbone: str | None = parameter(None, help="timm name, or auto; None: the profile's", after="profile")
    epochs: int | None = parameter(
        None, help="of every training; None: the profile's", low=2, high=10_000, after="profile"
    )
    height: int | None = parameter(
        None, help="of the images; None: the profile's", low=32, unit="pixels", after="profile"
    )
    width: int | None = parameter(
        None, help="of the images; None: the profile's", low=32, unit="pixels", after="profile"
    )
    scale: float | None = parameter(
        None, help="share of the images of surfaces; None: the profile's", low=0.02, high=10, after="profile"
    )
    validation: float = parameter(
        0.2, help="share of the training images held out to choose by", low=0.05, high=0.5, after="profile"
    )
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps", identity=False, after="profile")

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "n_seeds": 2,
            "counts": [2, 4],
            "weights": "pocket",
            "backbone": "auto",
            "epochs": 2,
            "scale": 0.03,
            "height": 64,
            "width": 32,
        },
        "laptop": {
            "n_seeds": 5,
            "counts": [2, 5, 10, 20],
            "weights": "pocket",
            "backbone": "auto",
            "epochs": 8,
            "scale": 0.15,
            "height": 128,
            "width": 64,
        },
        "paper": {
            "n_seeds": 10,
            "counts": [2, 5, 10, 20, 50, 100],
            "weights": "imagenet",
            "backbone": "resnet50.tv_in1k",
            "epochs": 30,
            "scale": 1.0,
        },
    }

    @property
    def seeds(self) -> list[int]:
        """Seeds of the trainings, ``n_seeds`` in a row."""
        return list(range(self.seed, self.seed + (self.n_seeds or 0)))

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` that images are brought to, in pixels."""
        height, width = SIZES[self.dataset]
        return self.height or height, self.width or width
