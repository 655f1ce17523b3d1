"""Features of images by any network, batch by batch, from the bytes that FID's libraries start from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

Images = Tensor | Iterable[Tensor]
"""Images ``(n, 3, H, W)``, or batches of them; uint8, or float in [0, 1] that is rounded to bytes."""


class Extractor(Protocol):
    """What turns images into features: `InceptionFeatures`, or any other network under its own name."""

    name: str

    def __call__(self, images: Tensor) -> dict[int, Tensor]:
        """Features ``(n, d)`` by ``d`` from uint8 images ``(n, 3, H, W)``."""
        ...


def extract(
    images: Images, extractor: Extractor, batch_size: int = 32, device: str | torch.device = "cpu"
) -> dict[int, Tensor]:
    """Features of all images.

    Args:
        images: a tensor or batches, see `Images`.
        extractor: gives features by size.
        batch_size: images a pass.
        device: where images are sent.

    Returns:
        Float64 features ``(n, d)`` by ``d``, on the CPU.

    Raises:
        ValueError: if there is no image, or the images have another shape, type or range.
    """
    parts: dict[int, list[Tensor]] = {}
    with torch.no_grad():
        for batch in _batches(images, batch_size):
            for dim, features in extractor(as_bytes(batch).to(device)).items():
                parts.setdefault(dim, []).append(features.double().cpu())
    if not parts:
        raise ValueError("no image was given: a distance needs at least two on each side")
    return {dim: torch.cat(rows) for dim, rows in parts.items()}


def as_bytes(images: Tensor) -> Tensor:
    """Images in the bytes that both libraries start from.

    Args:
        images: shape ``(n, 3, H, W)``; uint8, or floating with values in [0, 1], rounded here (torchmetrics truncates,
            which darkens an image that went through float32 by up to one step).

    Returns:
        uint8, same shape.

    Raises:
        ValueError: if shape, type or range differ.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must have shape (n, 3, H, W), got {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point() or not bool(((images >= 0) & (images <= 1)).all()):
        raise ValueError(f"images must be uint8, or floating in [0, 1]; got {images.dtype} outside of it")
    return (images * 255).round().to(torch.uint8)


def _batches(images: Images, batch_size: int) -> Iterator[Tensor]:
    if not isinstance(images, Tensor):
        yield from images
    elif len(images):
        yield from images.split(batch_size)
