"""Real images by class, for training and for testing: aluminium, magnetic tiles, or class folders of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from defectlab.data import SurfaceDataset, load_dataset
from defectlab.data.class_folders import class_name
from defectlab.data.files import FileDataset, require_readable
from defectlab.report.tables import ReportTable
from defectlab.synthesis.diffusion.classes import require_classes

DATASETS = ("aluminium", "magnetic_tile", "class_folders")
LEAST = 2
"""Images that a class needs on each side: fewer say nothing of what the class has in common."""


@dataclass(frozen=True)
class ClassSplits:
    """Real images of the same classes.

    Attributes:
        train: what generators and encoders learn from.
        test: touched once a training, for its results; shares no group with ``train``.
    """

    train: SurfaceDataset
    test: SurfaceDataset

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes, sorted, normal images last."""
        return classes_in(self.train)

    def table(self) -> ReportTable:
        """Images by part and class."""
        parts = {"train": self.train, "test": self.test}
        counts = {name: pd.Series([record.defect for record in part.records]) for name, part in parts.items()}
        table = pd.DataFrame({name: column.value_counts() for name, column in counts.items()})
        frame = table.reindex(self.classes).T.rename_axis(columns=None).rename_axis("part").reset_index()
        return ReportTable(frame, "Images by part and class")


def classes_in(dataset: SurfaceDataset) -> tuple[str, ...]:
    """Classes of a data set, sorted, normal images (``"good"``) last."""
    normal = {record.defect for record in dataset.records if not record.label}
    return (*dataset.defects, *sorted(normal))


def load_classes(
    dataset: str, data_root: str = "", classes: Sequence[str] = (), size: int = 32, scale: float = 1.0
) -> ClassSplits:
    """Training and test images by class, checked before anything is trained.

    The division depends on the data alone, not on a seed, so that all seeds are paired. Every file is read once, so
    that a damaged one stops the run here and not hours later.

    Args:
        dataset: a name of `DATASETS`.
        data_root: folder of the data; empty: where the registry looks.
        classes: to keep, all where empty; ``"good"`` for normal images.
        size: side in pixels that images are brought to.
        scale: share of the images of aluminium.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if a file is damaged, or a class is unknown or has too few images.
    """
    named = tuple(map(class_name, classes))
    needed: dict[str, dict[str, Any]] = {"aluminium": {"scale": scale}, "class_folders": {"classes": named}}
    options = needed.get(dataset, {})
    parts = [load_dataset(dataset, split, data_root or None, (size, size), **options) for split in ("train", "test")]
    for part in parts:
        if isinstance(part, FileDataset):
            require_readable(part)
    wanted = named or tuple(dict.fromkeys(name for part in parts for name in classes_in(part)))
    if len(wanted) < 2:
        raise ValueError(f"classes: expected at least two to tell apart, got {', '.join(wanted) or 'none'}")
    for part in parts:
        require_classes(part, wanted, LEAST)
    train, test = (
        part.subset(indices=[i for i, record in enumerate(part.records) if record.defect in wanted]) for part in parts
    )
    return ClassSplits(train, test)
