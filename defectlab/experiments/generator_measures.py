"""What generated images are measured with: distance to held-out real images, diversity, and nearness to training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from defectlab.data.base import SurfaceDataset
from defectlab.detection.config import laptop
from defectlab.detection.embedding import embed
from defectlab.detection.weights import load_backbone
from defectlab.devices import pick_device
from defectlab.evaluation import (
    frechet_distance,
    inception_score,
    kernel_distance,
    mean_pairwise_distance,
    nearest_distances,
)
from defectlab.evaluation.extraction import extract
from defectlab.evaluation.inception import load_inception

ALL = "all"
"""Stands for all classes at once."""
STRIDE = 8
"""Pixels from one feature of the small encoder to the next."""
PIXELS = 32
"""Side that images are brought to, at most, before they are compared pixel by pixel."""


@dataclass(frozen=True)
class Features:
    """A space that images are compared in.

    Attributes:
        name: of the network.
        digest: of its weights, so that a stored value is computed again where they change.
        embed: features ``(n, d)`` of a data set.
        inception: whether the network is Inception: then, and only then, distances are called FID and KID.
        logits: of the network's classes from its features, for the Inception score; ``None`` where it has no classes.
    """

    name: str
    digest: str
    embed: Callable[[SurfaceDataset], Tensor]
    inception: bool = False
    logits: Callable[[Tensor], Tensor] | None = None

    @property
    def frechet(self) -> str:
        """Name of the Fréchet distance in this space."""
        return "fid" if self.inception else "frechet"

    @property
    def kernel(self) -> str:
        """Name of the kernel distance in this space."""
        return "kid" if self.inception else "kernel"


def encoder_features(device: str = "auto", weights: str = "pocket", backbone: str = "auto") -> Features:
    """Features of a backbone's second stage, by default of the small encoder that ships with the package."""
    config = laptop(weights=weights, backbone=backbone)
    digest = load_backbone(config)[2].sha256
    return Features(Path(weights).stem, digest, lambda dataset: embed(dataset, config, STRIDE, device))


def inception_features(weights: str | Path, device: str = "auto", dim: int = 2048) -> Features:
    """Features of Inception, as FID and KID have them.

    Args:
        weights: a file, by path or name, or ``"download"``.
        device: where to compute.
        dim: layer by its number of features: 64, 192, 768 or 2048.
    """
    chosen = pick_device(device)
    network = load_inception(weights, (dim,)).to(chosen)

    def features(dataset: SurfaceDataset) -> Tensor:
        batches = (dataset.images(range(i, min(i + 32, len(dataset)))) for i in range(0, len(dataset), 32))
        return extract(batches, network, device=chosen)[dim]

    return Features(f"inception{dim}", str(weights), features, True, network.logits if dim == 2048 else None)


@dataclass(frozen=True)
class Seen:
    """Images as features and as pixels, with their classes."""

    features: Tensor
    pixels: Tensor
    names: np.ndarray

    def of(self, name: str) -> Seen:
        """Those of one class."""
        rows = np.flatnonzero((self.names == name) | (name == ALL))
        return Seen(self.features[rows], self.pixels[rows], self.names[rows])


class Judge:
    """Measures sets of generated images against the same real ones, which are embedded once, when first needed.

    Args:
        train: images that the generators learnt from, all their augmented versions among them.
        held_out: real images of the same classes that no generator saw.
        classes: to be measured one by one, beside all at once.
        features: space of the distances.
    """

    def __init__(
        self, train: SurfaceDataset, held_out: SurfaceDataset, classes: Sequence[str], features: Features
    ) -> None:
        self.classes, self.features = tuple(classes), features
        self._real = {"train": train, "held_out": held_out}

    @cached_property
    def train(self) -> Seen:
        """What was learnt from."""
        return self._seen(self._real["train"])

    @cached_property
    def held_out(self) -> Seen:
        """What was held out."""
        return self._seen(self._real["held_out"])

    def __call__(self, made: SurfaceDataset) -> dict[str, float]:
        """Metrics of a set: each for all classes at once, and with the name of the class behind it.

        * ``frechet`` and ``kernel`` (``fid`` and ``kid`` with Inception): distances to the held-out images.
        * ``inception_score``: with the 2048 features of Inception alone.
        * ``diversity``: mean distance between two images, over that between two held-out ones; 1 is as in reality.
        * ``closer_features``, ``closer_pixels``: probability that an image lies nearer to its nearest training image
          than a held-out one does; 0.5 is as in reality, 1 a copy.
        * ``copies_features``, ``copies_pixels``: share of images nearer than every held-out one.

        Raises:
            ValueError: if a class has fewer than two images on a side.
        """
        seen = self._seen(made)
        values: dict[str, float] = {}
        for name in (ALL, *self.classes):
            parts = [side.of(name) for side in (seen, self.train, self.held_out)]
            for which, part in zip(("generated", "training", "held-out"), parts, strict=True):
                if len(part.features) < 2:
                    raise ValueError(f"{name}: expected at least two {which} images, got {len(part.features)}")
            suffix = "" if name == ALL else f"_{name}"
            values |= {f"{metric}{suffix}": value for metric, value in self._measure(*parts).items()}
        return values

    def floor(self) -> dict[str, float]:
        """Distances and diversity of the images that were learnt from: what a generator cannot beat but by chance."""
        values: dict[str, float] = {}
        for name in (ALL, *self.classes):
            train, held_out = self.train.of(name).features, self.held_out.of(name).features
            suffix = "" if name == ALL else f"_{name}"
            values |= {f"{metric}{suffix}": value for metric, value in self._spread(train, held_out).items()}
        return values

    def distances(self, made: SurfaceDataset) -> dict[str, float]:
        """The two distances alone, over all classes; the training images are not looked at."""
        return self._distances(self.features.embed(made), self.held_out.features)

    def _measure(self, made: Seen, train: Seen, held_out: Seen) -> dict[str, float]:
        values = self._spread(made.features, held_out.features)
        for space in ("features", "pixels"):
            found = nearest_distances(*(getattr(part, space) for part in (made, train, held_out)))
            values |= {f"closer_{space}": found.closer_than_real, f"copies_{space}": found.copies}
        return values

    def _spread(self, made: Tensor, real: Tensor) -> dict[str, float]:
        values = self._distances(made, real)
        values["diversity"] = mean_pairwise_distance(made) / mean_pairwise_distance(real)
        if self.features.logits is not None:
            parts = min(10, len(made) // 2)  # ten as published, fewer where there are few images
            values["inception_score"] = inception_score(self.features.logits(made), parts).mean
        return values

    def _distances(self, made: Tensor, real: Tensor) -> dict[str, float]:
        return {
            self.features.frechet: frechet_distance(real, made).distance,
            self.features.kernel: kernel_distance(real, made, subsets=1).whole,
        }

    def _seen(self, dataset: SurfaceDataset) -> Seen:
        names = np.array([record.defect for record in dataset.records])
        return Seen(self.features.embed(dataset), flat_pixels(dataset), names)


def flat_pixels(dataset: SurfaceDataset, side: int = PIXELS) -> Tensor:
    """Images as rows of pixels, float32 ``(n, 3 side side)`` in [0, 1], smaller images as they are."""
    rows = []
    for i in range(len(dataset)):
        image = dataset[i].image
        if max(image.shape[1:]) > side:
            image = interpolate(image[None], (side, side), mode="bilinear", antialias=True)[0]
        rows.append(image.flatten())
    return torch.stack(rows)
