"""From images to `Scores`, in batches, at one size of the network and the size of the images: alike for every map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.base import Scores

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images in [0, 1] ``(n, 3, H, W)`` to one score an image ``(n,)`` and maps ``(n, 1, H, W)``."""


def score_images(
    dataset: SurfaceDataset, size: tuple[int, int], batch_size: int, device: torch.device, forward: Forward
) -> Scores:
    """Scores of a data set by a detector that gives maps.

    Args:
        dataset: images of one size.
        size: ``(height, width)`` that the detector sees, and that image scores are taken at.
        batch_size: images at once; no score depends on it.
        device: where ``forward`` computes.
        forward: the detector.

    Returns:
        Image scores in float64; maps in float32 at the size of the images, bilinear.

    Raises:
        ValueError: if images differ in size.
    """
    scores: list[float] = []
    pixels: list[np.ndarray] = []
    for start in range(0, len(dataset), batch_size):
        batch = [dataset[i].image for i in range(start, min(start + batch_size, len(dataset)))]
        shape = pixels[0].shape if pixels else tuple(batch[0].shape[1:])
        for offset, image in enumerate(batch):
            if tuple(image.shape[1:]) != shape:
                raise ValueError(
                    f"images of {dataset.name!r} differ in size: {dataset.records[start + offset].id!r} is "
                    f"{tuple(image.shape[1:])}, those before {shape}; load with size=(height, width)"
                )
        seen = torch.stack([to_size(image, size) for image in batch]).to(device)
        with torch.inference_mode():
            of_images, maps = forward(seen.float() / 255)
            enlarged = resize_map(maps, (shape[0], shape[1]))
        scores += of_images.double().tolist()
        pixels += list(enlarged[:, 0].float().cpu().numpy())
    return Scores(np.array(scores, dtype=np.float64), np.stack(pixels) if pixels else None)


def to_size(image: Tensor, size: tuple[int, int]) -> Tensor:
    """An image in [0, 1] as uint8 ``(3, *size)``, bilinear with antialiasing, as `detection.inputs.images`."""
    if tuple(image.shape[1:]) != tuple(size):
        image = F.interpolate(image[None], list(size), mode="bilinear", antialias=True)[0].clamp(0, 1)
    return image.mul(255).round().to(torch.uint8)


def resize_map(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """A map ``(n, 1, h, w)`` at another size, bilinear; its values stay within their range."""
    if tuple(scores.shape[2:]) == tuple(size):
        return scores
    return F.interpolate(scores, size, mode="bilinear", align_corners=False)
