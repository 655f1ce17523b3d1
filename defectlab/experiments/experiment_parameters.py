"""What the notebooks have in common: data, regime, counts, seeds, classifier, device and run store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from defectlab.params import PROFILES, Parameters, parameter

DATASETS = ("surfaces", "ksdd2", "kolektor_sdd", "magnetic_tile", "folder")
REGIMES = ("zero_shot", "few_shot", "full_shot")
METHODS = ("none", "memseg", "ddpm", "in_and_out", "diag")
SIZES: dict[str, tuple[int, int]] = {
    "surfaces": (256, 96),
    "ksdd2": (632, 224),
    "kolektor_sdd": (560, 224),
    "magnetic_tile": (224, 224),
    "folder": (224, 224),
}
"""``(height, width)`` in pixels where none is given."""


@dataclass(frozen=True)
class ExperimentParameters(Parameters, ABC):
    """Parameters that every experiment of synthesis and detection has; see `help` of each.

    Attributes:
        paper: short name of the paper, which is also that of its method and of its notebook.
        sizes: ``(height, width)`` by data set where none is given.
    """

    dataset: str = parameter("surfaces", help="images of surfaces", choices=DATASETS)
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache")
    regime: str = parameter("zero_shot", help="real positives in training: none, n_shot or all", choices=REGIMES)
    n_aug: int = parameter(100, help="synthetic positives added to training", low=2, high=10_000)
    n_shot: int = parameter(5, help="real positives in the few-shot regime", low=1, high=1000)
    seeds: list[int] = parameter([0, 1, 2], help="one synthesis and one training each", low=0, high=99_999)
    profile: str = parameter("laptop", help="smoke (seconds), laptop (minutes), paper (one GPU)", choices=PROFILES)
    prompts: list[str] = parameter([], help="descriptions of defects; empty: the generator's own")
    textures: str = parameter("surfaces", help="foreign textures of MemSeg: surfaces, dtd, none or a folder")
    weights: str | None = parameter(None, help="imagenet, pocket, none or a file; None: the profile's")
    backbone: str | None = parameter(None, help="timm name of the classifier, or auto; None: the profile's")
    epochs: int | None = parameter(None, help="of the classifier; None: the profile's", low=1, high=10_000)
    height: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    width: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    scale: float | None = parameter(
        None, help="share of the images of surfaces; None: the profile's", low=0.005, high=10
    )
    validation: float = parameter(0.2, help="share of the training images held out for thresholds", low=0.05, high=0.5)
    steps: int | None = parameter(None, help="diffusion steps; None: the generator's own", low=1, high=1000)
    guidance_scale: float | None = parameter(None, help="weight of the text; None: the generator's own", low=1, high=50)
    inception: str = parameter("", help="Inception weights for FID: a file or download; empty: no FID")
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps", identity=False)
    out: str = parameter("", help="folder to export the synthetic images to; empty: none", identity=False)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's", identity=False)

    paper: ClassVar[str]
    sizes: ClassVar[Mapping[str, tuple[int, int]]] = SIZES

    def __post_init__(self) -> None:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: expected each seed once, got {self.seeds}")

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` that images are brought to, in pixels."""
        height, width = self.sizes[self.dataset]
        return self.height or height, self.width or width

    @property
    @abstractmethod
    def arms(self) -> tuple[str, ...]:
        """Short names of the methods that are compared."""
