"""What generated images are measured with: distance to held-out real images, diversity, and nearness to training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from defectlab.data.base import SurfaceDataset
from defectlab.evaluation import (
    frechet_distance,
    inception_score,
    kernel_distance,
    mean_pairwise_distance,
    nearest_distances,
)
from defectlab.experiments.equal_draws import drawn, equal_counts
from defectlab.experiments.generator_features import Features
from defectlab.report.compared import FEATURES, IMAGES

ALL = "all"
"""Stands for all classes at once."""
PIXELS = 32
"""Side that images are brought to, at most, before they are compared pixel by pixel."""


@dataclass(frozen=True)
class Seen:
    """Images as features and as pixels, with their classes."""

    features: Tensor
    pixels: Tensor
    names: np.ndarray

    def of(self, name: str) -> Seen:
        """Those of one class."""
        return self.at(np.flatnonzero((self.names == name) | (name == ALL)))

    def at(self, rows: np.ndarray) -> Seen:
        """Those at some places."""
        return Seen(self.features[rows], self.pixels[rows], self.names[rows])


class Judge:
    """Measures sets of generated images against the same real ones, which are embedded once, when first needed.

    Distances, diversity and scores have as many images of a class on one side as on the other, in every set and in
    `floor`, drawn without replacement by the seed.

    Args:
        originals: real images that the generators learnt from, without augmented versions.
        held_out: real images of the same classes that no generator saw.
        classes: to be measured one by one, beside all at once.
        features: space of the distances.
        n: images of each set to be judged.
        seed: of the draws.
        learnt: all that the generators were shown, for the check of copies; ``originals`` where ``None``.

    Attributes:
        counts: images of each class on a side.

    Raises:
        ValueError: if a class has fewer than two images on a side.
    """

    def __init__(
        self,
        originals: SurfaceDataset,
        held_out: SurfaceDataset,
        classes: Sequence[str],
        features: Features,
        n: int,
        seed: int = 0,
        learnt: SurfaceDataset | None = None,
    ) -> None:
        self.classes, self.features, self.seed = tuple(classes), features, seed
        self.counts = equal_counts(self.classes, n, {"training": originals, "held-out": held_out})
        self._real = {"originals": originals, "held_out": held_out, "learnt": learnt or originals}

    @property
    def images(self) -> int:
        """Images on a side, of all classes together."""
        return sum(self.counts.values())

    @cached_property
    def originals(self) -> Seen:
        """As many of the real images that were learnt from as a set has."""
        found = self._real["originals"]
        rows = drawn([record.defect for record in found.records], self.counts, self.seed)
        return self._seen(found.subset(indices=rows.tolist()))

    @cached_property
    def learnt(self) -> Seen:
        """All that was learnt from."""
        return self._seen(self._real["learnt"])

    @cached_property
    def held_out(self) -> Seen:
        """All that was held out."""
        return self._seen(self._real["held_out"])

    def __call__(self, made: SurfaceDataset) -> dict[str, float]:
        """Metrics of a set: each for all classes at once, and with the name of the class behind it.

        * ``frechet`` and ``kernel`` (``fid`` and ``kid`` with Inception): distances to the held-out images.
        * ``inception_score``: with the 2048 features of Inception alone.
        * ``diversity``: mean distance between two images, over that between two held-out ones; 1 is as in reality.
        * ``images_compared``: images on each side of these.
        * ``closer_features``, ``closer_pixels``: probability that an image lies nearer to its nearest training image,
          augmented ones among them, than a held-out one does; 0.5 is as in reality, 1 a copy.
        * ``copies_features``, ``copies_pixels``: share of images nearer than every held-out one.
        * ``features_compared``: numbers that an image is described by, for all classes at once alone.

        Raises:
            ValueError: if the set has fewer images of a class than are compared.
        """
        seen = self._seen(made)
        values = self._against(self._few(seen))
        for name in (ALL, *self.classes):
            parts = [side.of(name) for side in (seen, self.learnt, self.held_out)]
            values |= {f"{metric}{_suffix(name)}": value for metric, value in _copies(*parts).items()}
        return values

    def floor(self) -> dict[str, float]:
        """Distances and diversity of the real images that were learnt from, at the same number of images.

        What a generator cannot beat but by chance, or by remembering its images.
        """
        return self._against(self.originals)

    def distances(self, made: SurfaceDataset) -> dict[str, float]:
        """The two distances alone, over all classes; the training images are not looked at."""
        return self._distances(self._few(self._seen(made)).features, self._few(self.held_out).features)

    def _against(self, made: Seen) -> dict[str, float]:
        """Distances, diversity and scores of so many images as are compared."""
        real = self._few(self.held_out)
        values: dict[str, float] = {}
        for name in (ALL, *self.classes):
            found = self._spread(made.of(name).features, real.of(name).features)
            values |= {f"{metric}{_suffix(name)}": value for metric, value in found.items()}
        return values | {FEATURES: made.features.shape[1]}

    def _few(self, seen: Seen) -> Seen:
        """As many images of each class as are compared."""
        return seen.at(drawn(seen.names.tolist(), self.counts, self.seed))

    def _spread(self, made: Tensor, real: Tensor) -> dict[str, float]:
        values = self._distances(made, real)
        values["diversity"] = mean_pairwise_distance(made) / mean_pairwise_distance(real)
        if self.features.logits is not None:
            parts = min(10, len(made) // 2)  # ten as published, fewer where there are few images
            values["inception_score"] = inception_score(self.features.logits(made), parts).mean
        return values | {IMAGES: len(made)}

    def _distances(self, made: Tensor, real: Tensor) -> dict[str, float]:
        return {
            self.features.frechet: frechet_distance(real, made, floor_splits=0).distance,
            self.features.kernel: kernel_distance(real, made, subsets=1).whole,
        }

    def _seen(self, dataset: SurfaceDataset) -> Seen:
        names = np.array([record.defect for record in dataset.records])
        return Seen(self.features.embed(dataset), flat_pixels(dataset), names)


def _copies(made: Seen, learnt: Seen, held_out: Seen) -> dict[str, float]:
    values: dict[str, float] = {}
    for space in ("features", "pixels"):
        found = nearest_distances(*(getattr(part, space) for part in (made, learnt, held_out)))
        values |= {f"closer_{space}": found.closer_than_real, f"copies_{space}": found.copies}
    return values


def _suffix(name: str) -> str:
    return "" if name == ALL else f"_{name}"


def flat_pixels(dataset: SurfaceDataset, side: int = PIXELS) -> Tensor:
    """Images as rows of pixels, float32 ``(n, 3 side side)`` in [0, 1], smaller images as they are."""
    rows = []
    for i in range(len(dataset)):
        image = dataset[i].image
        if max(image.shape[1:]) > side:
            image = interpolate(image[None], (side, side), mode="bilinear", antialias=True)[0]
        rows.append(image.flatten())
    return torch.stack(rows)
