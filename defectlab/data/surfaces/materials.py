"""Materials as height, albedo and gloss: what a defect-free surface is made of before light falls on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from defectlab.data.surfaces.noise import Field, field, fractal, grains, streaks

NEUTRAL = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Surface:
    """A surface before lighting.

    Attributes:
        height: float32 ``(H, W)``, in pixels, so that its gradient is a slope.
        albedo: float32 ``(H, W)``, share of light given back, about [0, 1].
        gloss: strength of the mirror highlight, [0, 1].
        tint: colour of the material, three factors around 1.
    """

    height: Field
    albedo: Field
    gloss: float
    tint: tuple[float, float, float] = NEUTRAL


def _brushed(rng: Generator, h: int, w: int) -> Surface:
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.05)
    lines = field(rng, h, w, streaks(angle, rng.uniform(20, 90), rng.uniform(0.3, 1.2)))
    bands = field(rng, h, w, streaks(angle, rng.uniform(80, 300), rng.uniform(2, 8)))
    speckle = field(rng, h, w, grains(rng.uniform(0.7, 1.5), 0.7))
    albedo = rng.uniform(0.3, 0.62) + rng.uniform(0.015, 0.07) * lines + rng.uniform(0.0, 0.05) * bands
    albedo += rng.uniform(0.005, 0.04) * speckle
    return Surface(rng.uniform(0.05, 0.3) * lines, albedo, rng.uniform(0.2, 0.6), _metal_tint(rng))


def _rolled(rng: Generator, h: int, w: int) -> Surface:
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.02)
    fine = field(rng, h, w, streaks(angle, rng.uniform(6, 20), rng.uniform(0.4, 0.9)))
    bands = field(rng, h, w, streaks(angle, rng.uniform(150, 500), rng.uniform(6, 20)))
    hills = field(rng, h, w, fractal(2.0, 120))
    albedo = rng.uniform(0.5, 0.72) + rng.uniform(0.01, 0.035) * fine + rng.uniform(0.01, 0.04) * bands
    return Surface(0.12 * fine + rng.uniform(0.2, 0.8) * hills, albedo, rng.uniform(0.35, 0.7), _metal_tint(rng))


def _ground(rng: Generator, h: int, w: int) -> Surface:
    base = rng.uniform(0, np.pi)
    one, two = (field(rng, h, w, streaks(base + rng.normal(0, 0.3), rng.uniform(8, 40), 0.5)) for _ in range(2))
    lines = one + two
    grain = field(rng, h, w, fractal(rng.uniform(0.3, 0.9), 40))
    albedo = rng.uniform(0.35, 0.6) + rng.uniform(0.015, 0.05) * lines + rng.uniform(0.01, 0.05) * grain
    return Surface(rng.uniform(0.05, 0.3) * lines, albedo, rng.uniform(0.1, 0.5), _metal_tint(rng))


def _cast(rng: Generator, h: int, w: int) -> Surface:
    lumps = field(rng, h, w, grains(rng.uniform(2, 7), 0.6))
    hills = field(rng, h, w, fractal(1.6, 60))
    grain = field(rng, h, w, fractal(rng.uniform(0.2, 0.7), 20))
    albedo = rng.uniform(0.3, 0.6) + rng.uniform(0.01, 0.07) * grain + rng.uniform(0.0, 0.04) * hills
    return Surface(rng.uniform(0.15, 0.7) * lumps + 0.5 * hills, albedo, rng.uniform(0.0, 0.25), _metal_tint(rng))


def _granular(rng: Generator, h: int, w: int) -> Surface:
    grain = field(rng, h, w, grains(rng.uniform(1.0, 3.5), rng.uniform(0.4, 0.9)))
    cloud = field(rng, h, w, fractal(rng.uniform(0.8, 1.4), 80))
    pits = np.maximum(field(rng, h, w, grains(rng.uniform(2, 5), 0.5)) - rng.uniform(1.2, 2.2), 0)
    albedo = rng.uniform(0.4, 0.72) + rng.uniform(0.02, 0.08) * grain + rng.uniform(0.0, 0.03) * cloud
    albedo -= rng.uniform(0.0, 0.16) * pits
    return Surface(0.15 * grain, albedo, rng.uniform(0.0, 0.15), _earth_tint(rng, 0.04))


def _commutator(rng: Generator, h: int, w: int) -> Surface:
    angle = np.pi / 2 + rng.normal(0, 0.1)
    grain = field(rng, h, w, grains(rng.uniform(1.0, 1.8), 0.7))
    pores = field(rng, h, w, grains(rng.uniform(2.2, 3.6), 0.5)) + 0.5 * field(rng, h, w, streaks(angle, 6, 1.5))
    flakes = field(rng, h, w, grains(rng.uniform(1.5, 2.5), 0.6))
    bands = field(rng, h, w, streaks(np.pi / 2, 300, rng.uniform(4, 12)))
    albedo = rng.uniform(0.55, 0.72) + rng.uniform(0.03, 0.05) * grain + 0.012 * bands
    albedo -= rng.uniform(0.06, 0.11) * np.maximum(pores - 1.3, 0)
    albedo += rng.uniform(0.03, 0.09) * np.maximum(flakes - 2.0, 0)
    return Surface(0.1 * grain, albedo, 0.05, _earth_tint(rng, 0.03))


def _ceramic(rng: Generator, h: int, w: int) -> Surface:
    peel = field(rng, h, w, grains(rng.uniform(6, 18), 0.6))
    cloud = field(rng, h, w, fractal(rng.uniform(1.2, 2.0), 150))
    grain = field(rng, h, w, fractal(0.1))
    albedo = rng.uniform(0.45, 0.85) + rng.uniform(0.003, 0.03) * cloud + rng.uniform(0.002, 0.015) * grain
    return Surface(rng.uniform(0.0, 0.4) * peel, albedo, rng.uniform(0.1, 0.6), _earth_tint(rng, 0.06))


def _fabric(rng: Generator, h: int, w: int) -> Surface:
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi / 2), rng.uniform(3.5, 9)
    wobble = field(rng, h, w, fractal(1.5, 40)) * rng.uniform(0.1, 0.5)
    u = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / pitch) + wobble
    v = (y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / (pitch * rng.uniform(0.8, 1.3))) + wobble
    over = np.where(np.sin(u / 2) * np.sin(v / 2) > 0, np.sin(u), np.sin(v)).astype(np.float32)
    yarn = field(rng, h, w, fractal(0.4, 20))
    albedo = rng.uniform(0.3, 0.6) + rng.uniform(0.02, 0.08) * over + rng.uniform(0.01, 0.05) * yarn
    return Surface(rng.uniform(0.2, 0.8) * over, albedo, 0.0, _earth_tint(rng, 0.15))


def _leather(rng: Generator, h: int, w: int) -> Surface:
    cell = rng.uniform(5, 11)
    seeds = np.ones((h, w), np.uint8)
    count = max(4, int(h * w / cell**2))
    seeds[rng.integers(0, h, count), rng.integers(0, w, count)] = 0
    ridge = cv2.GaussianBlur(cv2.distanceTransform(seeds, cv2.DIST_L2, 3), (0, 0), 0.7)
    grain = field(rng, h, w, fractal(0.6, 30))
    albedo = rng.uniform(0.3, 0.55) - rng.uniform(0.006, 0.02) * ridge + rng.uniform(0.01, 0.03) * grain
    return Surface(-rng.uniform(0.15, 0.4) * ridge, albedo, rng.uniform(0.05, 0.3), _earth_tint(rng, 0.25))


def _wood(rng: Generator, h: int, w: int) -> Surface:
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.08)
    across = y * np.cos(angle) - x * np.sin(angle)
    warp = field(rng, h, w, streaks(angle, 60, 12))
    rings = np.sin(across * (2 * np.pi / rng.uniform(7, 26)) + rng.uniform(0.6, 2.2) * warp)
    fibre = field(rng, h, w, streaks(angle, rng.uniform(10, 40), 0.5))
    albedo = rng.uniform(0.35, 0.6) + rng.uniform(0.02, 0.07) * rings + rng.uniform(0.015, 0.05) * fibre
    return Surface(rng.uniform(0.05, 0.25) * fibre, albedo.astype(np.float32), 0.05, _wood_tint(rng))


def _stone(rng: Generator, h: int, w: int) -> Surface:
    cloud = field(rng, h, w, fractal(rng.uniform(0.9, 1.5), 100))
    grain = field(rng, h, w, fractal(rng.uniform(0.0, 0.6), 15))
    spots = np.maximum(field(rng, h, w, grains(rng.uniform(3, 9), 0.6)) - 1.0, 0)
    albedo = rng.uniform(0.35, 0.65) + rng.uniform(0.01, 0.05) * cloud + rng.uniform(0.01, 0.06) * grain
    albedo += rng.uniform(-0.06, 0.06) * spots
    return Surface(0.3 * cloud + 0.1 * grain, albedo, rng.uniform(0.0, 0.2), _earth_tint(rng, 0.08))


def _metal_tint(rng: Generator) -> tuple[float, float, float]:
    warm = rng.normal(0, 0.015)
    return (1 + warm, 1.0, 1 - warm)


def _earth_tint(rng: Generator, strength: float) -> tuple[float, float, float]:
    warm = abs(rng.normal(0, strength))
    return (1 + warm, 1.0, max(0.3, 1 - 1.3 * warm))


def _wood_tint(rng: Generator) -> tuple[float, float, float]:
    warm = rng.uniform(0.15, 0.4)
    return (1 + 0.6 * warm, 1 - 0.2 * warm, 1 - warm)


MATERIALS: dict[str, Callable[[Generator, int, int], Surface]] = {
    "brushed": _brushed,
    "rolled": _rolled,
    "ground": _ground,
    "cast": _cast,
    "granular": _granular,
    "commutator": _commutator,
    "ceramic": _ceramic,
    "fabric": _fabric,
    "leather": _leather,
    "wood": _wood,
    "stone": _stone,
}
"""Every material by name; each gives a `Surface` for ``(rng, height, width)``."""

HELD_OUT_MATERIALS: tuple[str, ...] = ("commutator", "leather", "rolled")
"""Materials that no shipped model was trained on: demonstrations and the judge's test use these."""


def make_surface(rng: Generator, height: int, width: int, material: str) -> Surface:
    """A defect-free surface of one material.

    Args:
        rng: source of randomness; it also chooses the look within the material.
        height: rows.
        width: columns.
        material: a name of `MATERIALS`.

    Raises:
        ValueError: if the material is unknown.
    """
    if material not in MATERIALS:
        raise ValueError(f"unknown material {material!r}; known: {', '.join(MATERIALS)}")
    surface = MATERIALS[material](rng, height, width)
    return replace(surface, height=surface.height.astype(np.float32), albedo=surface.albedo.astype(np.float32))
