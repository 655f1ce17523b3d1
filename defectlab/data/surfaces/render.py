"""One rendered image: a clean surface, the same surface with a defect, and the exact mask between them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from defectlab.data.surfaces.defects import Change, make_change
from defectlab.data.surfaces.light import Camera, Light, expose, make_camera, make_light, shade
from defectlab.data.surfaces.materials import Surface, make_surface
from defectlab.data.surfaces.noise import Field
from defectlab.data.surfaces.regions import Region

FLOOR = 0.03
"""Contrast, in units of full scale, that even a textureless surface is taken to have."""
REACH = {"scratch": 6.5, "crack": 6.5, "pore": 5.5, "dent": 4.5, "corrosion": 4.0, "stain": 3.0}
"""How far severity 1 stands out; large defects are obvious at less contrast than thin ones."""
FAINT = 0.5
"""How far severity 0 stands out, in units of the texture's contrast."""
VISIBLE = 2.5 / 255
"""Change of a pixel that counts as changed; smaller ones are put back to the clean value."""


@dataclass(frozen=True)
class Scene:
    """A clean surface under its light, before the camera quantises it; defects are added to it."""

    surface: Surface
    light: Light
    camera: Camera
    luminance: Field

    @property
    def contrast(self) -> float:
        """Deviation of the texture, illumination removed, with a floor: the unit that severity is measured in."""
        return texture_contrast(self.luminance)


def texture_contrast(luminance: Field) -> float:
    """``sqrt(deviation ** 2 + FLOOR ** 2)`` of an image without its illumination, in units of full scale.

    The deviation is the robust one (median of the absolute values), so that an edge of the part does not count.
    """
    rest = luminance - cv2.GaussianBlur(luminance, (0, 0), 16)
    return float(np.hypot(1.4826 * np.median(np.abs(rest)), FLOOR))


def make_scene(rng: Generator, height: int, width: int, material: str) -> Scene:
    """A clean surface of a material under a random light and camera."""
    surface = make_surface(rng, height, width, material)
    light, camera = make_light(rng, height, width), make_camera(rng, height, width)
    luminance = expose(shade(surface.height, surface.albedo, surface.gloss, light), camera)
    return Scene(surface, light, camera, luminance)


def defect_layer(scene: Scene, change: Change, region: Region, contrast: float) -> Field:
    """What a defect adds to the luminance, float32 ``(H, W)``, zero outside the region and at its rim.

    The physics gives the shape; the contrast is prescribed, so that severity is monotone: the strongest tenth of the
    changed pixels changes by ``contrast`` times the contrast of the texture.

    Args:
        scene: the clean surface.
        change: what the defect does to it.
        region: where it may be seen.
        contrast: how far it stands out, in units of the texture's contrast, see `amplitude`.
    """
    surface = scene.surface
    gloss = np.maximum(surface.gloss + change.gloss, 0) if not np.isscalar(change.gloss) else surface.gloss
    radiance = shade(surface.height + change.height, surface.albedo * change.albedo, gloss, scene.light)
    difference = expose(radiance, scene.camera) - scene.luminance
    layer = difference * feather(region)
    strong = np.abs(layer)
    peak = peak_of(strong, strong[change.support > 0.3 * change.support.max()])
    return layer * np.float32(contrast * scene.contrast / max(peak, 1e-3))


def peak_of(strong: Field, core: Field) -> float:
    """How strong a defect is where it is strongest: the border of the strongest tenth of its core.

    Args:
        strong: absolute change of each pixel.
        core: the values of ``strong`` on the core of the defect, in any shape; may be empty.

    Returns:
        At least half of the largest change: a few strong pixels must not be driven into saturation.
    """
    return max(float(np.quantile(core, 0.9)) if core.size else 0.0, 0.5 * float(strong.max()))


def amplitude(defect: str, severity: float) -> float:
    """Contrast of a defect of a severity in [0, 1], in units of the texture's contrast."""
    return FAINT + REACH[defect] * severity


def feather(region: Region) -> Field:
    """Weight that rises from 0 at the rim to 1 inside, over up to 3 px, less in thin regions."""
    return np.clip(region.depth / np.float32(np.clip(0.4 * region.radius, 1.0, 3.0)), 0, 1)


@dataclass(frozen=True)
class Rendered:
    """A clean and a defective exposure of one surface.

    Attributes:
        clean: uint8 ``(H, W, 3)``.
        image: uint8 ``(H, W, 3)``, equal to ``clean`` outside the mask.
        mask: bool ``(H, W)``, exactly the pixels of the defect; never empty.
    """

    clean: np.ndarray
    image: np.ndarray
    mask: np.ndarray


def render_defect(rng: Generator, scene: Scene, defect: str, region: Region, look: str, severity: float) -> Rendered:
    """Puts a defect on a scene.

    Args:
        rng: source of randomness of the defect.
        scene: the clean surface.
        defect: a name of `defects.DEFECTS`.
        region: where it may be.
        look: a name of ``defects.LOOKS[defect]``.
        severity: 0 hardly visible to 1 obvious.

    Returns:
        Both exposures and the mask: pixels that changed by more than `VISIBLE`, and the core of the defect even
        where it is invisible.
    """
    change = make_change(rng, defect, region, look)
    layer = defect_layer(scene, change, region, amplitude(defect, severity))
    seen = np.clip(scene.luminance + layer, 0, 1)
    core = (change.support > 0.5) & region.mask
    mask = (np.abs(seen - scene.luminance) > VISIBLE) | core
    if not mask.any():
        mask = region.depth >= region.depth.max()
    clean = colourise(scene.luminance, scene.surface.tint)
    # colour comes with severity, as contrast does: a faint stain is no brighter in hue than in tone
    weight = change.support * feather(region) * np.float32(min(1.0, 0.15 + 1.2 * severity))
    tinted = colourise(seen, scene.surface.tint, weight, change.tint if np.ptp(scene.surface.tint) > 0 else (1, 1, 1))
    return Rendered(clean, np.where(mask[..., None], tinted, clean), mask)


def colourise(
    luminance: Field,
    tint: tuple[float, float, float],
    weight: Field | None = None,
    defect_tint: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> np.ndarray:
    """A grey exposure as uint8 ``(H, W, 3)`` with the material's colour and, by weight, the defect's."""
    channels = []
    for material, defect in zip(tint, defect_tint, strict=True):
        factor = material if weight is None else material * (1 + weight * (defect - 1))
        channels.append(np.clip(luminance * factor * 255 + 0.5, 0, 255))
    return np.stack(channels, -1).astype(np.uint8)
