"""Triplets (I, A, M): a normal image, the same with a synthetic defect, and where that is (section 3.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from defectlab.data.base import Record, SurfaceDataset
from defectlab.data.combine import JoinedDataset
from defectlab.data.images import resize_mask
from defectlab.detection.scoring import to_size
from defectlab.synthesis.base import Synthesizer, SyntheticSet

Triplet = tuple[Tensor, Tensor, Tensor]
"""I and A, float32 ``(3, H, W)`` in [0, 1], and M, bool ``(1, H, W)``."""


class TripletSource(Sized, Protocol):
    """Any data set of triplets."""

    def __getitem__(self, index: int) -> Triplet:
        """One triplet."""
        ...


class PairedDataset(Dataset[Triplet]):
    """The synthetic images of a training set with the normal images that they were made from.

    Args:
        train: normal images and synthetic ones, from `defectlab.data.combine.concatenate`.

    Raises:
        ValueError: if there is no synthetic image, a defective image is not synthetic, its record names no source, or
            the source is not among the normal images.
    """

    def __init__(self, train: SurfaceDataset) -> None:
        self.train = train
        normals: dict[str, set[int]] = {}
        for i, record in enumerate(train.records):
            for _, part in () if record.label else _origins(train, record):
                normals.setdefault(part.id, set()).add(i)
        self.pairs = [(_find(train, r, normals), i) for i, r in enumerate(train.records) if r.label]
        if not self.pairs:
            raise ValueError(
                f"student-teacher learns from triplets, but {train.name!r} holds {len(train)} normal images and no "
                "synthetic defect: give a synthesizer, or concatenate(normals, synthetic)"
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Triplet:
        clean, anomalous = (self.train[i] for i in self.pairs[index])
        if anomalous.mask is None:
            raise ValueError(f"{anomalous.path!r} of {self.train.name!r} has no mask: triplets need one")
        if clean.image.shape != anomalous.image.shape:
            raise ValueError(
                f"{anomalous.path!r} is {tuple(anomalous.image.shape[1:])} in size and its normal image "
                f"{tuple(clean.image.shape[1:])}: load the normal images at the size of the synthetic ones"
            )
        return clean.image, anomalous.image, anomalous.mask


@dataclass(frozen=True)
class Triplets:
    """Triplets of one size in memory.

    Attributes:
        normal: I, uint8, shape ``(n, 3, H, W)``.
        anomalous: A, likewise.
        mask: M, bool, shape ``(n, 1, H, W)``.
        digest: of all of it, so that a resume notices other images.
    """

    normal: Tensor
    anomalous: Tensor
    mask: Tensor
    digest: str

    def __len__(self) -> int:
        return len(self.normal)


def gather(source: TripletSource, size: tuple[int, int]) -> Triplets:
    """Reads triplets into memory at one size; masks by area maximum, so that a defect of one pixel stays.

    Raises:
        ValueError: if there is none.
    """
    n, digest = len(source), hashlib.sha256()
    if not n:
        raise ValueError("student-teacher learns from triplets, got none")
    normal, anomalous = (torch.empty((n, 3, *size), dtype=torch.uint8) for _ in range(2))
    mask = torch.empty((n, 1, *size), dtype=torch.bool)
    for i in range(n):
        clean, seen, where = source[i]
        normal[i], anomalous[i] = to_size(clean, size), to_size(seen, size)
        mask[i, 0] = torch.from_numpy(resize_mask(where[0].numpy(), size))
        for part in (normal[i], anomalous[i], mask[i]):
            digest.update(part.numpy().tobytes())
    return Triplets(normal, anomalous, mask, digest.hexdigest())


def with_synthetic(
    train: SurfaceDataset, synthesizer: Synthesizer | None, n: int | None, seed: int, folder: Path | None
) -> SurfaceDataset:
    """The training set as it is, or its normal images with synthetic ones made from them.

    Args:
        train: holds the synthetic images where there is no synthesizer; otherwise its real defects are left aside.
        synthesizer: ``None``: nothing is made.
        n: how many; ``None``: as many as there are normal images.
        seed: of the synthetic images.
        folder: they are kept in its ``synthetic/``; ``None``: in memory.

    Raises:
        ValueError: if there is no normal image to make defects from.
    """
    if synthesizer is None:
        return train
    normals = train.subset(defective=False)
    if not len(normals):
        raise ValueError(f"{train.name!r} holds no normal image to make defects from")
    out = None if folder is None else folder / "synthetic"
    synthetic = synthesizer.fit(normals).synthesize(normals, len(normals) if n is None else n, seed, out)
    return JoinedDataset(normals, synthetic)  # unlike `concatenate`, for sizes are compared image by image


def _origins(dataset: SurfaceDataset, record: Record) -> list[tuple[SurfaceDataset, Record]]:
    """The record, and what it was in the data sets that were joined, the innermost last."""
    chain = [(dataset, record)]
    while isinstance(dataset, JoinedDataset):
        dataset, record = dataset.origins[record.id]
        chain.append((dataset, record))
    return chain


def _find(train: SurfaceDataset, record: Record, normals: dict[str, set[int]]) -> int:
    """Position of the normal image that a synthetic one was made from."""
    dataset, original = _origins(train, record)[-1]
    if not isinstance(dataset, SyntheticSet):
        raise ValueError(
            f"{record.id!r} of {train.name!r} is a real defect: student-teacher learns from normal images and "
            "synthetic defects alone, take train.subset(defective=False)"
        )
    source = dataset.item(original).record.get("source")
    found = normals.get(str(source), set())
    if len(found) != 1:
        what = f"is the name of {len(found)} of" if found else "is not among"
        raise ValueError(
            f"{record.id!r} of {train.name!r} was made from {source!r}, which {what} its {len(normals)} normal images: "
            "make the synthetic images from the normal images that they are joined with"
        )
    return next(iter(found))
