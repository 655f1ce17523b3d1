"""Patch features of a frozen backbone: several of its maps, each averaged over a neighbourhood, on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defectlab.detection.backbones import BackboneSpec, Normalise
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.student_teacher.teacher import NOTES, fit_to_size
from defectlab.detection.student_teacher.teacher import POCKET as POCKET_TEACHER
from defectlab.detection.weights import WeightsReport, load_backbone

STRIDES = (8, 16)
"""Of the maps that PatchCore (section 3.1) and SimpleNet (section 3.1) read: "mid-level", layer2 and layer3."""


class FrozenMaps(nn.Module):
    """A frozen backbone from images in [0, 1] to several of its feature maps; in evaluation mode always.

    Args:
        model: of timm, of the size of the images where it is a vision transformer.
        spec: what it takes to build it again.
        indices: positions of the maps in ``model.feature_info``, ascending.
    """

    def __init__(self, model: Any, spec: BackboneSpec, indices: Sequence[int]) -> None:
        super().__init__()
        self.normalise = Normalise(spec.mean, spec.std)
        self.model, self.spec, self.indices = model, spec, list(indices)
        self.channels = tuple(int(model.feature_info[i]["num_chs"]) for i in self.indices)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FrozenMaps:
        """Stays in evaluation mode, whatever the network around it does."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> list[Tensor]:
        """One map ``(n, C, h, w)`` an index, in order."""
        maps: list[Tensor] = self.model.forward_intermediates(
            self.normalise(image), indices=self.indices, intermediates_only=True, stop_early=True
        )
        return maps


class PatchFeatures(FrozenMaps):
    """One vector a place: every map averaged over a neighbourhood, enlarged to the first one's grid, side by side.

    PatchCore Eq. 2 and 3, SimpleNet Eq. 1 to 3. The average counts the pixels inside the image alone. PatchCore's
    code pools each level to 1024 channels, which neither paper's equations ask for; here none is pooled.

    Args:
        model: as `FrozenMaps`.
        spec: as `FrozenMaps`.
        indices: as `FrozenMaps`.
        neighbourhood: side of the neighbourhood in places, odd.
    """

    def __init__(self, model: Any, spec: BackboneSpec, indices: Sequence[int], neighbourhood: int) -> None:
        super().__init__(model, spec, indices)
        self.neighbourhood = neighbourhood

    @torch.no_grad()
    def patches(self, image: Tensor) -> Tensor:
        """Features, shape ``(n, sum of channels, h, w)``, of images ``(n, 3, H, W)`` in [0, 1]."""
        p = self.neighbourhood
        means = [F.avg_pool2d(m, p, 1, p // 2, count_include_pad=False) for m in self(image)]
        size = means[0].shape[2:]
        same = [m if m.shape[2:] == size else F.interpolate(m, size, mode="bilinear") for m in means]
        return torch.cat(same, dim=1)


def load_model(
    backbone: str, weights: str, size: tuple[int, int], seed: int
) -> tuple[Any, BackboneSpec, WeightsReport]:
    """A backbone with the weights that are named, of the size of the images.

    Args:
        backbone: timm name, or ``"auto"``: the architecture that the weights are for.
        weights: as `ClassifierConfig.weights`; or ``"pocket_teacher"``, the ViT of the student-teacher's laptop preset.
        size: ``(height, width)`` of the images; matters to a vision transformer alone.
        seed: of random weights.

    Raises:
        ValueError: if backbone, weights and size do not fit.
        FileNotFoundError: if the weights are not found, or not reachable.
    """
    if weights == "pocket_teacher" and not (POCKET_TEACHER / "config.json").is_file():
        raise FileNotFoundError(
            f"no pocket teacher is in this copy of the package ({POCKET_TEACHER} holds no config.json): "
            "take weights='pocket', 'imagenet', a local file or folder, or 'none'"
        )
    ours = weights == "pocket_teacher"
    where = str(POCKET_TEACHER) if ours else weights
    model, spec, report = load_backbone(ClassifierConfig(backbone, where, seed=seed))
    if ours:
        report = replace(report, name=weights, note=NOTES["pocket"])
    if hasattr(model, "set_input_size") and hasattr(model, "patch_embed"):
        spec = fit_to_size(model, spec, size)
    return model, spec, report


def map_indices(model: Any, spec: BackboneSpec, layers: Sequence[int] | None, strides: Sequence[int]) -> list[int]:
    """Which maps of ``model.feature_info`` to read.

    Args:
        model: of timm.
        spec: says which of its parts the weights do not reach.
        layers: positions, from 0; ``None``: the last map of each stride, or, where all maps are of one stride (a
            vision transformer), as many of its inner blocks, evenly spread.
        strides: in pixels.

    Raises:
        ValueError: if a position or a stride is not there.
    """
    info = [stage for stage in model.feature_info if f"{stage['module']}.0" not in spec.absent]
    reductions = [int(stage["reduction"]) for stage in info]
    if layers is not None:
        wrong = [i for i in layers if not 0 <= i < len(info)]
        if wrong or not layers:
            raise ValueError(f"layers must name maps 0 to {len(info) - 1} of {spec.architecture!r}, got {layers}")
        return sorted(set(layers))
    if len(set(reductions)) == 1:
        inner = np.linspace(0, len(info) - 1, len(strides) + 2)[1:-1]
        return sorted({int(i) for i in inner.round()})
    missing = [stride for stride in strides if stride not in reductions]
    if missing:
        raise ValueError(
            f"backbone {spec.architecture!r} has maps of stride {sorted(set(reductions))}, none of stride {missing}: "
            "name the maps with layers=(...)"
        )
    return [len(reductions) - 1 - reductions[::-1].index(stride) for stride in strides]
