"""Sets of features and of images whose closeness is known, to see what Fréchet and kernel distances make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from defectlab.data import SurfaceDataset, load_dataset
from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.embedding import embed
from defectlab.evaluation import frechet_distance, kernel_distance, mean_pairwise_distance, memorisation

STRIDE = 8  # of the encoder's feature map that images are compared by


def expected_frechet(n: float, m: float, dim: int) -> float:
    """Fréchet distance that two samples of one standard normal density have on average, to first order.

    Args:
        n: images of the first sample, many more than features.
        m: images of the second.
        dim: number of features.
    """
    return (1 / n + 1 / m) * (dim + dim * (dim + 1) / 4)  # Eq. bias


def by_count(dim: int, counts: Sequence[int], repeats: int, seed: int) -> pd.DataFrame:
    """Distances of two samples of the *same* density, by their size; the truth is zero.

    Args:
        dim: number of features.
        counts: images of each sample.
        repeats: pairs of samples a count.
        seed: of the samples.

    Returns:
        Columns ``count, measure, value, low, high``: mean and middle 80 %; the kernel distance is multiplied by
        1000, and the Fréchet distance is there once more as `expected_frechet` has it.
    """
    rows: list[tuple[Any, ...]] = []
    for count in counts:
        generator = torch.Generator().manual_seed(seed * 100_003 + count)
        found: dict[str, list[float]] = {"Fréchet": [], "kernel, x 1000": []}
        for _ in range(repeats):
            x, y = (torch.randn(count, dim, generator=generator, dtype=torch.float64) for _ in range(2))
            found["Fréchet"].append(frechet_distance(x, y, floor_splits=0).distance)
            found["kernel, x 1000"].append(1000 * kernel_distance(x, y, subsets=1).whole)
        rows += [(count, name, np.mean(v), *np.quantile(v, [0.1, 0.9])) for name, v in found.items()]
        rows.append((count, "Fréchet, expected", *[expected_frechet(count, count, dim)] * 3))
    return pd.DataFrame(rows, columns=["count", "measure", "value", "low", "high"])


def to_infinity(real: Tensor, made: Tensor, counts: Sequence[int], repeats: int, seed: int) -> pd.DataFrame:
    """Fréchet distances of subsets against one over their size, and the line through them to zero.

    Args:
        real: features ``(n, d)``.
        made: features ``(m, d)``.
        counts: images of each subset, at most ``min(n, m)``.
        repeats: subsets a count.
        seed: of the subsets.

    Returns:
        Columns ``inverse, value, kind`` with kinds ``"measured"`` and ``"line"``; the line's first row is its value at
        infinitely many images.

    Source: Chong and Forsyth 2020.
    """
    generator = torch.Generator().manual_seed(seed)
    rows: list[tuple[Any, ...]] = []
    for count in counts:
        values = []
        for _ in range(repeats):
            parts = (s[torch.randperm(len(s), generator=generator)[:count]] for s in (real, made))
            values.append(frechet_distance(*parts, floor_splits=0).distance)
        rows.append((1 / count, float(np.mean(values)), "measured"))
    slope, start = np.polyfit([row[0] for row in rows], [row[1] for row in rows], 1)
    ends = [0.0, max(row[0] for row in rows)]
    rows += [(end, float(start + slope * end), "line") for end in ends]
    return pd.DataFrame(rows, columns=["inverse", "value", "kind"])


def same_moments(n: int, dim: int, seed: int) -> pd.DataFrame:
    """Densities that agree in mean and covariance and in nothing else, as the distances see them.

    Each coordinate of the other density takes two values only, a rare high one and a frequent low one, of mean 0 and
    variance 1.

    Returns:
        Columns ``against``, ``Fréchet``, ``kernel, x 1000``, one line for a second normal sample and one for the other
        density.
    """
    generator = torch.Generator().manual_seed(seed)
    normal, second = (torch.randn(n, dim, generator=generator, dtype=torch.float64) for _ in range(2))
    rare = 0.1
    high, low = ((1 - rare) / rare) ** 0.5, -((rare / (1 - rare)) ** 0.5)
    two = torch.where(torch.rand(n, dim, generator=generator) < rare, high, low).double()
    rows: list[tuple[Any, ...]] = []
    for name, other in (("another normal sample", second), ("two values a coordinate", two)):
        frechet = frechet_distance(normal, other, floor_splits=0).distance
        rows.append((name, frechet, 1000 * kernel_distance(normal, other, subsets=1).whole))
    return pd.DataFrame(rows, columns=["against", "Fréchet", "kernel, x 1000"])


def generators(n: int, side: int, seed: int) -> dict[str, SurfaceDataset]:
    """Sets that generators of known virtue and vice would make: real images and images derived from them.

    Args:
        n: images of each set.
        side: of the images, in pixels.
        seed: of the surfaces and of what is done to them.

    Returns:
        By name: ``train`` (what a generator learned from), ``held out`` (real images that it never saw), then the sets
        to be judged: ``new and real``, ``copies``, ``one image``, ``blurred``, ``another material``.
    """

    def surfaces(number: int, preset: str = "ksdd2") -> Tensor:
        load = load_dataset("surfaces", "train", size=(side, side), preset=preset, scale=20.0, seed=seed)
        return load.subset(defective=False).images(range(number * n, (number + 1) * n))

    rng = torch.Generator().manual_seed(seed)
    train = surfaces(0)
    noisy = (train + 2 / 255 * torch.randn(train.shape, generator=rng)).clamp(0, 1)
    single = (train[:1] + 2 / 255 * torch.randn(train.shape, generator=rng)).clamp(0, 1)
    blurred = torch.nn.functional.avg_pool2d(surfaces(3), 5, stride=1, padding=2, count_include_pad=False)
    made = {"train": train, "held out": surfaces(1), "new and real": surfaces(2), "copies": noisy, "one image": single,
            "blurred": blurred, "another material": surfaces(0, "aluminium")}  # fmt: skip
    return {name: held(images, name) for name, images in made.items()}


def held(images: Tensor, name: str) -> SurfaceDataset:
    """Images ``(n, 3, H, W)`` in [0, 1] as a data set of normal images."""
    records = [Record(f"{name}/{i}", 0) for i in range(len(images))]

    def read(record: Record) -> Sample:
        return Sample(images[int(record.id.rsplit("/", 1)[1])], None, 0)

    return MappedDataset(read, name, "all", records, tuple(images.shape[2:]))


def features_of(sets: Mapping[str, SurfaceDataset], weights: str) -> dict[str, Tensor]:
    """Features of each set, float64 ``(n, d)``, by the frozen encoder of the laptop's classifier."""
    size = next(iter(sets.values())).size
    config = ClassifierConfig(backbone="auto", weights=weights, size=size)
    return {name: embed(images, config, STRIDE, "cpu").double() for name, images in sets.items()}


def judge_sets(features: Mapping[str, Tensor]) -> pd.DataFrame:
    """What four measures say of each set to be judged.

    Args:
        features: of `generators`: ``train``, ``held out`` and the sets.

    Returns:
        Columns ``set``; ``Fréchet`` and ``kernel, x 1000``, to the training images; ``nearest`` (median distance to the
        nearest training image, over that image's own nearest distance); ``diversity`` (mean distance of two images,
        over that of the training images).
    """
    train, unseen = features["train"], features["held out"]
    own = mean_pairwise_distance(train)
    rows: list[tuple[Any, ...]] = []
    for name, made in features.items():
        if name in ("train", "held out"):
            continue
        near = memorisation(train, made, held_out=unseen)
        rows.append((
            name,
            frechet_distance(train, made, floor_splits=0).distance,
            1000 * kernel_distance(train, made, subsets=1).whole,
            near.median_ratio,
            mean_pairwise_distance(made) / own,
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=["set", "Fréchet", "kernel, x 1000", "nearest", "diversity"])


def nearest_ratios(features: Mapping[str, Tensor], names: Sequence[str]) -> pd.DataFrame:
    """Cumulative share of images by how near they lie to a training image: columns ``ratio, share, set``."""
    frames = []
    for name in names:
        ratios = np.sort(memorisation(features["train"], features[name], held_out=features["held out"]).ratios)
        frames.append(
            pd.DataFrame({"ratio": ratios, "share": np.arange(1, len(ratios) + 1) / len(ratios), "set": name})
        )
    return pd.concat(frames, ignore_index=True)
