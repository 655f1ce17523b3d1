"""Settings of the pocket encoder's training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from defectlab.data.surfaces.defects import HELD_OUT_LOOKS
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS, MATERIALS

TRAINED_MATERIALS = tuple(name for name in MATERIALS if name not in HELD_OUT_MATERIALS)
STRIDES = (8, 16, 32)
"""Pixels from one feature to the next of the maps that are trained: what detectors read."""
ARCHITECTURE = "resnet18d"
OPTIONS: dict[str, Any] = {"channels": [32, 64, 128, 256], "stem_width": 16}
"""Half the width of timm's resnet18d: 2.8 million parameters, 5.6 MB as float16."""
NORMALISE = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of one training.

    Attributes:
        steps: optimiser steps.
        scenes: scenes a step; each gives two views.
        side: side of a view in pixels, a multiple of 32.
        lr: highest learning rate of AdamW, reached after ``warm_up`` steps, then a cosine down to zero.
        warm_up: steps of linear warm-up.
        weight_decay: of AdamW.
        locate: weight of finding the cells of a defect.
        detect: weight of telling a view with a defect from one without, by its worst places.
        name: weight of naming the defect.
        contrast: weight of recognising a region in the other view (SimCLR on regions).
        temperature: of the contrast.
        seed: of data and weights.
        materials: materials to draw from; never held-out ones.
        looks: how many looks of each defect to draw from, 1 or 2; the third is held out.
        bfloat16: autocast to bfloat16.
    """

    steps: int = 3000
    scenes: int = 16
    side: int = 128
    lr: float = 2e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    locate: float = 1.0
    detect: float = 0.5
    name: float = 0.2
    contrast: float = 0.2
    temperature: float = 0.2
    seed: int = 0
    materials: tuple[str, ...] = field(default=TRAINED_MATERIALS)
    looks: int = 2
    bfloat16: bool = True

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("scenes", 2), ("warm_up", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        if self.side < 64 or self.side % 32:
            raise ValueError(f"side: expected a multiple of 32 from 64 on, got {self.side}")
        if self.lr <= 0 or self.temperature <= 0:
            raise ValueError(f"expected lr and temperature above 0, got {self.lr} and {self.temperature}")
        weights = (self.locate, self.detect, self.name, self.contrast, self.weight_decay)
        if min(weights) < 0 or not any(weights[:4]):
            raise ValueError(f"expected weights of at least 0, one of them above, got {weights}")
        unfit = [name for name in self.materials if name not in TRAINED_MATERIALS]
        if unfit or not self.materials:
            raise ValueError(f"materials: expected some of {', '.join(TRAINED_MATERIALS)}, got {self.materials}")
        if self.looks not in (1, 2):
            raise ValueError(f"looks: expected 1 or 2 (the third of {len(HELD_OUT_LOOKS)} defects is held out)")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        return warmed_cosine(step, self.steps, self.lr, self.warm_up)


def warmed_cosine(step: int, steps: int, lr: float, warm_up: int) -> float:
    """Learning rate of a step, counted from 0: linear warm-up, then half a cosine down to zero."""
    progress = max(0.0, (step - warm_up) / max(1, steps - warm_up))
    return lr * min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * progress))
