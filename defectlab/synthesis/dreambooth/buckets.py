"""Aspect-ratio buckets of the kohya trainer: images of like shape are brought to one size of about the same area."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from defectlab.synthesis.dreambooth.settings import DreamBoothSettings

Size = tuple[int, int]


def make_buckets(resolution: int = 512, smallest: int = 256, largest: int = 1024, step: int = 64) -> list[Size]:
    """Sizes ``(height, width)`` of at most ``resolution`` squared pixels, sorted by width, then height.

    Args:
        resolution: side of the square of the largest area.
        smallest: least side.
        largest: greatest side.
        step: sides are multiples of it.
    """
    area = resolution**2
    square = int(math.sqrt(area) // step) * step
    sizes = {(square, square)}
    for side in range(smallest, largest + 1, step):
        other = min(largest, area // side // step * step)
        if other >= smallest:
            sizes |= {(side, other), (other, side)}
    return sorted(sizes, key=lambda size: (size[1], size[0]))


def buckets_of(settings: DreamBoothSettings) -> list[Size]:
    """The buckets of a fine-tuning."""
    return make_buckets(settings.resolution, settings.smallest_side, settings.largest_side, settings.side_step)


def choose_bucket(size: Size, buckets: Sequence[Size]) -> Size:
    """The bucket of an image: its own size where that is one, else the nearest ratio of width to height.

    Of two ratios equally near the first counts, as in the trainer.

    Args:
        size: height and width of the image.
        buckets: of `make_buckets`.
    """
    if size in buckets:
        return size
    ratios = np.array([width / height for height, width in buckets])
    return buckets[int(np.abs(ratios - size[1] / size[0]).argmin())]


def fit_to_bucket(image: np.ndarray, bucket: Size) -> np.ndarray:
    """The image resized until it covers the bucket, its shape kept, and cut to it around its centre.

    Args:
        image: uint8, shape ``(H, W, 3)``.
        bucket: height and width.

    Returns:
        uint8, shape ``(*bucket, 3)``.
    """
    height, width = image.shape[:2]
    scale = max(bucket[0] / height, bucket[1] / width)
    covering = max(bucket[0], int(height * scale + 0.5)), max(bucket[1], int(width * scale + 0.5))
    if covering != (height, width):
        # averaging where it shrinks; where it grows, averaging would repeat pixels
        filter_ = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        image = cv2.resize(image, covering[::-1], interpolation=filter_)
    top, left = (covering[0] - bucket[0]) // 2, (covering[1] - bucket[1]) // 2
    return image[top : top + bucket[0], left : left + bucket[1]].copy()
