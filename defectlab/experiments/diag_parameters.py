"""The parameters of ``notebooks/diag.ipynb``: names, types, ranges, and the values of each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.params import PROFILES, Parameters, parameter
from defectlab.synthesis.pipelines import is_pocket

DATASETS = ("surfaces", "ksdd2", "kolektor_sdd", "magnetic_tile", "folder")
REGIMES = ("zero_shot", "few_shot", "full_shot")
LAYOUTS = ("", "mvtec", "coco", "yolo", "yolo-seg")

PROMPTS = {
    "sdxl": ("white marks on the wall", "copper metal scratches"),
    "pocket": ("a crack", "a scratch", "a dark stain", "a pore"),
}
"""Descriptions where none are given: the paper's, and for `pocket` the defects that `surfaces` has."""
SIZES: dict[str, tuple[int, int]] = {
    "surfaces": (256, 96),
    "ksdd2": (632, 224),
    "kolektor_sdd": (560, 224),
    "magnetic_tile": (224, 224),
    "folder": (224, 224),
}
"""``(height, width)`` in pixels where none is given."""


@dataclass(frozen=True)
class DiagParameters(Parameters):
    """Parameters of the DIAG notebook; see `help` of each."""

    dataset: str = parameter("surfaces", help="images of surfaces", choices=DATASETS)
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache")
    regime: str = parameter("zero_shot", help="real positives in training: none, n_shot or all", choices=REGIMES)
    n_aug: int = parameter(100, help="synthetic positives added to training", low=2, high=10_000)
    n_shot: int = parameter(5, help="real positives in the few-shot regime", low=1, high=1000)
    seeds: list[int] = parameter([0, 1, 2], help="one synthesis and one training each", low=0)
    profile: str = parameter("laptop", help="smoke (seconds), laptop (minutes), paper (one GPU)", choices=PROFILES)
    generator: str | None = parameter(None, help="pocket, sdxl, hub name or diffusers folder; None: the profile's")
    prompts: list[str] = parameter([], help="descriptions of defects; empty: the generator's own")
    masks: str = parameter("real", help="real (the paper), lines, perlin, blobs, or a mask image or folder")
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
    canvas: int | None = parameter(
        None,
        help="side of the generator's square; None: the generator's own",
        low=8,
        unit="pixels",
        check=lambda value: f"expected a multiple of 8, got {value}" if value and value % 8 else None,
    )
    inception: str = parameter("", help="Inception weights for FID: a file or download; empty: no FID")
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps")
    out: str = parameter("", help="folder to export the synthetic images to; empty: none")
    layout: str = parameter("", help="layout of the export beside the images", choices=LAYOUTS)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's")

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "generator": "pocket",
            "weights": "pocket",
            "backbone": "auto",
            "epochs": 3,
            "scale": 0.02,
            "steps": 2,
            "guidance_scale": 1.0,
            "height": 128,
            "width": 64,
        },
        "laptop": {"generator": "pocket", "weights": "pocket", "backbone": "auto", "epochs": 20, "scale": 0.15},
        "paper": {
            "generator": "sdxl",
            "weights": "imagenet",
            "backbone": "resnet50.tv_in1k",
            "epochs": 50,
            "scale": 1.0,
        },
    }

    def __post_init__(self) -> None:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: expected each seed once, got {self.seeds}")
        if self.layout and not self.out:
            raise ValueError("layout: give out too, the folder that the export goes to")

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` that images are brought to, in pixels."""
        height, width = SIZES[self.dataset]
        return self.height or height, self.width or width

    @property
    def descriptions(self) -> tuple[str, ...]:
        """The prompts, or those that suit the generator."""
        return tuple(self.prompts) or PROMPTS["pocket" if is_pocket(self.generator or "pocket") else "sdxl"]

    @property
    def arms(self) -> tuple[str, ...]:
        """What is compared: without real positives nothing can be trained without augmentation."""
        return ("memseg", "diag") if self.regime == "zero_shot" else ("none", "memseg", "diag")
