"""Experiments in which nothing can be learned and yet something is found: what leaks are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict

from defectlab.data import SurfaceDataset, load_dataset
from defectlab.data.duplicates import signature
from defectlab.data.splits import grouped_split
from defectlab.evaluation import auroc, average_precision
from defectlab.evaluation.memorisation import nearest_distances
from defectlab.experiments.looking import mask_shape
from defectlab.experiments.measuring import simulate_scores, true_average_precision
from defectlab.synthesis.lines import BlobMasks, LineMasks
from defectlab.synthesis.masks import MaskSource, PerlinMasks

SIDE = 64
SHAPE = ["area", "elongation", "regions", "across", "down"]


@dataclass(frozen=True)
class Photographs:
    """Photographs of parts whose labels were drawn by a coin: there is nothing to learn.

    Attributes:
        images: uint8 ``(n, SIDE, SIDE, 3)``.
        signatures: fine structure of each, float32 ``(n, d)``.
        labels: 0 or 1, the same for all photographs of a part.
        parts: number of the part of each.
    """

    images: np.ndarray
    signatures: np.ndarray
    labels: np.ndarray
    parts: np.ndarray


def photograph(n_parts: int, n_photos: int, seed: int) -> Photographs:
    """Normal surfaces, each photographed several times: shifted, brighter or darker, with fresh noise.

    Every other part, in random order, is called defective.
    """
    rng = np.random.default_rng(seed)
    scale = 1.01 * n_parts / 2085
    normals = load_dataset("surfaces", "train", size=(SIDE + 8, SIDE + 8), scale=scale, seed=seed).subset(
        defective=False
    )
    called = rng.permutation(np.arange(n_parts) % 2)
    images: list[np.ndarray] = []
    labels: list[int] = []
    parts: list[int] = []
    for part in range(n_parts):
        whole = (normals[part].image * 255).permute(1, 2, 0).numpy()
        for _ in range(n_photos):
            images.append(_exposure(whole, rng))
            labels.append(called[part])
            parts.append(part)
    signatures = np.stack([signature(image) for image in images])
    return Photographs(np.stack(images), signatures, np.array(labels), np.array(parts))


def recognise(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Scores of a detector that only remembers: likeness to the nearest defective image, less that to a normal one.

    Args:
        train: signatures of training images, ``(n, d)``.
        labels: theirs, both present.
        test: signatures of test images, ``(m, d)``.
    """
    likeness = test @ train.T
    return likeness[:, labels == 1].max(1) - likeness[:, labels == 0].max(1)


def split_two_ways(photos: Photographs, repeats: int, seed: int) -> pd.DataFrame:
    """AP of `recognise` where the test part is drawn photograph by photograph, and part by part.

    Returns:
        Columns ``split, repeat, AP``; the truth is one half, the base rate.
    """
    rows: list[tuple[Any, ...]] = []
    classes, parts = [str(label) for label in photos.labels], [str(part) for part in photos.parts]
    own = [str(number) for number in range(len(classes))]
    for repeat in range(repeats):
        for name, groups in (("by photograph", own), ("by part", parts)):
            test = grouped_split(classes, groups, 0.3, seed + repeat)
            scores = recognise(photos.signatures[~test], photos.labels[~test], photos.signatures[test])
            rows.append((name, repeat, average_precision(photos.labels[test], scores)))
    return pd.DataFrame(rows, columns=["split", "repeat", "AP"])


def copies_dose(photos: Photographs, shares: Sequence[float], repeats: int, seed: int) -> pd.DataFrame:
    """AP of `recognise`, split by part, when a share of the test images is copied into training.

    Returns:
        Columns ``share, kind, AP``: measured means, and what `ap_with_copies` predicts.
    """
    rows: list[tuple[float, str, float]] = []
    classes, groups = [str(label) for label in photos.labels], [str(part) for part in photos.parts]
    for share in shares:
        found = []
        for repeat in range(repeats):
            test = grouped_split(classes, groups, 0.3, seed + repeat)
            rng = np.random.default_rng((seed, repeat))
            leaked = rng.permutation(np.flatnonzero(test))[: round(share * test.sum())]
            train = np.concatenate([np.flatnonzero(~test), leaked])
            scores = recognise(photos.signatures[train], photos.labels[train], photos.signatures[test])
            found.append(average_precision(photos.labels[test], scores))
        rows.append((share, "measured", float(np.mean(found))))
        rows.append((share, "predicted", ap_with_copies(share, 0.5)))
    return pd.DataFrame(rows, columns=["share", "kind", "AP"])


def ap_with_copies(share: float, base_rate: float) -> float:
    """AP of a detector that recognises a share of the test images, both kinds, and knows nothing of the others.

    Recognised defective images come first, recognised normal ones last, all others between them in random order.

    Args:
        share: of the test images that it recognises, in [0, 1].
        base_rate: share of defective test images, in (0, 1).
    """
    recall = (np.arange(20_000) + 0.5) / 20_000
    beyond = np.clip((recall - share) / max(1 - share, 1e-12), 0, 1)  # of the unknown images flagged so far
    false_alarms = (1 - share) * beyond * (1 - base_rate)
    return float(np.mean(base_rate * recall / (base_rate * recall + false_alarms)))  # Eq. copies


def best_of_many(
    counts: Sequence[int], n_positive: int, n_negative: int, separation: float, repeats: int, seed: int
) -> pd.DataFrame:
    """AP of the best of several equally good detectors, chosen on the test images.

    Args:
        counts: of detectors (or epochs, or settings) to choose from, one after the other.
        n_positive: defective test images.
        n_negative: normal test images.
        separation: of all detectors alike.
        repeats: simulations a count.
        seed: of the simulations.

    Returns:
        Columns ``count, kind, AP``: the mean AP that is reported, the bound of Eq. (many), and the truth.
    """
    rng = np.random.default_rng(seed)
    most = max(counts)
    drawn = np.array([
        [average_precision(*simulate_scores(rng, n_positive, n_negative, separation)) for _ in range(most)]
        for _ in range(repeats)
    ])  # fmt: skip
    truth = true_average_precision(separation, n_positive / (n_positive + n_negative))
    spread = float(drawn.std())
    rows: list[tuple[Any, ...]] = []
    for count in counts:
        rows.append((count, "reported", float(drawn[:, :count].max(1).mean())))
        rows.append((count, "bound", float(drawn.mean()) + chosen_from(count, spread)))
        rows.append((count, "truth", truth))
    return pd.DataFrame(rows, columns=["count", "kind", "AP"])


def chosen_from(count: int, spread: float) -> float:
    """The most that the best of ``count`` normal draws of deviation ``spread`` exceeds their mean by, on average."""
    return spread * math.sqrt(2 * math.log(count))  # Eq. many


def mask_sources(n: int, size: tuple[int, int], seed: int) -> pd.DataFrame:
    """Shapes of masks by source: real ones of test and training, and three sources that saw no real defect.

    Args:
        n: masks of each source.
        size: ``(height, width)`` of the images.
        seed: of the surfaces and of the masks that are drawn.

    Returns:
        Columns ``source`` and those of `SHAPE`.
    """
    rows: list[dict[str, Any]] = []
    for split, name in (("test", "real, test"), ("train", "real, training")):
        scale = 1.01 * n / (110 if split == "test" else 246)
        real = load_dataset("surfaces", split, size=size, scale=scale, seed=seed).subset(normal=False)
        rows += [{"source": name, **mask_shape(mask)} for mask in _masks(real, n)]
    sources: dict[str, MaskSource] = {"lines": LineMasks(), "blobs": BlobMasks(), "Perlin": PerlinMasks()}
    for number, (name, source) in enumerate(sources.items()):
        rng = np.random.default_rng((seed, number))
        rows += [{"source": name, **mask_shape(source.draw(rng, *size)[0])} for _ in range(n)]
    return pd.DataFrame(rows)


def tell_apart(shapes: pd.DataFrame, reference: str, seed: int) -> pd.DataFrame:
    """How well a forest tells the masks of each source from those of the reference, by shape and place alone.

    Args:
        shapes: as `mask_sources` gives them.
        reference: source to compare with.
        seed: of the forest.

    Returns:
        Columns ``source, AUROC``, cross-validated: one half where the two are alike, 1 where they share nothing.
    """
    rows: list[tuple[Any, ...]] = []
    ours = shapes[shapes["source"] == reference]
    for name in shapes["source"].unique():
        if name == reference:
            continue
        both = pd.concat([ours, shapes[shapes["source"] == name]])
        labels = (both["source"] == name).to_numpy().astype(int)
        forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=3, random_state=seed)
        told = cross_val_predict(forest, both[SHAPE].to_numpy(), labels, cv=3, method="predict_proba")[:, 1]
        rows.append((name, auroc(labels, told)))
    return pd.DataFrame(rows, columns=["source", "AUROC"])


def audit_neighbours(photos: Photographs, seed: int) -> pd.DataFrame:
    """Who a generator's images resemble, for three generators of which one is honest.

    Parts are divided into four: training, test, control and new ones. The honest generator makes images of new parts;
    one repeats its training images, brighter and noisier; one repeats the *test* images, as it may if they were in what
    it was pretrained on.

    Args:
        photos: of at least 8 parts.
        seed: of the division and of the noise.

    Returns:
        Columns ``generator``, then the probability that an image of it lies nearer to the training set, and to the test
        set, than a real image of the control does: about one half where it resembles them no more.
    """
    rng = np.random.default_rng(seed)
    quarters = np.array_split(rng.permutation(np.unique(photos.parts)), 4)
    train, test, control, new = (np.flatnonzero(np.isin(photos.parts, quarter)) for quarter in quarters)
    made = {
        "new images": photos.signatures[new],
        "repeats training": np.stack([signature(_again(photos.images[i], rng)) for i in train]),
        "repeats test": np.stack([signature(_again(photos.images[i], rng)) for i in test]),
    }
    near = {"nearer to training": train, "nearer to test": test}
    rows = []
    for name, samples in made.items():
        found = {
            what: nearest_distances(
                torch.from_numpy(samples),
                torch.from_numpy(photos.signatures[real]),
                torch.from_numpy(photos.signatures[control]),
            ).closer_than_real
            for what, real in near.items()
        }
        rows.append({"generator": name, **found})
    return pd.DataFrame(rows)


def _again(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An image that was repeated: brighter or darker, with a little fresh noise."""
    noisy = image * rng.uniform(0.85, 1.15) + rng.normal(0, 4, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _exposure(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    down, across = rng.integers(0, 3, 2)
    cut = whole[down : down + SIDE, across : across + SIDE]
    exposed = cut * rng.uniform(0.9, 1.1) + rng.normal(0, 3, cut.shape)
    return np.clip(exposed, 0, 255).round().astype(np.uint8)


def _masks(dataset: SurfaceDataset, n: int) -> list[np.ndarray]:
    masks = []
    for i in range(min(n, len(dataset))):
        mask: torch.Tensor | None = dataset[i].mask
        if mask is not None and mask.any():
            masks.append(mask[0].numpy())
    return masks
