"""Crops without their material: what makes a procedural and a real surface look alike to `pocket`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from defectlab.data.surfaces.noise import Field
from defectlab.data.surfaces.render import texture_contrast

UNIT = 2.5
"""Contrasts of the texture that one unit of the network stands for."""
CLIP = 4.0


@dataclass(frozen=True)
class Normalised:
    """A crop in the network's units.

    Attributes:
        crop: float32 ``(H, W)``, illumination removed, clipped to [-4, 4].
        unit: what one unit is worth in luminance, full scale 1: a layer of the network times it is added to the image.
    """

    crop: Field
    unit: float


def normalise(luminance: Field) -> Normalised:
    """Removes illumination and contrast from a crop, float32 ``(H, W)`` in [0, 1]."""
    unit = UNIT * texture_contrast(luminance)
    rest = luminance - cv2.GaussianBlur(luminance, (0, 0), 16)
    return Normalised(np.clip(rest / np.float32(unit), -CLIP, CLIP), unit)
