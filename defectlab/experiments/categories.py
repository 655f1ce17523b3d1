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
from defectlab.experiments.network_sizes import read_size
from defectlab.experiments.student_teacher_parameters import BY_CATEGORY, StudentTeacherParameters
from defectlab.report.tables import ReportTable

ALL = "all"
"""Name of the one model of the unified regime."""
IN_MEMORY = 2**30
"""Bytes up to which a part of the images is read once and kept."""


@dataclass(frozen=True)
class Unit:
    """What one model sees.

    Attributes:
        name: of the category, or `ALL`.
        train: normal images.
        tests: normal and defective test images by category, each defect with its mask, at the size of measurement.
        finer: the same images as the networks are given them, where one sees more pixels; ``None``: `tests`.
    """

    name: str
    train: SurfaceDataset
    tests: Mapping[str, SurfaceDataset]
    finer: Mapping[str, SurfaceDataset] | None = None

    def given(self, category: str) -> SurfaceDataset:
        """Test images of a category as the networks are given them."""
        return (self.tests if self.finer is None else self.finer)[category]


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

    def table(self) -> ReportTable:
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
        return ReportTable(pd.DataFrame(lines), "Images by model, category and part")


def load_units(params: StudentTeacherParameters) -> Units:
    """Normal training images and test images, model by model, each part read once and kept where memory allows.

    Real defects among the training images of a data set (KSDD2 has some) are left aside: the method learns from
    normal images alone. Every file is read once, so that a damaged one stops the run here. Training images have the
    size of `read_size`, test images that of measurement, and that of `read_size` too where it is larger.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if a file is damaged, a category unknown, or a defective test image has no mask.
    """
    size = read_size(params)
    train, test = _load(params, "train", size), _load(params, "test", params.size)
    finer = None if size == params.size else held(_files(params, "test", size))
    require_masks(test, "localisation")
    normals = train.subset(defective=False)
    if params.dataset not in BY_CATEGORY:
        name = params.dataset
        return Units((Unit(name, normals, {name: test}, None if finer is None else {name: finer}),), "per_category")
    names = list(dict.fromkeys(category_of(record) for record in test.records))
    tests = {name: _of(test, name) for name in names}
    given = {name: None if finer is None else _of(finer, name) for name in names}
    if params.regime == "unified" and len(names) > 1:
        return Units((Unit(ALL, normals, tests, _whole(given)),), "unified")
    units = (Unit(name, _of(normals, name), {name: tests[name]}, _whole({name: given[name]})) for name in names)
    return Units(tuple(units), "per_category")


def _whole(parts: Mapping[str, SurfaceDataset | None]) -> dict[str, SurfaceDataset] | None:
    """The parts, or ``None`` where there are none."""
    return {name: part for name, part in parts.items() if part is not None} or None


def _load(params: StudentTeacherParameters, split: str, size: tuple[int, int]) -> SurfaceDataset:
    dataset = _files(params, split, size)
    if isinstance(dataset, FileDataset):
        require_readable(dataset)
    return held(dataset)


def _files(params: StudentTeacherParameters, split: str, size: tuple[int, int]) -> SurfaceDataset:
    options: dict[str, Any] = {"category": params.category} if params.dataset in BY_CATEGORY else {}
    if params.dataset == "surfaces":
        options |= {"preset": "anomaly", "scale": params.scale}
    return load_dataset(params.dataset, split, params.data_root or None, size, **options)


def _of(dataset: SurfaceDataset, category: str) -> SurfaceDataset:
    return dataset.subset(indices=[i for i, record in enumerate(dataset.records) if category_of(record) == category])


def _category(record: Record, tests: Mapping[str, SurfaceDataset]) -> str:
    """Category of a training image; data sets without any have one test set, whose name serves."""
    return category_of(record) if len(tests) > 1 or category_of(record) in tests else next(iter(tests))


def held(part: SurfaceDataset) -> SurfaceDataset:
    """The images of a part from memory, each read once, up to `IN_MEMORY` bytes of them; a larger part as it is."""
    height, width = part.size or (0, 0)
    return drawn_once(part) if 3 * height * width * len(part) < IN_MEMORY else part


def drawn_once(dataset: SurfaceDataset) -> MappedDataset:
    """The same images from memory, as bytes: to draw or decode them for each detector takes longer than to score."""
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
