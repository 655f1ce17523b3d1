"""The losses: per-pixel cosine (Eq. 4), focal and L1; how they add up is not stated in the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from defectlab.detection.student_teacher.settings import StudentTeacherSettings

Pairs = Sequence[tuple[Tensor, Tensor]]
"""One pair of normalised features ``(n, C, h, w)`` a level, teacher and student, from `alignment.align`."""


@dataclass(frozen=True)
class Losses:
    """The losses of one batch, scalars; those that the settings remove are 0 and carry no gradient."""

    cosine: Tensor
    focal: Tensor
    distance: Tensor
    total: Tensor

    def numbers(self) -> dict[str, float]:
        """As numbers for a log."""
        return {name: float(value.detach()) for name, value in vars(self).items()}


def cosine_loss(pairs: Pairs) -> Tensor:
    """Mean over levels of the cosine distance of the features, per pixel; a scalar in [0, 2].

    Mean over the batch and unweighted mean over the levels: not stated. RD4AD and Dinomaly take the cosine of the
    whole flattened map instead, DeSTSeg sums over the batch.
    """
    levels = [(1 - (t * s).sum(dim=1)).mean() for t, s in pairs]  # Eq. 4
    return torch.stack(levels).mean()


def focal_loss(logits: Tensor, mask: Tensor, gamma: float = 4.0) -> Tensor:
    """Mean over pixels of ``(1 - p_t)^gamma`` times the cross-entropy; no weight of the classes.

    Args:
        logits: shape ``(n, 1, H, W)``.
        mask: 0 or 1, of that shape.
        gamma: at least 0; 0 gives the cross-entropy.

    Source: Lin et al. 2017, Eq. 4; DeSTSeg takes gamma 4.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    return ((1 - torch.exp(-entropy)) ** gamma * entropy).mean()  # exp(-entropy) is p_t


def distance_loss(logits: Tensor, mask: Tensor, kind: str = "l1") -> Tensor:
    """Mean absolute (``"l1"``) or squared (``"l2"``) error between probability and mask.

    Raises:
        ValueError: if the kind is neither.
    """
    if kind not in ("l1", "l2"):
        raise ValueError(f"distance must be l1 or l2, got {kind!r}")
    return F.l1_loss(logits.sigmoid(), mask) if kind == "l1" else F.mse_loss(logits.sigmoid(), mask)


def joint_loss(pairs: Pairs, logits: Tensor | None, mask: Tensor, settings: StudentTeacherSettings) -> Losses:
    """The total loss ``L_cos + lambda_f L_focal + lambda_1 L_1``, less what the settings remove.

    Args:
        pairs: features of the clean image by the teacher, of the anomalous one by the student.
        logits: of the segmentation head, shape ``(n, 1, H, W)``; ``None`` without one.
        mask: 0 or 1, of that shape.
        settings: switches and weights.
    """
    zero = torch.zeros((), device=mask.device)
    cosine = cosine_loss(pairs) if settings.cosine else zero
    focal = zero if logits is None or not settings.focal else focal_loss(logits.float(), mask, settings.gamma)
    keep = logits is not None and settings.distance != "none"
    distance = distance_loss(logits.float(), mask, settings.distance) if keep and logits is not None else zero
    total = cosine + settings.weight_focal * focal + settings.weight_distance * distance
    return Losses(cosine, focal, distance, total)
