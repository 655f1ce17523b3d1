"""Images of a data set in memory at one size, so that many trainings do not read or draw them again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from defectlab.data.base import Record, Sample, SurfaceDataset
from defectlab.detection.inputs import images


class HeldImages(SurfaceDataset):
    """The images of another data set in memory, in eight bits; masks are left out.

    Args:
        dataset: what is read, once.
        size: side in pixels that images are brought to.

    Raises:
        ValueError: if the data set is empty.
    """

    def __init__(self, dataset: SurfaceDataset, size: int) -> None:
        if not len(dataset):
            raise ValueError(f"data set {dataset.name!r} ({dataset.split}) is empty")
        super().__init__(dataset.name, dataset.split, dataset.records, (size, size), dataset.licence)
        self._pixels = torch.stack(list(images(dataset, (size, size))))
        self._position = {record.id: i for i, record in enumerate(self.records)}

    def read(self, record: Record) -> Sample:
        """The sample of one record, without its mask."""
        image = self._pixels[self._position[record.id]].float() / 255
        return Sample(image, None, record.label, record.defect, record.group, record.path)

    @property
    def pixels(self) -> Tensor:
        """All images, uint8 ``(n, 3, size, size)``."""
        return self._pixels[[self._position[record.id] for record in self.records]]

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits of images and classes, in order."""
        found = hashlib.sha256(repr([(record.defect, record.group) for record in self.records]).encode())
        found.update(self.pixels.numpy().tobytes())
        return found.hexdigest()[:12]

    def _with(self, indices: Sequence[int]) -> Self:
        other = super()._with(indices)
        chosen = [self._position[record.id] for record in other.records]
        other._pixels = self._pixels[chosen]  # what is left out is let go
        other._position = {record.id: i for i, record in enumerate(other.records)}
        other.__dict__.pop("digest", None)
        return other
