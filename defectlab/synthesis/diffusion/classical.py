"""The classical augmentation that precedes diffusion in DDPM-MoCo: flip, edge padding, contrast; eight for one.

The paper names the three operations and the factor (200 images become 1600), not their strength. Each can be done or
left, which makes eight versions of an image, the first of them the image itself; strengths are drawn from the ranges
of `ClassicalSettings`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate, pad

from defectlab.choices import unknown_choice
from defectlab.data.base import MappedDataset, Record, Sample, SurfaceDataset

VERSIONS = 8
FLIPS = ("any", "horizontal", "vertical")


@dataclass(frozen=True)
class ClassicalSettings:
    """Strengths of the operations; all of them are choices of this package.

    Attributes:
        flip: ``"horizontal"``, ``"vertical"`` or ``"any"``, which draws one of the two.
        padding: most that is added at each edge, as a share of the side, at most 0.5; pixels of the edge are repeated
            and the whole is brought back to its size.
        contrast: range of the factor that brings pixels away from the mean of the image; 1 changes nothing.
    """

    flip: str = "any"
    padding: float = 0.1
    contrast: tuple[float, float] = (1.2, 1.6)

    def __post_init__(self) -> None:
        if self.flip not in FLIPS:
            raise unknown_choice("flip", self.flip, FLIPS)
        if not 0 < self.padding <= 0.5:
            raise ValueError(f"padding: expected a share in (0, 0.5], got {self.padding}")
        if not 1 <= self.contrast[0] <= self.contrast[1]:
            raise ValueError(f"contrast: expected a range from 1 up, got {self.contrast}")


def augment_classically(
    dataset: SurfaceDataset, settings: ClassicalSettings | None = None, seed: int = 0
) -> MappedDataset:
    """Eight versions of each image, its own first; masks go along, and versions share the group of their image.

    Version ``v`` of an image depends on seed, name of the image and ``v`` alone, not on the other images. Split before,
    not after: a split by group keeps the versions together, any other one does not.

    Args:
        dataset: images of one size or of several.
        settings: strengths.
        seed: at least 0.
    """
    settings = settings or ClassicalSettings()
    sources: dict[str, tuple[int, int]] = {}
    records = []
    for i, record in enumerate(dataset.records):
        for v in range(VERSIONS):
            made = replace(record, id=f"{record.id}#{v}", group=record.group or record.id)
            sources[made.id] = (i, v)
            records.append(made)

    def read(record: Record) -> Sample:
        i, v = sources[record.id]
        return version(
            dataset[i], v, settings, np.random.default_rng((seed, zlib.crc32(dataset.records[i].id.encode()), v))
        )

    return MappedDataset(read, dataset.name, dataset.split, records, dataset.size, dataset.licence)


def version(sample: Sample, number: int, settings: ClassicalSettings, rng: np.random.Generator) -> Sample:
    """One of the eight: bit 0 of the number flips, bit 1 pads, bit 2 adds contrast.

    Raises:
        ValueError: if the number is not 0 to 7.
    """
    if not 0 <= number < VERSIONS:
        raise ValueError(f"version: expected 0 to {VERSIONS - 1}, got {number}")
    image, mask = sample.image, sample.mask
    if number & 1:
        horizontal = settings.flip == "horizontal" or (settings.flip == "any" and rng.random() < 0.5)
        axis = -1 if horizontal else -2
        image, mask = image.flip(axis), None if mask is None else mask.flip(axis)
    if number & 2:
        edges = _edges(image, settings.padding, rng)
        image = pad_edges(image, edges)
        mask = None if mask is None else pad_edges(mask.float(), edges) > 0  # a thin defect survives
    if number & 4:
        image = add_contrast(image, float(rng.uniform(*settings.contrast)))
    return replace(sample, image=image, mask=mask)


def version_names() -> tuple[str, ...]:
    """What is done in each version, in their order: ``"image"``, ``"flip"``, ``"edges"``, ``"flip, edges"``, ..."""
    bits = ("flip", "edges", "contrast")
    done = ([name for bit, name in enumerate(bits) if number >> bit & 1] for number in range(VERSIONS))
    return tuple(", ".join(names) or "image" for names in done)


def pad_edges(image: Tensor, edges: tuple[int, int, int, int]) -> Tensor:
    """Repeats the pixels of the edges outwards and brings the whole back to its size.

    Args:
        image: float ``(c, h, w)``.
        edges: pixels at left, right, top and bottom.
    """
    padded = pad(image[None], edges, mode="replicate")
    return interpolate(padded, image.shape[-2:], mode="bilinear", antialias=True)[0].clamp(0, 1)


def add_contrast(image: Tensor, factor: float) -> Tensor:
    """Brings pixels away from the mean of the image, cut to [0, 1]."""
    mean = image.mean()
    return (mean + factor * (image - mean)).clamp(0, 1)


def _edges(image: Tensor, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    h, w = image.shape[-2:]
    left, right = rng.integers(1, max(2, round(share * w) + 1), 2)
    top, bottom = rng.integers(1, max(2, round(share * h) + 1), 2)
    return int(left), int(right), int(top), int(bottom)
