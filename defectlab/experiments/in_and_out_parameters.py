"""The parameters of ``notebooks/in_and_out.ipynb``: names, types, ranges, and the values of each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.diag_parameters import painting_prompts
from defectlab.experiments.experiment_parameters import METHODS, SIZES, ExperimentParameters
from defectlab.params import parameter
from defectlab.synthesis.tall import RULES

PRESETS = ("smoke", "laptop", "paper", "released")


@dataclass(frozen=True)
class InAndOutParameters(ExperimentParameters):
    """Parameters of the In&Out notebook; see `help` of each."""

    n_negatives: int = parameter(
        50, help="normal images that zero-shot fine-tunes on, at most", low=1, high=10_000, after="n_shot"
    )
    methods: list[str] = parameter(
        ["none", "memseg", "ddpm", "in_and_out"],
        help="what is compared; none is left out without real positives",
        choices=METHODS,
        after="n_shot",
    )
    seeds: list[int] = parameter([0, 1], help="one fine-tuning, synthesis and training each", low=0, high=99_999)
    base_model: str | None = parameter(
        None, help="pocket-sd, sd15, hub name or diffusers folder; None: the profile's", after="profile"
    )
    preset: str | None = parameter(
        None,
        help="of fine-tuning and sampling: smoke, laptop, paper, released; None: the profile's",
        choices=PRESETS,
        after="profile",
    )
    fine_tune_epochs: int | None = parameter(
        None, help="passes over the images; None: the preset's", low=1, high=10_000, after="profile"
    )
    fine_tune_steps: int | None = parameter(
        None, help="optimiser steps at most; None: the preset's", low=1, high=1_000_000, after="profile"
    )
    merge_ratio: float | None = parameter(
        None, help="share of the adapter that is merged; None: the preset's", low=0, high=1, after="profile"
    )
    prompts: list[str] = parameter([], help="of the samples; empty: the paper's for the regime")
    steps: int | None = parameter(None, help="of the sampler; None: the preset's", low=1, high=1000)
    guidance_scale: float | None = parameter(None, help="weight of the text; None: the preset's", low=1, high=50)
    canvas: int | None = parameter(
        None,
        help="side of the square samples; None: the preset's",
        low=16,
        unit="pixels",
        check=lambda value: f"expected a multiple of 8, got {value}" if value and value % 8 else None,
        after="guidance_scale",
    )
    square_to_tall: str | None = parameter(
        None,
        help="how squares become tall: native, stretch or crop; None: the preset's",
        choices=RULES,
        after="guidance_scale",
    )
    generator: str | None = parameter(
        None, help="of the method diag: pocket, sdxl, hub name or folder; None: the profile's", after="textures"
    )
    masks: str = parameter(
        "real", help="of the method diag: real, lines, perlin, blobs, or a mask image or folder", after="textures"
    )

    paper: ClassVar[str] = "in_and_out"
    sizes: ClassVar[Mapping[str, tuple[int, int]]] = {**SIZES, "ksdd2": (600, 200)}
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "base_model": "pocket-sd",
            "preset": "smoke",
            "generator": "pocket",
            "weights": "pocket",
            "backbone": "auto",
            "epochs": 3,
            "scale": 0.02,
            "height": 128,
            "width": 64,
        },
        "laptop": {
            "base_model": "pocket-sd",
            "preset": "laptop",
            "generator": "pocket",
            "weights": "pocket",
            "backbone": "auto",
            "epochs": 20,
            "scale": 0.15,
        },
        "paper": {
            "base_model": "sd15",
            "preset": "paper",
            "generator": "sdxl",
            "weights": "imagenet",
            "backbone": "resnet50.tv_in1k",
            "epochs": 50,
            "scale": 1.0,
        },
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.methods)) != len(self.methods):
            raise ValueError(f"methods: expected each method once, got {self.methods}")
        if not self.arms:
            raise ValueError("methods, regime: zero_shot has no real positives, so none alone has nothing to train on")

    @property
    def descriptions(self) -> tuple[str, ...]:
        """What the method diag is asked for: the prompts that suit its generator."""
        return painting_prompts(self.generator)

    @property
    def painting(self) -> dict[str, Any]:
        """Settings of the method diag beside the prompts; those of its own notebook at the same profile."""
        return {"num_inference_steps": 2, "guidance_scale": 1.0} if self.profile == "smoke" else {}

    @property
    def arms(self) -> tuple[str, ...]:
        """The methods in a fixed order: without real positives nothing can be trained without augmentation."""
        chosen = [name for name in METHODS if name in self.methods]
        return tuple(name for name in chosen if name != "none" or self.regime != "zero_shot")
