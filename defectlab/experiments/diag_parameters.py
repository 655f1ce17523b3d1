"""The parameters of ``notebooks/diag.ipynb``: names, types, ranges, and the values of each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.experiment_parameters import ExperimentParameters
from defectlab.params import parameter
from defectlab.synthesis.pipelines import is_pocket

LAYOUTS = ("", "mvtec", "coco", "yolo", "yolo-seg")

PROMPTS = {
    "sdxl": ("white marks on the wall", "copper metal scratches"),
    "pocket": ("a crack", "a scratch", "a dark stain", "a pore"),
}
"""Descriptions where none are given: the paper's, and for `pocket` the defects that `surfaces` has."""


def painting_prompts(generator: str | None) -> tuple[str, ...]:
    """The descriptions that suit a generator."""
    return PROMPTS["pocket" if is_pocket(generator or "pocket") else "sdxl"]


@dataclass(frozen=True)
class DiagParameters(ExperimentParameters):
    """Parameters of the DIAG notebook; see `help` of each."""

    generator: str | None = parameter(
        None, help="pocket, sdxl, hub name or diffusers folder; None: the profile's", after="profile"
    )
    masks: str = parameter(
        "real", help="real (the paper), lines, perlin, blobs, or a mask image or folder", after="prompts"
    )
    canvas: int | None = parameter(
        None,
        help="side of the generator's square; None: the generator's own",
        low=8,
        unit="pixels",
        check=lambda value: f"expected a multiple of 8, got {value}" if value and value % 8 else None,
        after="guidance_scale",
    )
    layout: str = parameter(
        "", help="layout of the export beside the images", choices=LAYOUTS, identity=False, after="out"
    )

    paper: ClassVar[str] = "diag"
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
        super().__post_init__()
        if self.layout and not self.out:
            raise ValueError("layout: give out too, the folder that the export goes to")

    @property
    def descriptions(self) -> tuple[str, ...]:
        """The prompts, or those that suit the generator."""
        return tuple(self.prompts) or painting_prompts(self.generator)

    @property
    def painting(self) -> dict[str, Any]:
        """Settings of DIAG that were given beside the prompts."""
        given = {"num_inference_steps": self.steps, "guidance_scale": self.guidance_scale, "canvas": self.canvas}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def arms(self) -> tuple[str, ...]:
        """What is compared: without real positives nothing can be trained without augmentation."""
        return ("memseg", "diag") if self.regime == "zero_shot" else ("none", "memseg", "diag")
