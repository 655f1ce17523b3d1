"""The segmentation head: from the differences of aligned features to one logit a pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defectlab.detection.scoring import resize_map
from defectlab.detection.student_teacher.losses import Pairs


class SegmentationHead(nn.Module):
    """Differences of all levels, fused, enlarged and read by two convolutions; its form is not stated in the paper.

    BatchNorm stands where it does for its running statistics: a norm over the one image, such as GroupNorm, would
    enlarge the small differences of a normal image to the size of an anomalous one's.

    Args:
        channels: of one level.
        levels: how many.
        width: channels inside.
        scale: factor that the fused features are enlarged by.
        reads: ``"difference"``, the absolute difference of the normalised features, or ``"product"``.
    """

    def __init__(self, channels: int, levels: int, width: int, scale: int, reads: str) -> None:
        super().__init__()
        self.reads, self.scale = reads, scale
        # absolute differences of unit vectors are of size 1 / sqrt(channels): brought to size 1 first
        self.fuse = nn.Sequential(nn.BatchNorm2d(channels * levels), nn.Conv2d(channels * levels, width, 1))
        self.refine = nn.Sequential(_convolution(width), _convolution(width), nn.Conv2d(width, 1, 1))

    def forward(self, pairs: Pairs, size: tuple[int, int]) -> Tensor:
        """Logits, shape ``(n, 1, height, width)``.

        Args:
            pairs: normalised features of teacher and student, from `alignment.align`; one height and width.
            size: ``(height, width)`` of the result.
        """
        parts = [(t - s).abs() if self.reads == "difference" else t * s for t, s in pairs]
        fused = self.fuse(torch.cat(parts, dim=1))
        large = F.interpolate(fused, scale_factor=float(self.scale), mode="bilinear")
        return resize_map(self.refine(large), size)


def _convolution(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
