"""The normal images that the diffusion model learns, at its size, with the category of each."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from defectlab.data.base import GOOD, Record, SurfaceDataset

Category = Callable[[Record], str]
"""Names the category of a record; `defectlab.data.anomaly_layout.category_of` is one."""


def categories_of(normals: SurfaceDataset, category: Category | None) -> tuple[str, ...]:
    """The categories, sorted; ``("good",)`` where none are told apart."""
    return (GOOD,) if category is None else tuple(sorted({category(record) for record in normals.records}))


def normal_images(normals: SurfaceDataset, category: Category | None, size: int) -> tuple[Tensor, Tensor]:
    """All images at the size of the model, and the place of each one's category in `categories_of`.

    Args:
        normals: of any sizes; what is not square is stretched, and stretched back when P is blended in.
        category: as in `categories_of`.
        size: side in pixels.

    Returns:
        uint8 ``(n, 3, size, size)`` and int64 ``(n,)``.
    """
    names = categories_of(normals, category)
    images = torch.empty((len(normals), 3, size, size), dtype=torch.uint8)
    for i in range(len(normals)):
        images[i] = torch.from_numpy(resize(pixels(normals, i), (size, size))).permute(2, 0, 1)
    labels = [0 if category is None else names.index(category(record)) for record in normals.records]
    return images, torch.tensor(labels)


def pixels(dataset: SurfaceDataset, index: int) -> np.ndarray:
    """An image as uint8 ``(H, W, 3)``."""
    image: np.ndarray = dataset[index].image.permute(1, 2, 0).mul(255).round().byte().numpy()
    return np.ascontiguousarray(image)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image uint8 ``(H, W, 3)`` at ``(height, width)``: by areas where it shrinks, bicubic where it grows."""
    if image.shape[:2] == tuple(size):
        return image
    method = cv2.INTER_AREA if size[0] * size[1] < image.shape[0] * image.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(image, (size[1], size[0]), interpolation=method)
