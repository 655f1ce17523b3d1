"""What the encoder is trained on: procedural surfaces with and without a defect, and exactly where the defect is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from defectlab.data.surfaces.dataset import FAMILIES
from defectlab.data.surfaces.defects import LOOKS
from defectlab.data.surfaces.light import expose, make_camera, make_light, shade
from defectlab.data.surfaces.materials import Surface, make_surface
from defectlab.data.surfaces.noise import field, grains
from defectlab.data.surfaces.regions import REGIONS
from defectlab.data.surfaces.render import Scene, colourise, feather, render_defect

KINDS = ("good", *LOOKS, "foreign")
"""What a scene may carry: nothing, a defect, or a patch of another surface."""


@dataclass(frozen=True)
class DrawnScene:
    """One image.

    Attributes:
        image: uint8 ``(H, W, 3)``.
        mask: bool ``(H, W)``, true on the defect.
        kind: position in `KINDS`.
    """

    image: np.ndarray
    mask: np.ndarray
    kind: int


def draw_scene(rng: Generator, side: int, materials: tuple[str, ...], looks: int) -> DrawnScene:
    """A surface that carries a defect two times of three.

    Args:
        rng: source of randomness.
        side: height and width in pixels.
        materials: materials to draw from; a third of the surfaces mixes two.
        looks: how many looks of each defect to draw from.
    """
    scene = _scene(rng, side, materials)
    kind = 0 if rng.random() < 0.33 else int(rng.integers(1, len(KINDS)))
    if KINDS[kind] == "good":
        return DrawnScene(colourise(scene.luminance, scene.surface.tint), np.zeros((side, side), bool), 0)
    if KINDS[kind] == "foreign":
        return _foreign(rng, scene, materials, kind)
    defect = KINDS[kind]
    families = FAMILIES[defect] if rng.random() < 0.7 else tuple(REGIONS)
    region = REGIONS[str(rng.choice(families))](rng, side, side)
    look = str(rng.choice(LOOKS[defect][:looks]))
    drawn = render_defect(rng, scene, defect, region, look, float(rng.uniform(0.05, 1.0)))
    return DrawnScene(drawn.image, drawn.mask, kind)


def _scene(rng: Generator, side: int, materials: tuple[str, ...]) -> Scene:
    surface = make_surface(rng, side, side, str(rng.choice(materials)))
    if rng.random() < 0.33:
        surface = _mixed(rng, surface, make_surface(rng, side, side, str(rng.choice(materials))))
    if rng.random() < 0.25:
        surface = _spotted(rng, surface)
    light, camera = make_light(rng, side, side), make_camera(rng, side, side)
    luminance = expose(shade(surface.height, surface.albedo, surface.gloss, light), camera)
    if rng.random() < 0.08:
        luminance = _with_edge(rng, luminance)
    return Scene(surface, light, camera, luminance)


def _mixed(rng: Generator, one: Surface, two: Surface) -> Surface:
    """Between two materials: more kinds of surface than there are materials."""
    share = np.float32(rng.uniform(0.25, 0.75))
    return replace(
        one,
        height=share * one.height + (1 - share) * two.height,
        albedo=share * one.albedo + (1 - share) * two.albedo,
    )


def _spotted(rng: Generator, surface: Surface) -> Surface:
    """Spots all over: what is dark and small, but everywhere, is no defect."""
    height, width = surface.albedo.shape
    spots = np.maximum(field(rng, height, width, grains(rng.uniform(1.5, 5), 0.5)) - rng.uniform(1.0, 2.2), 0)
    strength = rng.choice([-1, -1, 1]) * rng.uniform(0.02, 0.12)
    return replace(surface, albedo=(surface.albedo + strength * spots).astype(np.float32))


def _with_edge(rng: Generator, luminance: np.ndarray) -> np.ndarray:
    """The border of the part in view: everything behind a line is black or burnt out, and normal."""
    side = len(luminance)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    angle = float(rng.integers(4)) * np.pi / 2 + rng.normal(0, 0.05)
    across = (x - side / 2) * np.float32(np.cos(angle)) + (y - side / 2) * np.float32(np.sin(angle))
    behind = np.clip(across - np.float32(rng.uniform(0.2, 0.45) * side), 0, 1)
    return luminance * (1 - behind) + np.float32(rng.choice([0.03, 0.98])) * behind


def _foreign(rng: Generator, scene: Scene, materials: tuple[str, ...], kind: int) -> DrawnScene:
    """A patch of another surface, more or less see-through, as pasting methods make them."""
    side = len(scene.luminance)
    other = _scene(rng, side, materials)
    region = REGIONS[str(rng.choice(list(REGIONS)))](rng, side, side)
    weight = (rng.uniform(0.3, 1.0) * np.minimum(feather(region) * rng.uniform(1, 3), 1))[..., None]
    base, patch = (colourise(s.luminance, s.surface.tint).astype(np.float32) for s in (scene, other))
    mixed = base * (1 - weight) + patch * weight
    changed = np.abs(mixed - base).max(-1) > 2.5
    mask = region.mask & (cv2.blur(changed.astype(np.float32), (5, 5)) > 0.3)
    image = np.where(mask[..., None], mixed + 0.5, base).clip(0, 255).astype(np.uint8)
    return DrawnScene(image, mask, kind if mask.any() else 0)
