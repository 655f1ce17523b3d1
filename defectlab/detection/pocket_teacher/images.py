"""What the teacher sees: surfaces with and without defects, and pictures pasted together from them; no labels."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from defectlab.detection.encoder.views import make_views
from defectlab.detection.pocket_teacher.settings import TeacherSettings

LEAVES, HIDDEN = 1, 2  # streams of random numbers beside that of the scenes
MOST_LEAVES = 14


def make_images(settings: TeacherSettings, step: int) -> Tensor:
    """The images of a step, float32 ``(2 scenes, 3, side, side)`` in [0, 1]: a function of settings and step alone."""
    images = make_views(settings.drawing(), step).images
    rng = np.random.default_rng([settings.seed, LEAVES, step])
    whole = images.permute(0, 2, 3, 1).numpy()
    mixed = [paste_leaves(rng, image, whole) if rng.random() < settings.leaves else image for image in whole]
    return torch.from_numpy(np.stack(mixed)).permute(0, 3, 1, 2).contiguous()


def paste_leaves(rng: Generator, image: np.ndarray, others: np.ndarray) -> np.ndarray:
    """A few to many shapes of all sizes pasted in, each filled by some other image in another exposure.

    Args:
        rng: source of randomness.
        image: float32 ``(side, side, 3)``.
        others: float32 ``(n, side, side, 3)``.

    Returns:
        As ``image``.

    Source: dead leaves with textures, Baradad et al. 2021.
    """
    image, side = image.copy(), len(image)
    for _ in range(int(rng.integers(1, MOST_LEAVES + 1))):
        leaf = _leaf(rng, side)[..., None]
        fill = others[int(rng.integers(len(others)))]
        colour = rng.uniform(0.4, 1.6) * rng.uniform(0.8, 1.2, 3)
        image += leaf * (np.clip(fill * colour.astype(np.float32), 0, 1) - image)
    return image


def visible(settings: TeacherSettings, step: int, images: int, places: int) -> Tensor:
    """Places of each image that the encoder sees, int64 ``(images, k)``, ascending; drawn for each image by itself."""
    seed = int(np.random.SeedSequence([settings.seed, HIDDEN, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    drawn = torch.rand(images, places, generator=torch.Generator().manual_seed(seed))
    kept = max(1, round(places * (1 - settings.hidden)))
    return drawn.argsort(dim=1)[:, :kept].sort(dim=1).values


def _leaf(rng: Generator, side: int) -> np.ndarray:
    """Cover of one shape, float32 ``(side, side)`` in [0, 1], with a smooth rim."""
    canvas = np.zeros((side, side), np.uint8)
    centre = rng.uniform(-0.1, 1.1, 2) * side
    radii = side * np.exp(rng.uniform(np.log(0.04), np.log(0.45), 2))
    if rng.random() < 0.5:
        axes = (int(radii[0]) + 1, int(radii[1]) + 1)
        cv2.ellipse(canvas, (int(centre[0]), int(centre[1])), axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
        corners = centre + radii * np.stack([np.cos(angles), np.sin(angles)], 1)
        cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255
