"""Defects as physics of the surface: what each one does to height, albedo, gloss and colour inside a region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from defectlab.data.surfaces.noise import Field, field, fractal, grains
from defectlab.data.surfaces.regions import Region
from defectlab.data.surfaces.strokes import jitter, resample, stroke, taper

BROWN = (1.0, 0.72, 0.45)


@dataclass(frozen=True)
class Change:
    """What a defect changes.

    Attributes:
        height: float32 ``(H, W)``, added to the height, in pixels.
        albedo: float32 ``(H, W)``, multiplies the albedo; 1 is no change.
        gloss: float32 ``(H, W)`` or 0, added to the gloss.
        support: float32 ``(H, W)`` in [0, 1], how much of a pixel the defect covers.
        tint: colour of the defect, three factors; white for defects without colour of their own.
    """

    height: Field
    albedo: Field
    gloss: Field | float
    support: Field
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def _scratch(rng: Generator, region: Region, look: str) -> Change:
    h, w = region.mask.shape
    path = _through(rng, region)
    lines = {"single": 1, "bundle": int(rng.integers(2, 6)), "skip": 1}[look]
    pitch = min(region.radius * 0.5, rng.uniform(1.5, 4))
    support = np.zeros((h, w), np.float32)
    for i in range(lines):
        part = _part(rng, path) if lines > 1 else path
        shifted = part + rng.normal(0, pitch, 2) * (i > 0)
        line = jitter(rng, resample(shifted.astype(np.float32), 4), min(1.2, 0.1 * region.radius), 0.0)
        pen = taper(rng, len(line), rng.uniform(0.5, 2.4) * (1 if i == 0 else 0.6), ends=rng.uniform(0.1, 0.7))
        if look == "skip":
            pen = pen * (np.sin(np.linspace(0, rng.uniform(4, 9) * np.pi, len(line)) + rng.uniform(0, 6)) > -0.3)
        support = np.maximum(support, stroke(h, w, line, pen))
    groove = cv2.GaussianBlur(support, (0, 0), 0.7)
    lips = cv2.GaussianBlur(support, (0, 0), 1.6) - groove
    fresh = rng.choice([-0.5, -0.25, 0.3, 0.6])  # oxide dark or bare metal bright
    return Change(rng.uniform(0.8, 2.5) * (lips - groove), 1 + fresh * support, 0.3 * max(fresh, 0) * support, support)


def _crack(rng: Generator, region: Region, look: str) -> Change:
    h, w = region.mask.shape
    roughness = {"wandering": rng.uniform(0.3, 1.2), "branching": rng.uniform(0.4, 1.2), "stepped": 2.5}[look]
    path = resample(_through(rng, region), 2)
    if look == "stepped":
        path = np.repeat(path[::4], 4, axis=0)[: len(path)] * 0.7 + path[: len(path)] * 0.3 if len(path) > 8 else path
    swing = min(0.35 * region.radius, 0.06 * len(path) * 2)
    path = jitter(rng, path.astype(np.float32), swing, roughness)
    thickness = np.exp(rng.uniform(np.log(0.6), np.log(3.2)))
    pen = taper(rng, len(path), thickness, ends=rng.uniform(0.4, 1.6), variation=0.4)
    if rng.random() < 0.25:  # one-sided: a crack that starts at an edge and dies out
        pen = pen * np.linspace(1.2, 0.25, len(path))
    support = stroke(h, w, path, pen)
    for _ in range(int(rng.integers(1, 4)) if look == "branching" else 0):
        start = int(rng.integers(len(path) // 5, max(len(path) // 5 + 1, 4 * len(path) // 5)))
        branch = _branch(rng, path, start, region)
        support = np.maximum(
            support, stroke(h, w, branch, taper(rng, len(branch), 0.7 * thickness) * np.linspace(1, 0.3, len(branch)))
        )
    shadow = cv2.GaussianBlur(support, (0, 0), rng.uniform(0.8, 2.0))
    albedo = 1 - rng.uniform(0.6, 0.95) * support - rng.uniform(0, 0.15) * shadow
    return Change(-rng.uniform(0.2, 1.0) * shadow, albedo, -0.5 * support, support)


def _dent(rng: Generator, region: Region, look: str) -> Change:
    h, w = region.mask.shape
    bowl = np.zeros((h, w), np.float32)
    for _ in range(2 if look == "double" else 1):
        x, y = _centre(rng, region)
        room = max(2.5, float(region.depth[int(y), int(x)]))
        radius = room * rng.uniform(0.55, 0.95)
        stretch = rng.uniform(1.6, 2.6) if look == "long" else rng.uniform(1.0, 1.3)
        bowl = np.maximum(bowl, _bowl(rng, region, (x, y), radius, stretch))
    depth = rng.choice([-1.0, -1.0, -1.0, 1.0]) * rng.uniform(0.15, 0.45) * region.radius
    return Change(depth * bowl, 1 - rng.uniform(0.0, 0.1) * bowl, 0.0, np.clip(bowl * 1.2, 0, 1))


def _pore(rng: Generator, region: Region, look: str) -> Change:
    h, w = region.mask.shape
    holes = {"single": 1, "cluster": int(rng.integers(2, 8)), "chain": int(rng.integers(3, 7))}[look]
    support = np.zeros((h, w), np.float32)
    track = resample(_through(rng, region), 3)
    for i in range(holes):
        x, y = track[int((i + 0.5) / holes * (len(track) - 1))] if look == "chain" else _centre(rng, region)
        room = float(region.depth[int(np.clip(y, 0, h - 1)), int(np.clip(x, 0, w - 1))])
        radius = np.clip(rng.uniform(0.3, 0.7) * room, 1.2, rng.uniform(2.5, 7))
        support = np.maximum(support, _hole(rng, (h, w), (x, y), float(radius)))
    inner = cv2.GaussianBlur(support, (0, 0), 0.8)
    albedo = 1 - rng.uniform(0.4, 0.85) * support
    return Change(-rng.uniform(1.0, 3.0) * inner, albedo, -0.5 * support, support)


def _stain(rng: Generator, region: Region, look: str) -> Change:
    h, w = region.mask.shape
    relief = field(rng, h, w, fractal(1.8, max(12.0, 1.5 * region.radius)))
    level = region.depth / region.radius + rng.uniform(0.1, 0.35) * relief - rng.uniform(0.15, 0.4)
    edge = rng.uniform(0.04, 0.25)
    body: np.ndarray = np.clip(level / edge, 0, 1)
    if look == "ring":
        body = body * np.clip(1 - (level - 0.15) / 0.15, 0.15, 1)
    if look == "drip":
        body = cv2.GaussianBlur(body, (0, 0), sigmaX=0.8, sigmaY=rng.uniform(4, 12)) * (region.depth > 0)
    rim = body * np.clip(1 - level / (2.5 * edge), 0, 1) * rng.uniform(0, 0.6)
    strength = rng.uniform(0.15, 0.5) * rng.choice([1, 1, 1, -0.6])
    support = body.astype(np.float32)
    tint = tuple(rng.uniform(0.5, 1.0) * np.array(BROWN) + rng.uniform(0, 0.4))
    return Change(np.zeros((h, w), np.float32), 1 - strength * (support + rim), -0.4 * support, support, tint)


def _corrosion(rng: Generator, region: Region, look: str) -> Change:
    h, w = region.mask.shape
    coarse = field(rng, h, w, fractal(1.3, max(10.0, region.radius)))
    fine = field(rng, h, w, grains(rng.uniform(1.2, 2.6), 0.7))
    reach = region.depth / region.radius
    if look == "creep":
        level = 1.2 - np.abs(coarse) * 3 + 0.3 * reach
    elif look == "pitting":
        level = 0.9 * fine - 0.9 + 0.9 * reach
    else:
        level = reach * 1.6 + 0.55 * coarse + 0.25 * fine - rng.uniform(0.3, 0.6)
    body = np.clip(level * 3, 0, 1) * np.clip(region.depth / 2, 0, 1)
    support = body.astype(np.float32)
    crust = 0.5 + 0.35 * fine + 0.25 * coarse
    albedo = 1 - support * np.clip(rng.uniform(0.3, 0.5) + 0.3 * crust, 0, 0.9)
    return Change(rng.uniform(0.3, 1.0) * support * fine, albedo, -0.8 * support, support, BROWN)


def _through(rng: Generator, region: Region) -> np.ndarray:
    """A curve along the region's axis, shortened and, in round regions, turned."""
    axis = resample(region.axis, 3)
    ends = axis[-1] - axis[0]
    slender = np.linalg.norm(ends) > 5 * region.radius
    if not slender:
        centre, angle = axis.mean(0), rng.normal(0, 0.5)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
        shift = rng.normal(0, 0.2 * region.radius, 2).astype(np.float32)
        axis = (axis - centre) @ turn.T + centre + shift
    return _part(rng, axis, least=0.55)


def _part(rng: Generator, path: np.ndarray, least: float = 0.3) -> np.ndarray:
    keep = max(6, int(len(path) * rng.uniform(least, 1.0)))
    start = int(rng.integers(0, max(1, len(path) - keep + 1)))
    return path[start : start + keep]


def _branch(rng: Generator, path: np.ndarray, start: int, region: Region) -> np.ndarray:
    ahead = path[min(start + 3, len(path) - 1)] - path[max(start - 3, 0)]
    heading = np.arctan2(ahead[1], ahead[0]) + rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
    length = rng.uniform(0.5, 1.5) * region.radius + rng.uniform(3, 12)
    line = path[start] + np.linspace(0, length, 10)[:, None] * np.array([np.cos(heading), np.sin(heading)])
    return jitter(rng, line.astype(np.float32), 0.8, 1.0)


def _centre(rng: Generator, region: Region) -> tuple[float, float]:
    """A point of the region, the deeper the likelier."""
    weight = region.depth.ravel().astype(np.float64) ** 2
    y, x = divmod(int(rng.choice(weight.size, p=weight / weight.sum())), region.mask.shape[1])
    return float(x), float(y)


def _bowl(rng: Generator, region: Region, centre: tuple[float, float], radius: float, stretch: float) -> Field:
    h, w = region.mask.shape
    y, x = np.ogrid[0:h, 0:w]
    ends = region.axis[-1] - region.axis[0]
    angle = np.arctan2(ends[1], ends[0]) if stretch > 1.4 else rng.uniform(0, np.pi)
    dx, dy = x - centre[0], y - centre[1]
    u, v = (
        (dx * np.cos(angle) + dy * np.sin(angle)) / (radius * stretch),
        (dy * np.cos(angle) - dx * np.sin(angle)) / radius,
    )
    return np.clip(1 - u * u - v * v, 0, 1).astype(np.float32) ** np.float32(rng.uniform(0.8, 2.0))


def _hole(rng: Generator, shape: tuple[int, int], centre: tuple[float, float], radius: float) -> Field:
    h, w = shape
    y, x = np.ogrid[0:h, 0:w]
    dx, dy = x - centre[0], y - centre[1]
    angle, squash = rng.uniform(0, np.pi), rng.uniform(0.6, 1.0)
    u, v = dx * np.cos(angle) + dy * np.sin(angle), (dy * np.cos(angle) - dx * np.sin(angle)) / squash
    turn = np.arctan2(v, u)
    wobble = 1 + 0.12 * np.sin(2 * turn + rng.uniform(0, 6)) + 0.08 * np.sin(3 * turn + rng.uniform(0, 6))
    return np.clip(radius * wobble - np.sqrt(u * u + v * v) + 0.5, 0, 1).astype(np.float32)


DEFECTS: dict[str, Callable[[Generator, Region, str], Change]] = {
    "scratch": _scratch,
    "crack": _crack,
    "dent": _dent,
    "pore": _pore,
    "stain": _stain,
    "corrosion": _corrosion,
}
"""Every defect by name; each gives a `Change` for ``(rng, region, look)``."""

LOOKS: dict[str, tuple[str, str, str]] = {
    "scratch": ("single", "bundle", "skip"),
    "crack": ("wandering", "branching", "stepped"),
    "dent": ("round", "long", "double"),
    "pore": ("single", "cluster", "chain"),
    "stain": ("blot", "drip", "ring"),
    "corrosion": ("patch", "pitting", "creep"),
}
"""Looks of each defect; the last of each is held out: no shipped model was trained on it."""

HELD_OUT_LOOKS: dict[str, str] = {defect: looks[-1] for defect, looks in LOOKS.items()}
TRAINED_LOOKS: dict[str, tuple[str, ...]] = {defect: looks[:-1] for defect, looks in LOOKS.items()}


def make_change(rng: Generator, defect: str, region: Region, look: str) -> Change:
    """One defect inside a region.

    Args:
        rng: source of randomness.
        defect: a name of `DEFECTS`.
        region: where it may be; the caller cuts what leaves it.
        look: a name of ``LOOKS[defect]``.

    Raises:
        ValueError: if the defect or its look is unknown.
    """
    if defect not in DEFECTS or look not in LOOKS[defect]:
        known = "; ".join(f"{name}: {', '.join(looks)}" for name, looks in LOOKS.items())
        raise ValueError(f"unknown defect {defect!r} or look {look!r}; known: {known}")
    change = DEFECTS[defect](rng, region, look)
    gloss = np.asarray(change.gloss, np.float32) if isinstance(change.gloss, np.ndarray) else change.gloss
    fields = (np.asarray(part, np.float32) for part in (change.height, change.albedo, change.support))
    height, albedo, support = fields
    return Change(height, albedo, gloss, support, change.tint)
