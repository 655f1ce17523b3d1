"""Masks made thinner or thicker: the optional erosion and dilation of the student-teacher paper (section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from defectlab.choices import unknown_choice
from defectlab.synthesis.masks import MaskSource

OPERATIONS = ("erode", "dilate", "random")


def erode(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels that have the mask all around them within ``radius``; what lies outside the image counts as mask."""
    return cv2.erode(mask.astype(np.uint8), _disc(radius)) > 0


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels that have a pixel of the mask within ``radius``."""
    return cv2.dilate(mask.astype(np.uint8), _disc(radius)) > 0


@dataclass(frozen=True)
class MorphedMasks:
    """The masks of another source after erosion, dilation, or one of the two by lot.

    A mask that erosion leaves nothing of stays as it was drawn; its identifier then says so.

    Attributes:
        masks: the other source.
        operation: ``"erode"``, ``"dilate"`` or ``"random"``.
        radius: largest radius of the disc in pixels, at least 1; each mask draws its own from 1 on. The paper names
            the operations and no size; 3 is a hundredth of RealNet's image.
    """

    masks: MaskSource
    operation: str = "random"
    radius: int = 3

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise unknown_choice("operation", self.operation, OPERATIONS)
        if self.radius < 1:
            raise ValueError(f"radius must be at least 1 pixel, got {self.radius}")

    @property
    def note(self) -> str:
        """What a reader must know of the masks, in one sentence."""
        return self.masks.note

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """One mask, bool ``(height, width)``, and its identifier with what was done to it."""
        mask, mask_id = self.masks.draw(rng, height, width)
        drawn = ("erode", "dilate")[int(rng.integers(2))]
        radius = int(rng.integers(1, self.radius + 1))
        operation = drawn if self.operation == "random" else self.operation
        morphed = erode(mask, radius) if operation == "erode" else dilate(mask, radius)
        return (morphed, f"{mask_id}:{operation}{radius}") if morphed.any() else (mask, f"{mask_id}:kept")


@dataclass(frozen=True)
class MasksWithin:
    """The part of another source's masks that lies on an object, to look at; it may be nothing.

    Attributes:
        masks: the other source.
        allowed: bool ``(H, W)``, the object.
    """

    masks: MaskSource
    allowed: np.ndarray

    @property
    def note(self) -> str:
        """What a reader must know of the masks, in one sentence."""
        return self.masks.note

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """One mask, bool ``(height, width)``, which must be the size of the object's image, and its identifier."""
        mask, mask_id = self.masks.draw(rng, height, width)
        return mask & self.allowed, f"{mask_id}:within"


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
