"""A toy data set: grey noise, and the same with a dark line; and settings that train on it in a second."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.detection import ClassifierConfig


def toy_sample(record: Record) -> Sample:
    """Noise about grey; a defective one has a black bar somewhere."""
    i = int(record.id)
    generator = torch.Generator().manual_seed(i)
    image = (0.5 + 0.1 * torch.randn(3, 64, 32, generator=generator)).clamp(0, 1)
    if record.label:
        row = int(torch.randint(4, 54, (1,), generator=generator))
        image[:, row : row + 6, 4:28] = 0.0
    return Sample(image, None, record.label, record.defect, record.group, record.path)


@pytest.fixture
def toy() -> Callable[..., MappedDataset]:
    """Makes a toy set of so many normal and defective images; ``start`` picks other images."""

    def make(n_normal: int = 12, n_defective: int = 6, start: int = 0) -> MappedDataset:
        labels = [0] * n_normal + [1] * n_defective
        records = [Record(str(start + i), label, "line" if label else "good") for i, label in enumerate(labels)]
        return MappedDataset(toy_sample, "toy", "train", records, (64, 32))

    return make


@pytest.fixture
def tiny() -> ClassifierConfig:
    """A frozen random ResNet of 10 layers and a patch head, two epochs."""
    return ClassifierConfig(
        backbone="test_resnet", weights="none", head="patch", finetune="none", epochs=2, batch_size=4, lr=1e-2, hidden=8
    )
