"""Masks drawn by rule, as an expert would sketch a defect without having seen one: thin lines and round blobs.

Nothing here was fitted to a data set. Lengths are fractions of the shorter side of the image, so that a law means
the same at any resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SUBPIXEL_BITS = 4  # OpenCV draws with coordinates in 1/16 pixel
MAX_BRANCHES = 3
SLENDER = 5  # a line is at least so many times as long as it is wide, margins included


@dataclass(frozen=True)
class LineMasks:
    """Thin, elongated random walks: the family of cracks and scratches. They may cross the border of the image.

    Attributes:
        length: of the line, as a fraction of the shorter side, uniform in this range.
        width: of the defect itself, as a fraction of the shorter side, at least one pixel; it varies along the line
            and tapers at its ends.
        margin: what an annotator leaves on either side, as a fraction of the shorter side. Short lines are drawn
            thinner, so that length is at least five times the width with its margins.
        waviness: standard deviation of the heading about the main direction, in radians, uniform in this range; 0
            gives a ruler's line.
        branching: probability of a branch, and of each further one after it, at most three.
        orientation: main direction in degrees from the horizontal, counter-clockwise; ``None`` for any.
        spread: standard deviation of the main direction about ``orientation``, in degrees.
    """

    length: tuple[float, float] = (0.1, 1.0)
    width: tuple[float, float] = (0.005, 0.02)
    margin: tuple[float, float] = (0.005, 0.02)
    waviness: tuple[float, float] = (0.05, 0.5)
    branching: float = 0.2
    orientation: float | None = None
    spread: float = 15.0

    note = "lines drawn by rule: they saw no real defect"

    def __post_init__(self) -> None:
        for name in ("length", "width", "margin", "waviness"):
            _require_range(name, getattr(self, name))
        if self.length[0] == 0:
            raise ValueError("length must be above 0")
        if not 0 <= self.branching <= 1:
            raise ValueError(f"branching must be a probability, got {self.branching}")
        if self.spread < 0:
            raise ValueError(f"spread must be at least 0 degrees, got {self.spread}")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """One line with its branches: bool ``(height, width)``, never empty, and its description."""
        side = min(height, width)
        length, thickness, margin = (rng.uniform(*law) * side for law in (self.length, self.width, self.margin))
        slim = min(1.0, length / SLENDER / (thickness + 2 * margin)) if thickness + 2 * margin else 1.0
        thickness, margin = thickness * slim, margin * slim
        waviness = rng.uniform(*self.waviness)
        heading = self._heading(rng)
        canvas = np.zeros((height, width), np.uint8)
        middle = rng.uniform(0, (height, width))
        path, headings = _walk(rng, length, heading, waviness, side)
        path += middle - path[len(path) // 2]
        _stroke(canvas, path, _profile(rng, len(path), thickness), margin)
        canvas[int(middle[0]), int(middle[1])] = 1  # whatever the rounding, the mask is not empty
        branches = 0
        while branches < MAX_BRANCHES and rng.random() < self.branching:
            at = int(rng.uniform(0.2, 0.8) * len(path))
            turn = rng.choice((-1, 1)) * np.deg2rad(rng.uniform(20, 60))
            limb, _ = _walk(rng, length * rng.uniform(0.2, 0.6), headings[at] + turn, waviness, side)
            _stroke(canvas, limb + path[at], _profile(rng, len(limb), 0.7 * thickness), margin)
            branches += 1
        return canvas > 0, f"line:{length:.0f}px:{np.rad2deg(heading) % 180:.0f}deg:{branches}b"

    def _heading(self, rng: np.random.Generator) -> float:
        """Main direction in radians."""
        if self.orientation is None:
            return float(rng.uniform(0, np.pi))
        return float(np.deg2rad(rng.normal(self.orientation, self.spread)))


@dataclass(frozen=True)
class BlobMasks:
    """Compact regions with a wavy outline: the family of dents, stains and pores.

    Attributes:
        diameter: mean diameter as a fraction of the shorter side, uniform in this range.
        elongation: ratio of the axes, uniform in this range.
        roughness: standard deviation of the outline's radius relative to its mean.
    """

    diameter: tuple[float, float] = (0.03, 0.3)
    elongation: tuple[float, float] = (1.0, 2.5)
    roughness: float = 0.15

    note = "blobs drawn by rule: they saw no real defect"

    def __post_init__(self) -> None:
        _require_range("diameter", self.diameter)
        _require_range("elongation", self.elongation)
        if self.elongation[0] < 1:
            raise ValueError(f"elongation must be at least 1, got {self.elongation}")
        if not 0 <= self.roughness < 1:
            raise ValueError(f"roughness must lie in [0, 1), got {self.roughness}")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """One blob: bool ``(height, width)``, never empty, and its description."""
        diameter, elongation = rng.uniform(*self.diameter) * min(height, width), rng.uniform(*self.elongation)
        phi = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        orders = np.arange(2, 7)[:, None]
        waves = rng.normal(size=(5, 1)) * np.cos(orders * phi + rng.uniform(0, 2 * np.pi, size=(5, 1))) / orders
        # the factor brings the sum's standard deviation to 1: sum of 1 / (2 k^2) for k = 2..6
        radius = np.clip(1 + self.roughness * waves.sum(0) / np.sqrt((0.5 / orders**2).sum()), 0.2, None)
        long, short = diameter / 2 * np.sqrt(elongation), diameter / 2 / np.sqrt(elongation)
        turn = rng.uniform(0, np.pi)
        x, y = long * radius * np.cos(phi), short * radius * np.sin(phi)
        outline = np.stack([-x * np.sin(turn) + y * np.cos(turn), x * np.cos(turn) + y * np.sin(turn)], axis=1)
        middle = rng.uniform(0, (height, width))
        canvas = np.zeros((height, width), np.uint8)
        cv2.fillPoly(canvas, [_fixed_point(outline + middle)], 1, shift=SUBPIXEL_BITS)
        canvas[int(middle[0]), int(middle[1])] = 1
        return canvas > 0, f"blob:{diameter:.0f}px:{elongation:.1f}"


def _walk(
    rng: np.random.Generator, length: float, heading: float, waviness: float, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Points (row, column) one pixel apart from the origin on, and the heading at each, in radians."""
    steps = max(2, round(length))
    # slow bends and quick kinks: the heading's correlation length is a quarter and a thirtieth of the side
    bend = _correlated(rng, steps, max(side / 4, 1)) * 0.8 + _correlated(rng, steps, max(side / 30, 1)) * 0.6
    headings = heading + waviness * bend
    moves = np.stack([-np.sin(headings), np.cos(headings)], axis=1) * length / steps
    return np.cumsum(moves, axis=0) - moves[0], headings


def _profile(rng: np.random.Generator, steps: int, thickness: float) -> np.ndarray:
    """Thickness along a line in pixels: it varies by a third and tapers over the last eighth at either end."""
    variation = np.clip(1 + 0.3 * _correlated(rng, steps, max(steps / 8, 1)), 0.3, 2)
    position = np.linspace(0, 1, steps)
    taper = np.clip(8 * np.minimum(position, 1 - position), 0, 1)
    return np.maximum(thickness * variation * taper, 1)


def _correlated(rng: np.random.Generator, n: int, length: float) -> np.ndarray:
    """Gaussian noise of unit variance whose correlation falls by e over ``length`` samples."""
    keep = np.exp(-1 / length)
    noise = rng.normal(size=n)
    noise[1:] *= np.sqrt(1 - keep**2)
    for i in range(1, n):
        noise[i] += keep * noise[i - 1]
    return noise


def _stroke(canvas: np.ndarray, path: np.ndarray, thickness: np.ndarray, margin: float) -> None:
    """Draws a line of varying thickness as discs along its path, in place."""
    radii = np.rint((thickness / 2 + margin) * (1 << SUBPIXEL_BITS)).astype(int)
    for centre, radius in zip(_fixed_point(path).tolist(), radii.tolist(), strict=True):
        cv2.circle(canvas, centre, radius, 1, cv2.FILLED, cv2.LINE_8, SUBPIXEL_BITS)


def _fixed_point(points: np.ndarray) -> np.ndarray:
    """(row, column) in pixels to OpenCV's (x, y) in 1/16 pixel, int32; pixel centres are whole numbers there."""
    return np.rint((points[:, ::-1] - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _require_range(name: str, bounds: tuple[float, float]) -> None:
    if not 0 <= bounds[0] <= bounds[1]:
        raise ValueError(f"{name} must satisfy 0 <= low <= high, got {bounds}")
