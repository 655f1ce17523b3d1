"""Strokes: smooth coverage of thin curves, narrower than a pixel if need be."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter1d

from defectlab.data.surfaces.noise import Field

OVERSAMPLING = 4


def stroke(height: int, width: int, path: np.ndarray, thickness: np.ndarray) -> Field:
    """Share of each pixel that a curve covers.

    Args:
        height: rows.
        width: columns.
        path: points ``(x, y)``, shape ``(k, 2)``, in pixels, may leave the image.
        thickness: width of the curve at each point in pixels, shape ``(k,)``; 0 lifts the pen.

    Returns:
        float32 ``(height, width)`` in [0, 1].
    """
    fine = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)
    points = np.round((path + 0.5) * OVERSAMPLING).astype(int)
    pens = np.round(thickness * OVERSAMPLING).astype(int)
    for a, b, pen in zip(points[:-1].tolist(), points[1:].tolist(), pens[1:].tolist(), strict=True):
        if pen > 0:
            cv2.line(fine, a, b, 255, pen)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def resample(path: np.ndarray, spacing: float = 2.0) -> np.ndarray:
    """The same curve with points about ``spacing`` pixels apart, at least 8 of them, float32 ``(k, 2)``."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    count = max(8, int(lengths[-1] / spacing) + 1)
    where = np.linspace(0, lengths[-1], count)
    return np.stack([np.interp(where, lengths, path[:, i]) for i in (0, 1)], 1).astype(np.float32)


def jitter(rng: Generator, path: np.ndarray, amplitude: float, roughness: float) -> np.ndarray:
    """A curve shaken across its direction.

    Args:
        rng: source of randomness.
        path: evenly spaced points, ``(k, 2)``.
        amplitude: deviation of the displacement in pixels.
        roughness: 0 bends slowly, 1 changes from point to point as a crack between grains does.
    """
    count = len(path)
    slow = gaussian_filter1d(rng.normal(size=count), max(1.0, count / 8), mode="nearest")
    middle = gaussian_filter1d(rng.normal(size=count), max(1.0, count / 30), mode="nearest")
    fast = gaussian_filter1d(rng.normal(size=count), 0.8, mode="nearest")
    shake = sum(
        weight * wave / (wave.std() + 1e-6) for weight, wave in ((1, slow), (0.5, middle), (roughness * 0.35, fast))
    )
    tangent = np.gradient(path, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    return (path + amplitude * shake[:, None] * normal).astype(np.float32)


def taper(rng: Generator, count: int, thickness: float, ends: float = 0.3, variation: float = 0.25) -> np.ndarray:
    """Width of a pen along a curve: thin at the ends, uneven between, shape ``(count,)``."""
    t = np.linspace(0, 1, count)
    profile = np.clip(np.minimum(t, 1 - t) / max(ends * 0.5, 1e-3), 0.15, 1) ** 0.7
    uneven = 1 + variation * gaussian_filter1d(rng.normal(size=count), max(1, count / 20), mode="nearest") * 3
    return thickness * profile * np.clip(uneven, 0.3, 2)
