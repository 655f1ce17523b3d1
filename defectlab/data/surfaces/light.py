"""Light and camera: from height, albedo and gloss to the pixels that an inspection camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from defectlab.data.surfaces.noise import Field


@dataclass(frozen=True)
class Light:
    """One directional light with ambient, as on an inspection line.

    Attributes:
        direction: unit vector towards the light, ``(x, y, z)``, z towards the camera.
        ambient: share of light without direction, [0, 1].
        shininess: exponent of the highlight.
        falloff: float32 ``(H, W)``, brightness over the field of view, about 1.
    """

    direction: tuple[float, float, float]
    ambient: float
    shininess: float
    falloff: Field


@dataclass(frozen=True)
class Camera:
    """Blur, noise and exposure of the camera.

    Attributes:
        blur: deviation of the point spread in pixels.
        noise: float32 ``(H, W)``, read noise in units of full scale; a field, so that two exposures share it.
        gain: exposure, around 1.
        contrast: gamma, around 1.
    """

    blur: float
    noise: Field
    gain: float
    contrast: float


def make_light(rng: Generator, height: int, width: int) -> Light:
    """A light at 25 to 70 degrees above the surface with an uneven field of view."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(25, 70))
    direction = (np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    slope = rng.normal(0, 0.08, 2).astype(np.float32)
    centre, spot = rng.uniform(-0.8, 0.8, 2).astype(np.float32), np.float32(rng.uniform(0, 0.18))
    falloff = 1 + slope[0] * x + slope[1] * y - spot * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2)
    return Light(direction, rng.uniform(0.25, 0.5), rng.uniform(8, 40), falloff.astype(np.float32))


def make_camera(rng: Generator, height: int, width: int) -> Camera:
    """A camera with 0.3 to 1.1 px of blur and up to 2 % of noise."""
    noise = rng.standard_normal((height, width), dtype=np.float32) * np.float32(rng.uniform(0.002, 0.02))
    return Camera(rng.uniform(0.3, 1.1), noise, rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.2))


def shade(height: Field, albedo: Field, gloss: Field | float, light: Light) -> Field:
    """Radiance of a surface under a light: Lambert's law and a Blinn-Phong highlight.

    Args:
        height: float32 ``(H, W)`` in pixels.
        albedo: float32 ``(H, W)``.
        gloss: strength of the highlight, a number or a field.
        light: the light.

    Returns:
        float32 ``(H, W)``, about [0, 1.5].
    """
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125, borderType=cv2.BORDER_REPLICATE)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125, borderType=cv2.BORDER_REPLICATE)
    norm = 1 / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    lx, ly, lz = (np.float32(v) for v in light.direction)
    lambert = np.maximum((lz - lx * slope_x - ly * slope_y) * norm, 0) / lz
    half = np.array([lx, ly, lz + 1], np.float32)
    half /= np.linalg.norm(half)
    mirror = np.clip((half[2] - half[0] * slope_x - half[1] * slope_y) * norm, 0, 1) ** np.float32(light.shininess)
    ambient = np.float32(light.ambient)
    return albedo * (ambient + (1 - ambient) * lambert) * light.falloff + np.float32(0.35) * gloss * mirror


def expose(radiance: Field, camera: Camera) -> Field:
    """What the camera makes of a radiance: blur, gain, gamma, noise; clipped to [0, 1]."""
    blurred = cv2.GaussianBlur(radiance, (0, 0), camera.blur)
    signal = np.power(np.maximum(blurred * np.float32(camera.gain), 0), np.float32(camera.contrast))
    return np.clip(signal + camera.noise, 0, 1)
