"""Regions: where a defect may be, as an expert would draw it, independent of what the defect is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from defectlab.data.surfaces.noise import Field, field, fractal


@dataclass(frozen=True)
class Region:
    """A part of the image with an axis.

    Attributes:
        mask: bool ``(H, W)``, true inside; never empty.
        axis: float32 ``(k, 2)``, points ``(x, y)`` of a curve along the region, k >= 2.
        depth: float32 ``(H, W)``, distance to the rim of the region in pixels, 0 outside. The border of the image
            is no rim: a region that leaves the image goes on outside.
    """

    mask: np.ndarray
    axis: np.ndarray
    depth: Field

    @property
    def radius(self) -> float:
        """Largest distance to the rim, in pixels, at least 1."""
        return max(1.0, float(self.depth.max()))


def region_of(mask: np.ndarray, axis: np.ndarray | None = None) -> Region:
    """A region from any mask; its axis is the principal axis unless one is given.

    Args:
        mask: bool ``(H, W)``, at least one true pixel.
        axis: curve along the region, ``(k, 2)``.

    Raises:
        ValueError: if the mask is empty.
    """
    if not mask.any():
        raise ValueError("a region needs at least one pixel, the mask is empty")
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 8, 8, 8, 8, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[8:-8, 8:-8]
    return Region(mask, _principal_axis(mask) if axis is None else axis, np.where(mask, depth, 0).astype(np.float32))


def _principal_axis(mask: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(mask)
    points = np.stack([x, y], 1).astype(np.float64)
    centre = points.mean(0)
    covariance = np.cov(points.T) if len(points) > 1 else np.eye(2)
    direction = np.linalg.eigh(covariance + 1e-6 * np.eye(2))[1][:, -1]
    reach = (points - centre) @ direction
    ends = np.array([reach.min(), reach.max() + 1e-3])
    return (centre + ends[:, None] * direction).astype(np.float32)


def line_region(rng: Generator, height: int, width: int) -> Region:
    """A thin band along a wandering curve, a tenth of the image to all of it; it may leave the image."""
    side = min(height, width)
    start = np.array([rng.uniform(-0.1, 1.1) * width, rng.uniform(-0.1, 1.1) * height])
    target = np.array([rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height])
    heading = np.arctan2(*(target - start)[::-1])
    axis = wander(rng, start, heading, rng.uniform(0.3, 1.4) * side, rng.uniform(0.0, 0.35))
    thickness = max(2, round(side * np.exp(rng.uniform(np.log(0.03), np.log(0.2)))))
    canvas = np.zeros((height, width), np.uint8)
    cv2.polylines(canvas, [np.round(axis).astype(np.int32)], False, 1, thickness)
    return region_of(canvas > 0, axis) if canvas.any() else line_region(rng, height, width)


def wander(rng: Generator, start: np.ndarray, heading: float, length: float, waviness: float) -> np.ndarray:
    """A random walk of the heading, float32 ``(k, 2)``.

    Args:
        rng: source of randomness.
        start: first point ``(x, y)``.
        heading: first direction in radians.
        length: arc length in pixels.
        waviness: deviation of the heading's change per tenth of the length, in radians; 0 is straight.
    """
    steps = max(8, int(length / 4))
    turn = rng.normal(0, waviness * np.sqrt(10 / steps), steps)
    direction = heading + np.cumsum(turn)
    stride = length / steps * np.stack([np.cos(direction), np.sin(direction)], 1)
    return np.concatenate([start[None], start + np.cumsum(stride, 0)]).astype(np.float32)


def blob_region(rng: Generator, height: int, width: int) -> Region:
    """A connected patch with an irregular outline."""
    side = min(height, width)
    relief = field(rng, height, width, fractal(2.0, rng.uniform(0.2, 0.5) * side))
    cy, cx = rng.uniform(0.05, 0.95) * height, rng.uniform(0.05, 0.95) * width
    y, x = np.ogrid[0:height, 0:width]
    reach = side * np.exp(rng.uniform(np.log(0.08), np.log(0.4)))
    distance = np.sqrt((x - cx) ** 2 + (y - cy) ** 2) / reach
    inside = (distance + rng.uniform(0.1, 0.45) * relief < 1).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count < 2 or stats[1:, cv2.CC_STAT_AREA].max() < 12:
        return blob_region(rng, height, width)
    return region_of(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def ellipse_region(rng: Generator, height: int, width: int) -> Region:
    """A round or oval patch."""
    side = min(height, width)
    axes = np.maximum(2, side * np.exp(rng.uniform(np.log(0.04), np.log(0.35), 2))).astype(int)
    centre = (int(rng.uniform(0, 1) * width), int(rng.uniform(0, 1) * height))
    canvas = np.zeros((height, width), np.uint8)
    cv2.ellipse(canvas, centre, (int(axes[0]), int(axes[1])), rng.uniform(0, 180), 0, 360, 1, -1)
    return region_of(canvas > 0)


def box_region(rng: Generator, height: int, width: int) -> Region:
    """A turned rectangle, as drawn in a hurry."""
    side = min(height, width)
    extent = np.maximum(5, side * np.exp(rng.uniform(np.log(0.08), np.log(0.7), 2)))
    centre = (rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height)
    corners = cv2.boxPoints((centre, tuple(map(float, extent)), float(rng.choice([0, 0, rng.uniform(0, 90)]))))
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 1)
    return region_of(canvas > 0) if canvas.any() else box_region(rng, height, width)


REGIONS = {"line": line_region, "blob": blob_region, "ellipse": ellipse_region, "box": box_region}
"""Families of regions by name; each gives a `Region` for ``(rng, height, width)``."""
