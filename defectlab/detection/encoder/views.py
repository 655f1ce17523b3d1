"""Two views of each scene: another crop, turned, mirrored, in another light; the mask goes along."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from defectlab.detection.encoder.scenes import DrawnScene, draw_scene
from defectlab.detection.encoder.settings import EncoderSettings

ROOM = 1.25
"""Side of a scene in units of the side of a view."""


@dataclass(frozen=True)
class Views:
    """One step's views; row ``i`` and row ``n + i`` show the same scene.

    Attributes:
        images: float32 ``(2 n, 3, side, side)`` in [0, 1].
        masks: float32 ``(2 n, 1, side, side)`` in [0, 1], the share of a pixel that is defective.
        kinds: int64 ``(2 n,)``, positions in `scenes.KINDS`; 0 where the view shows no defect.
    """

    images: Tensor
    masks: Tensor
    kinds: Tensor


def make_views(settings: EncoderSettings, step: int) -> Views:
    """The views of a step: a function of the settings and the step alone, so that a resume goes on with equal data."""
    rng = np.random.default_rng([settings.seed, step])
    side = round(ROOM * settings.side)
    scenes = [draw_scene(rng, side, settings.materials, settings.looks) for _ in range(settings.scenes)]
    pairs = [_view(rng, scene, settings.side) for _ in range(2) for scene in scenes]
    images = torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2)
    masks = torch.from_numpy(np.stack([mask for _, mask in pairs]))[:, None]
    kinds = torch.tensor([scene.kind for scene in scenes] * 2)
    shown = masks.sum(dim=(1, 2, 3)) >= 4  # a defect that the crop missed is no defect
    return Views(images.clamp(0, 1), masks * shown.view(-1, 1, 1, 1), kinds * shown)


def _view(rng: Generator, scene: DrawnScene, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Image float32 ``(side, side, 3)`` and mask float32 ``(side, side)``."""
    whole = len(scene.image)
    extent = side if rng.random() < 0.6 else int(rng.integers(round(0.75 * side), whole + 1))
    top, left = rng.integers(0, whole - extent + 1, 2)
    window = np.s_[top : top + extent, left : left + extent]
    parts: list[np.ndarray] = [scene.image[window].astype(np.float32) / 255, scene.mask[window].astype(np.float32)]
    if extent != side:
        method = cv2.INTER_AREA if extent > side else cv2.INTER_LINEAR
        parts = [np.asarray(cv2.resize(part, (side, side), interpolation=method)) for part in parts]
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    image, mask = (np.ascontiguousarray(np.rot90(part[:, ::-1] if mirrored else part, turns)) for part in parts)
    return _relight(rng, image), mask


def _relight(rng: Generator, image: np.ndarray) -> np.ndarray:
    """Another exposure, contrast, colour, focus and sensor."""
    if rng.random() < 0.3:
        image = np.repeat(image.mean(-1, keepdims=True), 3, axis=-1)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    mean = image.mean()
    tint = (1 + rng.uniform(-0.06, 0.06, 3)).astype(np.float32)
    image = ((image - mean) * np.float32(rng.uniform(0.7, 1.3)) + mean * np.float32(rng.uniform(0.7, 1.25))) * tint
    if rng.random() < 0.5:
        noise = rng.standard_normal(image.shape[:2], dtype=np.float32)[..., None]
        image = image + np.float32(rng.uniform(0, 0.02)) * noise
    return image.astype(np.float32)
