"""Random fields with a chosen spectrum: the grain of every procedural material."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from scipy import fft

Field = np.ndarray
"""float32, shape ``(height, width)``."""

Filter = Callable[[Field, Field], Field]
"""Amplitude of a spectrum for frequencies ``(along x, along y)`` in cycles a pixel."""


@lru_cache(maxsize=32)
def _frequencies(height: int, width: int) -> tuple[Field, Field]:
    fy = fft.fftfreq(height).astype(np.float32)[:, None]
    fx = fft.rfftfreq(width).astype(np.float32)[None, :]
    return fx, fy


def field(rng: Generator, height: int, width: int, shape: Filter) -> Field:
    """A Gaussian random field with zero mean and unit deviation.

    Args:
        rng: source of randomness.
        height: rows.
        width: columns.
        shape: amplitude of the spectrum.

    Returns:
        float32 ``(height, width)``; it tiles when both sides are fast transform lengths.
    """
    rows, columns = fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True)
    white = rng.standard_normal((rows, columns), dtype=np.float32)
    amplitude = shape(*_frequencies(rows, columns))
    amplitude[0, 0] = 0
    coloured = fft.irfft2(fft.rfft2(white) * amplitude, s=(rows, columns))[:height, :width]
    return coloured / (coloured.std() + np.float32(1e-8))


def fractal(slope: float, coarsest: float = 1e9) -> Filter:
    """Amplitude ``1 / f ** slope``, flat for waves longer than ``coarsest`` pixels.

    Args:
        slope: 0 is white, 1 pink, 2 smooth hills.
        coarsest: longest wave in pixels.
    """
    floor = np.float32(1 / coarsest) ** 2

    def shape(fx: Field, fy: Field) -> Field:
        return (fx * fx + fy * fy + floor + np.float32(1e-6)) ** np.float32(-slope / 2)

    return shape


def grains(diameter: float, spread: float = 0.5) -> Filter:
    """Blobs of one size: a ring in the spectrum.

    Args:
        diameter: size of a grain in pixels.
        spread: width of the ring relative to its radius; small is regular, large is mixed.
    """
    centre = np.float32(0.5 / diameter)

    def shape(fx: Field, fy: Field) -> Field:
        radius = np.sqrt(fx * fx + fy * fy)
        return np.exp(-0.5 * ((radius - centre) / (centre * np.float32(spread))) ** 2)

    return shape


def streaks(angle: float, length: float, thickness: float) -> Filter:
    """Lines in one direction: brushing, rolling, wood grain.

    Args:
        angle: direction of the lines in radians, 0 along x.
        length: correlation along the lines in pixels.
        thickness: correlation across them in pixels.
    """
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))

    def shape(fx: Field, fy: Field) -> Field:
        along, across = fx * cos + fy * sin, fy * cos - fx * sin
        return np.exp(-((along * np.float32(2 * length)) ** 2) - (across * np.float32(2 * thickness)) ** 2)

    return shape
