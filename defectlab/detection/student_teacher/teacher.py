"""The teacher: a frozen ViT whose blocks, in groups, give the levels that the student must reproduce."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from defectlab.detection.backbones import BackboneSpec, Normalise, create
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.student_teacher.alignment import Groups, block_indices, level_groups, mean_levels
from defectlab.detection.student_teacher.settings import StudentTeacherSettings
from defectlab.detection.weights import WeightsReport, load_backbone

POCKET = Path(__file__).parent / "pocket_teacher"
UNNAMED = "Which ViT the paper's teacher is, and what it was trained on, is not stated."
NOTES = {
    "dinov2": f"Pretrained by DINOv2 without labels. {UNNAMED}",
    "imagenet": f"Pretrained on ImageNet. {UNNAMED}",
    "pocket": (
        "A small ViT trained by this project on drawn images, without any real defect; but it learned to predict the "
        "shipped encoder's features, and that encoder was shown the exact masks of drawn defects. "
        f"Compare the rows of one table with each other, not with the paper. {UNNAMED}"
    ),
    "none": "Random weights: its features know nothing of images. Compare the rows of one table with each other only.",
}
LOCAL = f"A local file: this package does not know what it was trained on. {UNNAMED}"


class Encoder(nn.Module):
    """A ViT from images in [0, 1] to one feature map a level.

    Args:
        model: a ViT of timm, set to the size of the images.
        spec: what it takes to build it again.
        groups: blocks of each level.
    """

    def __init__(self, model: Any, spec: BackboneSpec, groups: Groups) -> None:
        super().__init__()
        self.normalise = Normalise(spec.mean, spec.std)
        self.model = model
        self.groups = groups
        self.channels = int(model.embed_dim)
        self.heads = int(model.blocks[0].attn.num_heads)

    def forward(self, image: Tensor) -> list[Tensor]:
        """One map ``(n, C, H / patch, W / patch)`` a level, shallow first, before the last norm, of patches alone."""
        maps = self.model.forward_intermediates(
            self.normalise(image), indices=block_indices(self.groups), intermediates_only=True, stop_early=True
        )
        return mean_levels(maps, self.groups)


class Teacher(Encoder):
    """An `Encoder` that nothing changes: no gradient, and evaluation mode always."""

    def __init__(self, model: Any, spec: BackboneSpec, groups: Groups) -> None:
        super().__init__(model, spec, groups)
        self.spec = spec
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Stays in evaluation mode, whatever the network around it does."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> list[Tensor]:
        """As `Encoder.forward`, without a graph."""
        return super().forward(image)

    def trainable(self, seed: int | None = None) -> Encoder:
        """An encoder of this architecture that learns: a copy, or with random weights of ``seed``."""
        model = deepcopy(self.model) if seed is None else create(self.spec, seed)
        return Encoder(model, self.spec, self.groups).requires_grad_(True)


def load_teacher(settings: StudentTeacherSettings) -> tuple[Teacher, WeightsReport]:
    """The teacher that the settings name, with the weights that they name or an error.

    Raises:
        ValueError: if it is no ViT, the size does not fit its patches, or name and weights do not fit.
        FileNotFoundError: if the weights are not found, or not reachable.
    """
    model, spec, report = load_backbone(_as_config(settings))
    if not all(hasattr(model, part) for part in ("blocks", "patch_embed", "set_input_size", "forward_intermediates")):
        raise ValueError(
            f"the teacher must be a vision transformer of timm, got {spec.architecture!r}: "
            "take teacher='vit_small_patch16_224' or another vit_*, or weights made for one"
        )
    spec = fit_to_size(model, spec, settings.size)
    report = replace(report, name=settings.weights, note=NOTES.get(settings.weights, LOCAL))
    return build_teacher(model, spec, settings), report


def build_teacher(model: Any, spec: BackboneSpec, settings: StudentTeacherSettings) -> Teacher:
    """The teacher around a ViT of the right size, its weights loaded or still to come."""
    return Teacher(model, spec, level_groups(len(model.blocks), settings.levels))


def _as_config(settings: StudentTeacherSettings) -> ClassifierConfig:
    """The settings in the words of `defectlab.detection.weights`, which finds weights for every detector."""
    weights, is_dinov2 = settings.weights, "dinov2" in settings.teacher
    if weights in ("dinov2", "imagenet") and is_dinov2 != (weights == "dinov2"):
        other = "dinov2" if is_dinov2 else "imagenet"
        raise ValueError(
            f"weights={weights!r} are not what timm has under {settings.teacher!r}: take weights={other!r}, or a "
            f"teacher {'without' if is_dinov2 else 'with'} 'dinov2' in its name"
        )
    if weights == "pocket":
        if not (POCKET / "config.json").is_file():
            raise FileNotFoundError(
                f"no pocket teacher is in this copy of the package ({POCKET} holds no config.json): "
                "take weights='dinov2', 'imagenet', a local file or folder, or 'none'"
            )
        weights = str(POCKET)
    hub = weights in ("dinov2", "imagenet")
    return ClassifierConfig(settings.teacher, "imagenet" if hub else weights, seed=settings.seed)


def fit_to_size(model: Any, spec: BackboneSpec, size: tuple[int, int]) -> BackboneSpec:
    """Sets a ViT to a size of images; its position embeddings are interpolated where they were of another."""
    patch = tuple(int(side) for side in model.patch_embed.patch_size)
    if any(side % step for side, step in zip(size, patch, strict=True)):
        near = tuple(max(step, round(side / step) * step) for side, step in zip(size, patch, strict=True))
        raise ValueError(
            f"size {tuple(size)} is no multiple of the patch {patch} of {spec.architecture!r}; near it: {near}"
        )
    model.set_input_size(img_size=tuple(size))
    return replace(spec, options=spec.options | {"img_size": list(size)})
