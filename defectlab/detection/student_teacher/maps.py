"""From two networks' features to anomaly maps (Eq. 5), and from a map to the score of its image (Eq. 6)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from defectlab.detection.scoring import resize_map
from defectlab.detection.student_teacher.losses import Pairs


def level_maps(pairs: Pairs) -> list[Tensor]:
    """One anomaly map ``(n, 1, h, w)`` a level, in [0, 2]; 0 where student and teacher agree.

    Args:
        pairs: normalised features of one image by teacher and student, from `alignment.align`.
    """
    # Eq. 5; rounding alone could make it negative
    return [(1 - (t * s).sum(dim=1, keepdim=True)).clamp(min=0) for t, s in pairs]


def fuse(maps: list[Tensor], size: tuple[int, int], fusion: str = "mean") -> Tensor:
    """The levels' maps enlarged, bilinear, and made one.

    Args:
        maps: from `level_maps`.
        size: ``(height, width)`` of the result.
        fusion: ``"mean"`` or ``"product"``.

    Returns:
        Shape ``(n, 1, height, width)``.

    Raises:
        ValueError: if the fusion is neither.
    """
    if fusion not in ("mean", "product"):
        raise ValueError(f"fusion must be mean or product, got {fusion!r}")
    levels = torch.stack([resize_map(level, size) for level in maps])
    return levels.mean(dim=0) if fusion == "mean" else levels.prod(dim=0)


def smooth(scores: Tensor, sigma: float) -> Tensor:
    """A map under a Gaussian of three sigmas to either side; ``sigma`` in pixels, 0 leaves it as it is."""
    if sigma <= 0:
        return scores
    # reflection needs an image larger than the margin
    margin = min(math.ceil(3 * sigma), min(scores.shape[2:]) - 1)
    blurred: Tensor = gaussian_blur(scores, [2 * margin + 1] * 2, [sigma, sigma])
    return blurred


def top_k_mean(scores: Tensor, k: int = 100) -> Tensor:
    """Mean of the k largest pixels of each map; of all pixels where there are fewer.

    The same number as `defectlab.evaluation.image_scores.top_k_mean`, on the device where the map is.

    Args:
        scores: shape ``(n, 1, H, W)`` or ``(n, H, W)``.
        k: at least 1; it counts pixels, so the score depends on the size of the map.

    Returns:
        float64, shape ``(n,)``.

    Raises:
        ValueError: if ``k`` is below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    flat = scores.flatten(1)
    largest = flat.topk(min(k, flat.shape[1]), dim=1).values
    return largest.double().mean(dim=1)  # Eq. 6
