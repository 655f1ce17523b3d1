"""`Synthesizer`, what turns normal images into defective ones, and `SyntheticSet`, what comes out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from defectlab.data.base import GOOD, Record, Sample, SurfaceDataset


@dataclass(frozen=True)
class Synthetic:
    """One synthetic image on its way to the set.

    Attributes:
        image: uint8, shape ``(H, W, 3)``.
        mask: bool, shape ``(H, W)``, the pixels that are labelled defective; ``None`` where the method gives none.
        record: how it was made: method, seed, index, source image, mask id, prompt, strength, ... (flat, printable).
    """

    image: np.ndarray
    mask: np.ndarray | None
    record: dict[str, Any]


class SyntheticSet(SurfaceDataset):
    """Synthetic defective images, their masks and one record an image; itself a `SurfaceDataset`.

    An image whose record says that its ``defect`` is ``"good"`` is a normal one; any other is defective.

    Args:
        items: the synthetic images, in order; images of one set share a size.
        name: what the set is called in tables.
    """

    def __init__(self, items: Sequence[Synthetic], name: str = "synthetic") -> None:
        self.items = tuple(items)
        defects = [str(item.record.get("defect", "synthetic")) for item in self.items]
        records = [
            Record(place := f"{name}/{i:06d}", int(defect != GOOD), defect, path=place)
            for i, defect in enumerate(defects)
        ]
        size = self.items[0].image.shape[:2] if self.items else None
        super().__init__(name, "train", records, size)
        self._position = {record.id: i for i, record in enumerate(records)}

    def read(self, record: Record) -> Sample:
        """The sample of one record."""
        item = self.item(record)
        image = torch.from_numpy(item.image).permute(2, 0, 1).float().div(255)
        where = item.mask  # asked for once: it may have to be read
        mask = None if where is None else torch.from_numpy(where)[None]
        return Sample(image, mask, record.label, record.defect, record.group, record.path)

    def item(self, record: Record) -> Synthetic:
        """Image, mask and record as they were made."""
        return self.items[self._position[record.id]]

    def _with(self, indices: Sequence[int]) -> Self:
        return type(self)([self.items[i] for i in indices], self.name)

    def __add__(self, other: SyntheticSet) -> SyntheticSet:  # type: ignore[override]  # torch would forget the masks
        """Both sets, one behind the other: In&Out is ``diffusion[: n // 2] + memseg[: n // 2]``."""
        return SyntheticSet(self.items + other.items, f"{self.name}+{other.name}")


class Synthesizer(ABC):
    """Makes defective images from normal ones.

    Image ``i`` of a set depends on ``(seed, i)`` alone: not on the batch size, not on how many images are asked
    for, not on a resume.

    Attributes:
        name: short name of the method, as in `defectlab.report.identity`.
    """

    name: str = "synthesizer"

    def fit(self, dataset: SurfaceDataset) -> Self:
        """Learns from a data set where the method learns; a training-free method returns at once."""
        return self

    @abstractmethod
    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Makes ``n`` defective images.

        Args:
            normals: normal images of one size.
            n: how many images, at least 1.
            seed: seed of the whole set.
            out: folder that each image is written to as soon as it is made; a second call goes on where the
                first stopped. ``None`` keeps everything in memory.
        """
