"""What each model learns from and is tested on: normal images, and the test images of its categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from defectlab.data import SurfaceDataset, load_dataset
from defectlab.data.anomaly_layout import category_of
from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.data.files import FileDataset, require_readable
from defectlab.detection.base import require_masks
from defectlab.experiments.student_teacher_parameters import BY_CATEGORY, StudentTeacherParameters

ALL = "all"
"""Name of the one model of the unified regime."""


@dataclass(frozen=True)
class Unit:
    """What one model sees.

    Attributes:
        name: of the category, or `ALL`.
        train: normal images.
        tests: normal and defective test images by category, each defect with its mask.
    """

    name: str
    train: SurfaceDataset
    tests: Mapping[str, SurfaceDataset]


@dataclass(frozen=True)
class Units:
    """All models of a run.

    Attributes:
        units: one in the unified regime, else one a category.
        regime: ``unified``, or ``per_category``, which a single category always is.
    """

    units: tuple[Unit, ...]
    regime: str

    @property
    def tests(self) -> dict[str, SurfaceDataset]:
        """Test images by category, in order."""
        return {name: test for unit in self.units for name, test in unit.tests.items()}

    def table(self) -> pd.DataFrame:
        """Images by model, category and part."""
        lines = []
        for unit in self.units:
            for name, test in unit.tests.items():
                train = sum(_category(record, unit.tests) == name for record in unit.train.records)
                defective = int(test.labels.sum())
                lines.append(
                    {
                        "model": unit.name,
                        "category": name,
                        "train, normal": train,
                        "test, normal": len(test) - defective,
                        "test, defective": defective,
                        "defects": ", ".join(test.defects),
                    }
                )
        return pd.DataFrame(lines)


def load_units(params: StudentTeacherParameters) -> Units:
    """Normal training images and test images, model by model; images of `surfaces` are drawn once and kept in memory.

    Real defects among the training images of a data set (KSDD2 has some) are left aside: the method learns from
    normal images alone. Every file is read once, so that a damaged one stops the run here.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if a file is damaged, a category unknown, or a defective test image has no mask.
    """
    train, test = (_load(params, split) for split in ("train", "test"))
    for part in (train, test):
        if isinstance(part, FileDataset):
            require_readable(part)
    require_masks(test, "localisation")
    normals = train.subset(defective=False)
    if params.dataset not in BY_CATEGORY:
        name = params.dataset
        return Units((Unit(name, normals, {name: test}),), "per_category")
    names = list(dict.fromkeys(category_of(record) for record in test.records))
    tests = {name: _of(test, name) for name in names}
    if params.regime == "unified" and len(names) > 1:
        return Units((Unit(ALL, normals, tests),), "unified")
    units = tuple(Unit(name, _of(normals, name), {name: tests[name]}) for name in names)
    return Units(units, "per_category")


def _load(params: StudentTeacherParameters, split: str) -> SurfaceDataset:
    options: dict[str, Any] = {"category": params.category} if params.dataset in BY_CATEGORY else {}
    if params.dataset == "surfaces":
        options |= {"preset": "anomaly", "scale": params.scale}
    dataset = load_dataset(params.dataset, split, params.data_root or None, params.size, **options)
    return drawn_once(dataset) if params.dataset == "surfaces" else dataset


def _of(dataset: SurfaceDataset, category: str) -> SurfaceDataset:
    return dataset.subset(indices=[i for i, record in enumerate(dataset.records) if category_of(record) == category])


def _category(record: Record, tests: Mapping[str, SurfaceDataset]) -> str:
    """Category of a training image; data sets without any have one test set, whose name serves."""
    return category_of(record) if len(tests) > 1 or category_of(record) in tests else next(iter(tests))


def drawn_once(dataset: SurfaceDataset) -> MappedDataset:
    """The same images from memory, as bytes: to draw them again for each detector would take longer than to score."""
    kept: dict[str, tuple[torch.Tensor, np.ndarray | None]] = {}

    def read(record: Record) -> Sample:
        if record.id not in kept:
            sample = dataset.read(record)
            mask = None if sample.mask is None else sample.mask.numpy()
            kept[record.id] = (sample.image * 255).round().to(torch.uint8), mask
        image, mask = kept[record.id]
        located = None if mask is None else torch.from_numpy(mask)
        return Sample(image.float() / 255, located, record.label, record.defect, record.group, record.path)

    return MappedDataset(read, dataset.name, dataset.split, dataset.records, dataset.size, dataset.licence)
