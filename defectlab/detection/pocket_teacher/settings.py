"""Settings of the pocket teacher's training, and why it learns as it does.

A masked autoencoder (He et al. 2022): of each image a quarter of the patches is seen, the rest must be filled in. Of
the ways to learn without labels it is the one that fits an hour of one core: the encoder computes on a quarter of the
patches, there is neither a second network nor a queue, it does not collapse, and it learns what every patch looks like
given those around it, which is what a detector of anomalies asks. DINO and iBOT give better features where there are
days of GPUs: at equal time on a core they would see a tenth of the images.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from defectlab.detection.encoder.settings import TRAINED_MATERIALS, EncoderSettings, warmed_cosine

ARCHITECTURE = "vit_tiny_patch16_224"
OPTIONS: dict[str, Any] = {"img_size": 128, "patch_size": 8, "depth": 6}
"""Half the depth of timm's ViT-Tiny, patches of half the side: 2.7 million parameters, 5.5 MB as float16.

Images of 128 pixels give maps of 16 x 16 places; three levels of the student-teacher need six blocks.
"""


@dataclass(frozen=True)
class TeacherSettings:
    """Settings of one training.

    Attributes:
        steps: optimiser steps.
        scenes: scenes a step; each gives two images.
        side: side of an image in pixels, a multiple of 8.
        hidden: share of the patches that the encoder does not see; 0.75 as He et al.
        leaves: share of the images that get patches of other ones pasted in, for edges and objects that textures
            lack (dead leaves, as in Baradad et al. 2021).
        floor: deviation, in units of [0, 1], that even a flat patch is taken to have where the target is normalised:
            sensor noise is not worth learning.
        features: weight of telling the pocket encoder's features too, at the places that are seen; 0 is
            self-supervised. Above 0 the teacher inherits what that encoder knows of procedural defects, whose masks it
            was shown.
        lr: highest learning rate of AdamW, reached after ``warm_up`` steps, then a cosine down to zero.
        warm_up: steps of linear warm-up.
        weight_decay: of AdamW.
        seed: of data, weights and what is hidden.
        materials: materials to draw from; never held-out ones.
        looks: how many looks of each defect to draw from, 1 or 2; the third is held out.
        bfloat16: autocast to bfloat16.
    """

    steps: int = 1800
    scenes: int = 32
    side: int = 128
    hidden: float = 0.75
    leaves: float = 0.4
    floor: float = 0.03
    features: float = 0.0
    lr: float = 1.5e-3
    warm_up: int = 60
    weight_decay: float = 0.05
    seed: int = 0
    materials: tuple[str, ...] = field(default=TRAINED_MATERIALS)
    looks: int = 2
    bfloat16: bool = True

    def __post_init__(self) -> None:
        if self.side < 64 or self.side % 32:
            raise ValueError(f"side: expected a multiple of 32 from 64 on, got {self.side}")
        if not 0 < self.hidden < 1:
            raise ValueError(f"hidden: expected a share in (0, 1), got {self.hidden}")
        if not 0 <= self.leaves <= 1:
            raise ValueError(f"leaves: expected a share in [0, 1], got {self.leaves}")
        if min(self.floor, self.lr) <= 0 or min(self.features, self.weight_decay) < 0:
            raise ValueError(
                "expected floor and lr above 0, features and weight_decay at least 0, got "
                f"{self.floor}, {self.lr}, {self.features}, {self.weight_decay}"
            )
        self.drawing()  # the rest is checked where it is used

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        return warmed_cosine(step, self.steps, self.lr, self.warm_up)

    def drawing(self) -> EncoderSettings:
        """The settings that scenes are drawn by, those of the pocket encoder's training with another seed of data."""
        return EncoderSettings(
            steps=self.steps, scenes=self.scenes, side=self.side, warm_up=self.warm_up, looks=self.looks,
            materials=self.materials, seed=self.seed,
        )  # fmt: skip
