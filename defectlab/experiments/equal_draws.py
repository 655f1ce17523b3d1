"""Equal numbers of images on every side of a comparison, drawn by a recorded seed, and one size in pixels for all.

A Fréchet distance is biased upwards, the more the fewer images there are, so that values at different numbers of images
say more of the numbers than of the images.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from torch.nn.functional import interpolate

from defectlab.data.base import MappedDataset, Record, Sample, SurfaceDataset

LEAST = 2
"""Images of a class on a side, at least: one has no spread."""


def equal_counts(classes: Sequence[str], n: int, sides: Mapping[str, SurfaceDataset]) -> dict[str, int]:
    """Images of each class that every side can give, the same on all of them.

    Args:
        classes: that ``n`` generated images take turns in.
        n: images that a generator makes.
        sides: real images by what they are called in messages.

    Returns:
        By class: its even share of ``n``, or the images of the smallest side where these are fewer.

    Raises:
        ValueError: if that leaves a class with one image or none.
    """
    there = {"generated": dict.fromkeys(classes, n // max(1, len(classes)))}
    there |= {name: Counter(record.defect for record in side.records) for name, side in sides.items()}
    for name in classes:
        for side, counts in there.items():
            if counts.get(name, 0) < LEAST:
                raise ValueError(f"{name}: expected at least two {side} images, got {counts.get(name, 0)}")
    return {name: min(counts[name] for counts in there.values()) for name in classes}


def drawn(names: Sequence[str], counts: Mapping[str, int], seed: int) -> np.ndarray:
    """Places of images drawn without replacement, so many of each class, in their order, int64 ``(sum of counts,)``.

    The draw of a class depends on the seed, the name of the class and the number of its images alone.

    Args:
        names: class of each image.
        counts: images to draw of each class.
        seed: at least 0.

    Raises:
        ValueError: if a class has fewer images than are drawn.
    """
    of_each, rows = np.asarray(names), []
    for name, count in counts.items():
        own = np.flatnonzero(of_each == name)
        if len(own) < count:
            raise ValueError(f"{name}: expected at least {count} images to draw from, got {len(own)}")
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        rows.append(rng.choice(own, count, replace=False))
    return np.sort(np.concatenate(rows))


def at_side(dataset: SurfaceDataset, side: int) -> SurfaceDataset:
    """The same images at a side in pixels, without masks; the data set itself where it has that side already.

    Args:
        dataset: square images.
        side: in pixels.
    """
    if dataset.size == (side, side):
        return dataset

    def read(record: Record) -> Sample:
        image = dataset.read(record).image[None]
        smaller = interpolate(image, (side, side), mode="bilinear", antialias=True)[0].clamp(0, 1)
        return Sample(smaller, None, record.label, record.defect, record.group, record.path)

    return MappedDataset(read, dataset.name, dataset.split, dataset.records, (side, side), dataset.licence)
