"""The types that every experiment speaks: a `Sample`, the `Record` that locates it, a `SurfaceDataset` of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

GOOD = "good"


@dataclass(frozen=True)
class Record:
    """What is known of one image without reading it.

    Attributes:
        id: name that is unique in the data set and stable between runs.
        label: 0 normal, 1 defective.
        defect: class of the defect, ``"good"`` for a normal image.
        group: images of one physical object share it; a split never parts a group.
        path: file the image comes from, or a description such as ``surfaces/3``.
        mask_path: file the mask comes from, or ``None``.
    """

    id: str
    label: int
    defect: str = GOOD
    group: str = ""
    path: str = ""
    mask_path: str | None = None


@dataclass(frozen=True)
class Sample:
    """One image with everything that is known of it.

    Attributes:
        image: float32, shape ``(3, H, W)``, values in [0, 1].
        mask: bool, shape ``(1, H, W)``, true on the defect; all false for a normal image; ``None`` where the
            defect was never located (absent is not empty).
        label: 0 normal, 1 defective.
        defect: class of the defect, ``"good"`` for a normal image.
        group: images of one physical object share it; a split never parts a group.
        path: file the image comes from, or a description.
    """

    image: Tensor
    mask: Tensor | None
    label: int
    defect: str = GOOD
    group: str = ""
    path: str = ""


class SurfaceDataset(Dataset[Sample]):
    """Images of surfaces in a stable order.

    A subclass gives `read`; everything else follows from the records.

    Args:
        name: name in the registry.
        split: ``"train"``, ``"test"`` or ``"all"``.
        records: one an image, in the order of the data set.
        size: ``(height, width)`` that every image is brought to, or ``None`` for the size of the file.
        licence: terms of the images.
    """

    def __init__(
        self,
        name: str,
        split: str,
        records: Sequence[Record],
        size: tuple[int, int] | None = None,
        licence: str = "",
    ) -> None:
        self.name = name
        self.split = split
        self.records = tuple(records)
        self.size = size
        self.licence = licence

    @abstractmethod
    def read(self, record: Record) -> Sample:
        """The sample of one record, at ``self.size``."""

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        return self.read(self.records[index])

    @property
    def labels(self) -> np.ndarray:
        """Image labels, int64, shape ``(n,)``, without reading an image."""
        return np.array([record.label for record in self.records], dtype=np.int64)

    @property
    def groups(self) -> np.ndarray:
        """Group of each image, shape ``(n,)``."""
        return np.array([record.group for record in self.records], dtype=object)

    @property
    def defects(self) -> tuple[str, ...]:
        """Defect classes present, sorted, without ``"good"``."""
        return tuple(sorted({record.defect for record in self.records if record.label}))

    def subset(
        self,
        *,
        normal: bool = True,
        defective: bool = True,
        groups: Iterable[str] | None = None,
        defects: Iterable[str] | None = None,
        indices: Iterable[int] | None = None,
    ) -> Self:
        """The same data set with fewer records; all conditions hold at once, the order stays.

        Args:
            normal: keep normal images.
            defective: keep defective images.
            groups: keep these groups only.
            defects: keep defective images of these classes only (normal images are not touched).
            indices: keep these positions only.
        """
        chosen = range(len(self)) if indices is None else sorted(indices)
        wanted_groups = None if groups is None else set(groups)
        wanted_defects = None if defects is None else set(defects)

        def keep(record: Record) -> bool:
            return (
                (defective if record.label else normal)
                and (wanted_groups is None or record.group in wanted_groups)
                and (wanted_defects is None or not record.label or record.defect in wanted_defects)
            )

        return self._with([i for i in chosen if keep(self.records[i])])

    def _with(self, indices: Sequence[int]) -> Self:
        other = copy(self)
        other.records = tuple(self.records[i] for i in indices)
        return other

    def images(self, indices: Iterable[int] | None = None) -> Tensor:
        """Images stacked, float32 ``(n, 3, H, W)`` in [0, 1]; ``size`` must be set where files differ in size."""
        chosen = range(len(self)) if indices is None else indices
        return torch.stack([self[i].image for i in chosen])


class MappedDataset(SurfaceDataset):
    """A data set whose samples come from a function of the record (procedural or in-memory sets).

    Args:
        reader: gives the sample of a record.
        arguments: as in `SurfaceDataset`.
        options: as in `SurfaceDataset`.
    """

    def __init__(self, reader: Callable[[Record], Sample], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.reader = reader

    def read(self, record: Record) -> Sample:
        """The sample of one record."""
        return self.reader(record)
