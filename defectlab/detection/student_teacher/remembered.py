"""The teacher's features of all triplets, computed once.

Neither the teacher nor its images change while a student learns, and on a processor it takes nearly half of a step.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from defectlab.detection.student_teacher.teacher import Teacher
from defectlab.detection.student_teacher.triplets import Triplets

MOST = 2**30
"""Bytes that features may take; above that the teacher is asked at every step."""
Levels = list[Tensor]


class Remembered:
    """Features of I and of A, a level each.

    Args:
        of_normal: a map ``(n, C, h, w)`` a level, of all I.
        of_anomalous: likewise of all A.
    """

    def __init__(self, of_normal: Levels, of_anomalous: Levels) -> None:
        self.of_normal, self.of_anomalous = of_normal, of_anomalous

    @classmethod
    def of(cls, teacher: Teacher, triplets: Triplets, batch_size: int, device: torch.device) -> Self | None:
        """The features of all triplets, as float32 on the device; ``None`` where they would take more than `MOST`."""
        first = teacher(_pixels(triplets.normal[:1], device))
        if 2 * len(triplets) * sum(level.numel() * level.element_size() for level in first) > MOST:
            return None
        return cls(
            *(_features(teacher, images, batch_size, device) for images in (triplets.normal, triplets.anomalous))
        )

    def batch(self, indices: Tensor, normal: Tensor) -> tuple[Levels, Levels]:
        """Features of I, and of A or, where ``normal`` is true, of I in its place.

        Args:
            indices: of triplets, shape ``(n,)``.
            normal: bool, shape ``(n,)``.
        """
        clean = [level[indices] for level in self.of_normal]
        anomalous = [level[indices] for level in self.of_anomalous]
        shown = normal.to(clean[0].device)[:, None, None, None]
        return clean, [torch.where(shown, c, a) for c, a in zip(clean, anomalous, strict=True)]


def _features(teacher: Teacher, images: Tensor, batch_size: int, device: torch.device) -> Levels:
    parts = [teacher(_pixels(part, device)) for part in images.split(batch_size)]
    return [torch.cat(levels) for levels in zip(*parts, strict=True)]


def _pixels(images: Tensor, device: torch.device) -> Tensor:
    return images.to(device).float() / 255
