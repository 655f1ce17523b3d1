"""Foreground masks: where on the picture the object is, so that no defect floats in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from defectlab.choices import unknown_choice

Foreground = Callable[[np.ndarray], np.ndarray]
"""Gives bool ``(H, W)``, true on the object, for an image uint8 ``(H, W, 3)``."""


@dataclass(frozen=True)
class ThresholdForeground:
    """The object is at most as bright as a grey level, or brighter than it.

    Attributes:
        threshold: grey level, 0 to 255.
        brighter: the object is what is above the threshold (``bg_reverse`` in the released code).
    """

    threshold: int
    brighter: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 255:
            raise ValueError(f"threshold must be a grey level from 0 to 255, got {self.threshold}")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Bool ``(H, W)`` for an image uint8 ``(H, W, 3)``."""
        above = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) > self.threshold
        return above if self.brighter else ~above


@dataclass(frozen=True)
class OtsuForeground:
    """The object is one side of Otsu's threshold of the image, closed and then opened as RealNet does.

    Attributes:
        brighter: the object is the bright side.
        radius: radius in pixels of the disc that closes holes and removes specks; 0 leaves the threshold as it is.
    """

    brighter: bool = True
    radius: int = 3

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise ValueError(f"radius must be at least 0 pixels, got {self.radius}")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Bool ``(H, W)`` for an image uint8 ``(H, W, 3)``."""
        kind = cv2.THRESH_BINARY if self.brighter else cv2.THRESH_BINARY_INV
        _, mask = cv2.threshold(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 0, 255, kind + cv2.THRESH_OTSU)
        if self.radius:
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * self.radius + 1,) * 2)
            mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc)
            mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)
        return mask > 0


MVTEC_FOREGROUND = MappingProxyType(
    {
        "bottle": ThresholdForeground(250),
        "cable": ThresholdForeground(150, brighter=True),
        "capsule": ThresholdForeground(120),
        "carpet": None,
        "grid": None,
        "hazelnut": ThresholdForeground(50, brighter=True),
        "leather": None,
        "metal_nut": ThresholdForeground(40, brighter=True),
        "pill": ThresholdForeground(100, brighter=True),
        "screw": ThresholdForeground(110),
        "tile": None,
        "toothbrush": ThresholdForeground(30, brighter=True),
        "transistor": ThresholdForeground(90),
        "wood": None,
        "zipper": ThresholdForeground(100),
    }
)
"""MemSeg's foreground of each MVTec class; ``None`` where the surface fills the frame."""


VISA_FOREGROUND = MappingProxyType(
    {
        name: None if name == "capsules" else OtsuForeground()
        for name in ("candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb2",
                     "pcb3", "pcb4", "pipe_fryum")
    }
)  # fmt: skip
"""Otsu for VisA, which MemSeg did not know; ``None`` as in RealNet, which takes the blue of the circuit boards."""

MPDD_FOREGROUND = MappingProxyType(
    {
        name: OtsuForeground(brighter=name in ("bracket_white", "tubes"))
        for name in ("bracket_black", "bracket_brown", "bracket_white", "connector", "metal_plate", "tubes")
    }
)
"""Otsu for MPDD, the side of the threshold as in RealNet, which takes a single colour for some."""

OF_DATA_SETS: MappingProxyType[str, MappingProxyType[str, Foreground | None]] = MappingProxyType(
    {"mvtec": MVTEC_FOREGROUND, "visa": VISA_FOREGROUND, "mpdd": MPDD_FOREGROUND}
)
"""Foreground of each category; of other data sets the surface fills the frame."""


def foreground_of(dataset: str, category: str) -> Foreground | None:
    """Foreground of a category of a data set; ``None`` where the surface fills the frame, or nothing is known of it."""
    return OF_DATA_SETS.get(dataset, MappingProxyType({})).get(category)


def foreground_for(name: str) -> Foreground | None:
    """Foreground by name: ``"none"``, ``"otsu"``, ``"otsu_dark"`` or a class of MVTec.

    Raises:
        ValueError: for an unknown name, with the near miss.
    """
    choices: dict[str, Foreground | None] = {
        "none": None,
        "otsu": OtsuForeground(),
        "otsu_dark": OtsuForeground(brighter=False),
        **MVTEC_FOREGROUND,
    }
    if name not in choices:
        raise unknown_choice("foreground", name, choices)
    return choices[name]
