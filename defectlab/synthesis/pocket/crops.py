"""Crops around a mask: what `pocket` looks at, and how its layer gets back into the image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from defectlab.data.surfaces.noise import Field
from defectlab.data.surfaces.regions import Region, region_of
from defectlab.data.surfaces.render import feather
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.normalise import Normalised, normalise

LEAST_SIDE = 64
"""Smallest crop in pixels of the image; smaller ones would be enlarged more than twice."""


@dataclass(frozen=True)
class Crop:
    """One look of the network at an image.

    Attributes:
        left: first column of the crop in the image, may be negative: the image is mirrored beyond its border.
        top: first row, likewise.
        side: side of the crop in pixels of the image.
        seen: luminance of the crop at 128 x 128 in the network's units.
        mask: float32 ``(128, 128)`` in [0, 1], the region with a soft rim.
    """

    left: int
    top: int
    side: int
    seen: Normalised
    mask: Field


def cut(luminance: Field, mask: np.ndarray, padding: int | None) -> Crop:
    """A square around a mask.

    Args:
        luminance: float32 ``(H, W)`` in [0, 1].
        mask: bool ``(H, W)``, not empty.
        padding: pixels around the mask, at least 0; ``None`` for 30 % of its longer side.
    """
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    (top, bottom), (left, right) = (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)
    extent = max(bottom - top, right - left)
    side = max(LEAST_SIDE, extent + 2 * (round(0.3 * extent) if padding is None else padding))
    left = _place((left + right - side) // 2, side, mask.shape[1])
    top = _place((top + bottom - side) // 2, side, mask.shape[0])
    small = _resize(_window(luminance, left, top, side), SIDE)
    share = _resize(_window(mask.astype(np.float32), left, top, side), SIDE)
    region: Region = region_of(share >= min(0.5, float(share.max())))
    return Crop(left, top, side, normalise(small), feather(region))


def put_back(layer: Field, crop: Crop, mask: np.ndarray) -> Field:
    """A layer of the network at the size of the image.

    Args:
        layer: float32 ``(128, 128)`` in the network's units.
        crop: where it belongs.
        mask: bool ``(H, W)``, the mask that the crop was cut for.

    Returns:
        float32 ``(H, W)`` in units of full scale, 0 outside the mask.
    """
    grown = cv2.resize(
        layer * np.float32(crop.seen.unit), (crop.side, crop.side), interpolation=_interpolation(crop.side)
    )
    whole = np.zeros(mask.shape, np.float32)
    top, left = max(crop.top, 0), max(crop.left, 0)
    bottom, right = min(crop.top + crop.side, mask.shape[0]), min(crop.left + crop.side, mask.shape[1])
    whole[top:bottom, left:right] = grown[top - crop.top : bottom - crop.top, left - crop.left : right - crop.left]
    return whole * feather(region_of(mask))


def _place(start: int, side: int, length: int) -> int:
    """First pixel of the crop: inside the image where it fits, centred where it does not."""
    return (length - side) // 2 if side > length else int(np.clip(start, 0, length - side))


def _window(image: Field, left: int, top: int, side: int) -> Field:
    height, width = image.shape
    before_y, before_x = max(0, -top), max(0, -left)
    after_y, after_x = max(0, top + side - height), max(0, left + side - width)
    if before_y or before_x or after_y or after_x:
        image = cv2.copyMakeBorder(image, before_y, after_y, before_x, after_x, cv2.BORDER_REFLECT_101)
    return image[top + before_y : top + before_y + side, left + before_x : left + before_x + side]


def _resize(image: Field, side: int) -> Field:
    method = cv2.INTER_AREA if image.shape[0] >= side else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(image), (side, side), interpolation=method)


def _interpolation(side: int) -> int:
    return cv2.INTER_CUBIC if side > SIDE else cv2.INTER_AREA
