"""`StudentTeacherSettings`: everything that a student-teacher training depends on, presets, and Table 6 as switches.

The paper states three numbers of the network: cosine per pixel (Eq. 4), levels "shallow, middle, deep", K = 100. Every
other field below is a choice of this reproduction; its reason stands beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

CHOICES: dict[str, tuple[str, ...]] = {
    "student": ("shared", "copy", "random"),
    "distance": ("l1", "l2", "none"),
    "head_input": ("difference", "product"),
    "fusion": ("mean", "product"),
    "maps": ("head", "features"),
    "flips": ("none", "h", "v", "hv"),
    "head_teacher": ("anomalous", "clean"),
}
LEAST: dict[tuple[str, ...], int] = {
    ("decoder_blocks", "head_width", "head_scale", "top_k", "steps", "batch_size", "every"): 1,
    ("gamma", "weight_focal", "weight_distance", "cosine_steps", "smoothing", "warm_up", "weight_decay", "seed"): 0,
}
ABLATIONS: dict[str, dict[str, Any]] = {
    "full": {},
    "w/o decoder": {"decoder": False},
    "w/o cosine": {"cosine": False},
    "w/o seg": {"segmentation": False, "focal": False, "distance": "none", "maps": "features"},
    "w/o focal": {"focal": False},
    "l2 for l1": {"distance": "l2"},
}
"""Changes of each row of Table 6 ("w/o Seg Head" removes focal too, as the table does), and of the text's row on L1."""


@dataclass(frozen=True)
class TrainingSettings:
    """What every training on triplets depends on, here and in the baselines; `StudentTeacherSettings` explains each."""

    size: tuple[int, int] = (256, 256)
    cosine_steps: int = 0
    top_k: int = 100
    normal_share: float = 0.5
    flips: str = "none"
    steps: int = 5000
    batch_size: int = 16
    lr: float = 1e-3
    clip: float = 1.0
    amp: bool = True
    every: int = 100
    seed: int = 0

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0: constant."""
        return self.lr


@dataclass(frozen=True)
class StudentTeacherSettings(TrainingSettings):
    """Settings of `StudentTeacher`; the defaults are for one GPU, see `paper`.

    Attributes:
        teacher: timm name of a ViT. Not stated; DINOv2 ViT-B/14 with registers, as Dinomaly, the nearest method.
        weights: ``"dinov2"`` or ``"imagenet"`` (timm downloads what it has under that name), ``"none"`` (random), or
            a local file or folder, by path or by its name under ``DEFECTLAB_WEIGHTS``.
        size: ``(height, width)`` that images are brought to, multiples of the patch. Not stated; 392 as Dinomaly.
        levels: blocks, from 0, whose mean is one level, shallow first. Not stated; ``None``: the middle two thirds
            of the blocks in three equal groups (2 to 9 of 12, Dinomaly's blocks, in the paper's three levels).
        student: encoder of the student. ``"shared"``: the teacher's own, frozen (Dinomaly; half the memory, and no
            encoder that forgets); ``"copy"``: a trainable copy; ``"random"``: trainable, from random weights.
        decoder: Table 6. Without it each level passes a bottleneck of its own (shared) or nothing (copy, random).
        decoder_blocks: transformer blocks of the decoder. Not stated ("deep"); 8 as Dinomaly.
        bottleneck_dropout: noise on what the decoder reads, so that it cannot copy; 0.2 as Dinomaly.
        cosine: Table 6: the loss of Eq. 4.
        segmentation: Table 6: the segmentation head; without it the map is that of Eq. 5.
        focal: Table 6: the focal loss on the head.
        gamma: of the focal loss. Not stated; 4 as DeSTSeg.
        distance: second loss on the head: ``"l1"`` (the text), ``"l2"`` (a "common loss" in its place), ``"none"``.
        weight_focal: lambda_f, not stated; 1.
        weight_distance: lambda_1, not stated; 1.
        cosine_steps: first steps that train the student by cosine alone, after which it is frozen and the head
            learns (DeSTSeg's two phases); 0: joint, as the paper says ("multi-task jointly driven").
        head_input: what the head reads: ``"difference"`` of the normalised features, the paper's word; their
            ``"product"``, DeSTSeg's choice.
        head_teacher: image whose teacher features the head reads in training: the ``"anomalous"`` one, as at
            inference and in DeSTSeg; ``"clean"``, the pair of the cosine loss.
        head_width: channels of the head; 128.
        head_scale: factor that the head's features are enlarged by before its last convolutions; 4 (with patch 16
            the stride of DeSTSeg's head).
        fusion: of the levels' maps (Eq. 5): ``"mean"``, or ``"product"``.
        smoothing: sigma in pixels of a Gaussian on the map; the paper names none: 0.
        maps: which map scores: the ``"head"``'s or that of the ``"features"``.
        top_k: K of Eq. 6, stated: 100. It counts pixels of maps of ``size``.
        normal_share: share of draws that show the normal image with an empty mask; 0.5 as RealNet and DRAEM,
            otherwise the head never sees a normal image.
        flips: mirror images that a draw picks from; none, for products have a direction.
        steps: optimiser steps. Not stated; 5000 as DeSTSeg and Dinomaly per category.
        batch_size: triplets a step; 16 as Dinomaly.
        lr: of AdamW at its highest; 1e-3.
        encoder_lr_scale: factor on ``lr`` for a trainable encoder; 0.1, so that pretrained features survive.
        final_lr_share: share of ``lr`` that the cosine ends at; 0.1 as Dinomaly.
        warm_up: steps in which the rate rises from 0; 100 as Dinomaly.
        weight_decay: of AdamW; 1e-4 as Dinomaly.
        clip: largest norm of the gradient; 1.
        amp: bfloat16 on a GPU while training; losses and scores are float32.
        every: steps from one checkpoint and row of the log to the next.
        seed: of weights, order and dropout.
    """

    teacher: str = "vit_base_patch14_reg4_dinov2.lvd142m"
    weights: str = "dinov2"
    size: tuple[int, int] = (392, 392)
    levels: tuple[tuple[int, ...], ...] | None = None
    student: str = "shared"
    decoder: bool = True
    decoder_blocks: int = 8
    bottleneck_dropout: float = 0.2
    cosine: bool = True
    segmentation: bool = True
    focal: bool = True
    gamma: float = 4.0
    distance: str = "l1"
    weight_focal: float = 1.0
    weight_distance: float = 1.0
    cosine_steps: int = 0
    head_input: str = "difference"
    head_teacher: str = "anomalous"
    head_width: int = 128
    head_scale: int = 4
    fusion: str = "mean"
    smoothing: float = 0.0
    maps: str = "head"
    top_k: int = 100
    normal_share: float = 0.5
    flips: str = "none"
    steps: int = 5000
    batch_size: int = 16
    lr: float = 1e-3
    encoder_lr_scale: float = 0.1
    final_lr_share: float = 0.1
    warm_up: int = 100
    weight_decay: float = 1e-4
    clip: float = 1.0
    amp: bool = True
    every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for names, least in LEAST.items():
            for name in names:
                if getattr(self, name) < least:
                    raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        self._check_numbers()
        self._check_losses()

    def _check_numbers(self) -> None:
        for name in ("bottleneck_dropout", "normal_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("lr", "encoder_lr_scale", "clip"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.final_lr_share <= 1:
            raise ValueError(f"final_lr_share must be in [0, 1], got {self.final_lr_share}")
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f"size must be (height, width) in pixels, both positive, got {self.size}")

    def _check_losses(self) -> None:
        if not self.segmentation and (self.focal or self.distance != "none" or self.maps == "head"):
            raise ValueError(
                "segmentation=False leaves nothing that focal, distance and maps='head' could act on: "
                "set focal=False, distance='none' and maps='features', or take ablation('w/o seg')"
            )
        if self.segmentation and not self.focal and self.distance == "none":
            raise ValueError("the segmentation head has no loss: set focal=True or distance='l1'")
        if not self.cosine and not self.segmentation:
            raise ValueError("cosine=False and segmentation=False leave no loss to learn from")
        if self.cosine_steps and not (self.cosine and self.segmentation and self.cosine_steps < self.steps):
            raise ValueError(
                f"cosine_steps={self.cosine_steps} parts a training of cosine and segmentation in two: "
                f"it needs both losses and more steps, got cosine={self.cosine}, segmentation={self.segmentation}, "
                f"steps={self.steps}"
            )

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0: linear warm-up, then cosine down to ``final_lr_share``."""
        if step < self.warm_up:
            return self.lr * (step + 1) / self.warm_up
        progress = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.lr * (self.final_lr_share + (1 - self.final_lr_share) * 0.5 * (1 + math.cos(math.pi * progress)))


def ablation(row: str, settings: StudentTeacherSettings) -> StudentTeacherSettings:
    """The settings of one row of Table 6.

    Args:
        row: a name of `ABLATIONS`.
        settings: of the full method.

    Raises:
        ValueError: if there is no such row.
    """
    if row not in ABLATIONS:
        raise ValueError(f"ablation must be one of {', '.join(ABLATIONS)}, got {row!r}")
    return settings.but(**ABLATIONS[row])


def paper(**changes: Any) -> StudentTeacherSettings:
    """One GPU: what the paper states, and the choices above where it states nothing."""
    return StudentTeacherSettings().but(**changes)


def laptop(**changes: Any) -> StudentTeacherSettings:
    """Minutes without a GPU: the shipped ViT at 128 pixels. Its patches have 8 pixels, so the head enlarges by 2."""
    small = {"teacher": "vit_tiny_patch16_224", "weights": "pocket", "size": (128, 128), "decoder_blocks": 3}
    small |= {"head_scale": 2}
    return paper(**small).but(steps=300, batch_size=8, warm_up=20, head_width=64).but(**changes)


def smoke(**changes: Any) -> StudentTeacherSettings:
    """Seconds, for tests: timm's ``test_vit``, four steps on 32 pixels."""
    tiny = {"teacher": "test_vit", "weights": "none", "size": (32, 32), "head_width": 8, "head_scale": 4}
    tiny |= {"steps": 4, "warm_up": 1, "every": 2}
    return laptop(**tiny).but(batch_size=2).but(**changes)
