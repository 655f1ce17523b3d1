"""What a look at the data can find before any model is trained: counts, masks, contrast, cheap detectors, copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from defectlab.data import SurfaceDataset, load_dataset
from defectlab.data.duplicates import Imprint, find_duplicates, signature
from defectlab.data.images import resize_mask
from defectlab.evaluation import auroc, average_precision
from defectlab.experiments.surfaces_parameters import SurfacesParameters

RING = 9  # pixels around a defect that it is compared with


@dataclass(frozen=True)
class Seen:
    """Images of one split in memory.

    Attributes:
        whole: the split, not read.
        dataset: the part that was read.
        images: uint8 ``(n, H, W, 3)``.
        masks: bool ``(H, W)`` each; ``None`` where the defect was never located.
    """

    whole: SurfaceDataset
    dataset: SurfaceDataset
    images: np.ndarray
    masks: tuple[np.ndarray | None, ...]

    @property
    def labels(self) -> np.ndarray:
        """0 or 1 an image, int64 ``(n,)``."""
        return self.dataset.labels


def look_at_splits(params: SurfacesParameters) -> dict[str, Seen]:
    """Training and test split, a random part of each read."""
    seen = {}
    for number, split in enumerate(("train", "test")):
        options = {"scale": 1.0, "seed": params.seed} if params.dataset == "surfaces" else {}
        whole = load_dataset(params.dataset, split, params.data_root or None, params.size, **options)
        rng = np.random.default_rng((params.seed, number))
        chosen: list[int] = []
        for label, count in ((0, params.n_normal), (1, params.n_defective)):
            places = np.flatnonzero(whole.labels == label)
            chosen += rng.permutation(places)[:count].tolist()
        seen[split] = read(whole, chosen)
    return seen


def read(whole: SurfaceDataset, chosen: Sequence[int]) -> Seen:
    """Some images of a split, in the order of the split."""
    part = whole.subset(indices=chosen)
    samples = [part[i] for i in range(len(part))]
    pixels = [(sample.image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy() for sample in samples]
    masks = tuple(None if sample.mask is None else sample.mask[0].numpy() for sample in samples)
    return Seen(whole, part, np.stack(pixels), masks)


def counts(seen: Mapping[str, Seen]) -> pd.DataFrame:
    """Images of the whole splits by class of defect, and the share of defective ones."""
    rows: list[dict[str, Any]] = []
    for name, split in seen.items():
        labels = split.whole.labels
        by_class = (
            pd.Series([record.defect for record in split.whole.records if record.label]).value_counts().sort_index()
        )
        shared = {"split": name, "normal": int((labels == 0).sum()), "defective": int(labels.sum())}
        kinds = {str(kind): int(count) for kind, count in by_class.items()}
        rows.append({**shared, "base rate": round(float(labels.mean()), 3), **kinds})
    return pd.DataFrame(rows)


def batches_without_defect(base_rate: float, batch_sizes: Sequence[int]) -> pd.DataFrame:
    """Chance that a batch holds no defective image: columns ``batch_size, chance``."""
    chance = [(1 - base_rate) ** size for size in batch_sizes]  # Eq. empty batch
    return pd.DataFrame({"batch_size": list(batch_sizes), "chance": chance})


def measure_masks(seen: Seen) -> pd.DataFrame:
    """One line a located defect.

    Returns:
        Columns ``id, defect, area`` (share of the image), ``regions``, ``elongation`` (long side over short side of the
        smallest box around the largest region, in any direction), ``across`` and ``down`` (middle, share of the
        sides), ``contrast`` (difference of mean grey between the defect and a ring around it, over the deviation
        inside the ring).
    """
    rows: list[dict[str, Any]] = []
    for record, image, mask in zip(seen.dataset.records, seen.images, seen.masks, strict=True):
        if record.label and mask is not None and mask.any():
            rows.append(
                {"id": record.id, "defect": record.defect, **mask_shape(mask), "contrast": _contrast(image, mask)}
            )
    return pd.DataFrame(rows)


def cumulative(frame: pd.DataFrame, column: str, by: str) -> pd.DataFrame:
    """Share of the rows at or below each value, by class: columns ``column, share, by``."""
    parts = []
    for name, rows in frame.groupby(by, sort=True):
        values = np.sort(rows[column].to_numpy())
        parts.append(pd.DataFrame({column: values, "share": np.arange(1, len(values) + 1) / len(values), by: name}))
    return pd.concat(parts, ignore_index=True)


def lost_masks(seen: Seen, factors: Sequence[int]) -> pd.DataFrame:
    """Share of the defects whose mask has no pixel left after shrinking, by way of shrinking.

    Args:
        seen: a split.
        factors: how many times smaller.

    Returns:
        Columns ``factor, resampling, lost``.
    """
    masks = [mask for mask in seen.masks if mask is not None and mask.any()]
    rows: list[tuple[Any, ...]] = []
    for factor in factors:
        for name, shrink in SHRINKS.items():
            lost = [not shrink(mask, factor).any() for mask in masks]
            rows.append((factor, name, float(np.mean(lost))))
    return pd.DataFrame(rows, columns=["factor", "resampling", "lost"])


def cheap_detectors(seen: Seen) -> pd.DataFrame:
    """AP and AUROC of detectors that a data set should defeat: one number of the whole image, in the better direction.

    A high value means that the labels can be told without looking for a defect.
    """
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in seen.images]).astype(np.float64)
    flat = grey.reshape(len(grey), -1)
    scores = {
        "mean grey level": flat.mean(1),
        "deviation of grey levels": flat.std(1),
        "darkest hundredth": -np.quantile(flat, 0.01, axis=1),
        "brightest hundredth": np.quantile(flat, 0.99, axis=1),
        "mean gradient": np.array([np.hypot(*np.gradient(image)).mean() for image in grey]),
    }
    rows: list[tuple[Any, ...]] = []
    for name, score in scores.items():
        score = score if auroc(seen.labels, score) >= 0.5 else -score
        rows.append((name, average_precision(seen.labels, score), auroc(seen.labels, score)))
    rows.append(("constant", float(seen.labels.mean()), 0.5))
    return pd.DataFrame(rows, columns=["score", "AP", "AUROC"])


def mean_mask(seen: Seen) -> np.ndarray:
    """Where defects lie: how often each pixel is part of one, brightest where most often; uint8 ``(H, W, 3)``."""
    share = np.mean([mask for mask in seen.masks if mask is not None and mask.any()], axis=0)
    level = (255 * share / share.max()).round().astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def plant_copies(seen: Mapping[str, Seen], n: int, seed: int) -> list[Imprint]:
    """Imprints of both splits, with ``n`` training images smuggled into the test split, brighter and noisier.

    A copy keeps the name of its original, with ``(copy)`` behind it.
    """
    rng = np.random.default_rng(seed)
    found = [_imprint(name, record.id, record.group, image) for name, split in seen.items()
             for record, image in zip(split.dataset.records, split.images, strict=True)]  # fmt: skip
    train = seen["train"]
    for i in rng.permutation(len(train.images))[:n]:
        record = train.dataset.records[int(i)]
        changed = train.images[i].astype(np.float64) * 1.08 + rng.normal(0, 2, train.images[i].shape)
        copy = np.clip(changed, 0, 255).astype(np.uint8)
        found.append(_imprint("test", f"{record.id} (copy)", record.group, copy))
    return found


def copies_table(imprints: Sequence[Imprint]) -> pd.DataFrame:
    """Sets of near-identical images, one line each."""
    rows: list[tuple[Any, ...]] = []
    for found in find_duplicates(imprints):
        names = ", ".join(member.path for member in found.members)
        rows.append((found.kind, " and ".join(found.splits), names, found.correlation))
    return pd.DataFrame(rows, columns=["kind", "splits", "images", "correlation"])


def mask_shape(mask: np.ndarray) -> dict[str, float]:
    """Area, number of regions, elongation and place of a mask; see `measure_masks`."""
    number, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels == largest)
    sides = cv2.minAreaRect(np.stack([columns, rows], axis=1).astype(np.float32))[1]
    long, short = max(sides) + 1, min(sides) + 1  # a box around pixel centres lacks half a pixel on each side
    down, across = np.argwhere(mask).mean(0) / mask.shape
    return {
        "area": float(mask.mean()),
        "regions": number - 1,
        "elongation": long / short,
        "across": across,
        "down": down,
    }


def _contrast(image: np.ndarray, mask: np.ndarray) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * RING + 1,) * 2, np.uint8)) > 0
    ring = near & ~mask
    if not ring.any():
        return float("nan")
    return float((grey[mask].mean() - grey[ring].mean()) / max(grey[ring].std(), 1e-6))


def _nearest(mask: np.ndarray, factor: int) -> np.ndarray:
    return mask[factor // 2 :: factor, factor // 2 :: factor]


def _average(mask: np.ndarray, factor: int) -> np.ndarray:
    height, width = (side // factor for side in mask.shape)
    small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return small > 0.5


def _truncated(mask: np.ndarray, factor: int) -> np.ndarray:
    height, width = (side // factor for side in mask.shape)
    small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return small.astype(np.int64) > 0  # written into whole numbers: all that is below one becomes zero


def _maximum(mask: np.ndarray, factor: int) -> np.ndarray:
    return resize_mask(mask, (mask.shape[0] // factor, mask.shape[1] // factor))


SHRINKS = {
    "nearest": _nearest,
    "average above one half": _average,
    "bilinear, truncated": _truncated,
    "area maximum": _maximum,
}
"""Ways to make a mask smaller by a whole factor."""


def _imprint(split: str, name: str, group: str, image: np.ndarray) -> Imprint:
    return Imprint(name, name, signature(image), split, group)  # images in memory have no bytes: their name stands in
