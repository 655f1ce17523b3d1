"""Regions of a mask as other tools want them: boxes and polygons."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from pycocotools import mask as rle


@dataclass(frozen=True)
class Region:
    """One connected region of a mask, in pixels; the left upper corner of the left upper pixel is (0, 0).

    Attributes:
        box: left, top, width, height.
        area: number of pixels, holes left out.
        polygon: outline ``x1, y1, x2, y2, ...`` along the outer edges of the pixels; holes are filled.
    """

    box: tuple[float, float, float, float]
    area: int
    polygon: tuple[float, ...]


def regions_of(mask: np.ndarray) -> list[Region]:
    """The 8-connected regions of a mask, from top to bottom.

    Args:
        mask: bool, shape ``(H, W)``.

    Returns:
        None of them empty; an empty list for an empty mask.
    """
    count, numbered = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return [_region(numbered == number) for number in range(1, count)]


def _region(region: np.ndarray) -> Region:
    code = rle.encode(np.asfortranarray(region.astype(np.uint8)))
    left, top, width, height = (float(value) for value in rle.toBbox(code))
    return Region((left, top, width, height), int(rle.area(code)), _outline(region))


def _outline(region: np.ndarray) -> tuple[float, ...]:
    """Outer edge of the pixels.

    OpenCV traces the centres of the border pixels, which leaves nothing of a line one pixel wide. On the mask at
    twice its size an even coordinate is a left or upper half, an odd one a right or lower half of a pixel, and
    each is moved to the edge of the pixel on its side.
    """
    doubled = region.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = contours[0].reshape(-1, 2)
    return tuple(float(value) for value in ((points + points % 2) / 2).ravel())
