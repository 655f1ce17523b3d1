"""Images of a few classes, small enough for a training in a test."""

from __future__ import annotations

import numpy as np
import torch

from defectlab.data.base import GOOD, MappedDataset, Record, Sample


def tiny_images(n: int = 6, side: int = 16, seed: int = 0) -> torch.Tensor:
    """uint8 ``(n, 3, side, side)``: grey, with a square that is darker."""
    pixels = np.random.default_rng(seed).integers(120, 136, (n, 3, side, side), dtype=np.uint8)
    pixels[:, :, side // 4 : side // 2, side // 4 : side // 2] = 30
    return torch.from_numpy(pixels)


def tiny_classes(counts: dict[str, int], side: int = 16) -> MappedDataset:
    """A data set of classes with so many images each."""
    names = [name for name, n in counts.items() for _ in range(n)]
    records = [Record(f"{name}/{i}", int(name != GOOD), name, f"group{i}") for i, name in enumerate(names)]

    def read(record: Record) -> Sample:
        i = int(record.id.rpartition("/")[2])
        image = tiny_images(1, side, seed=i)[0].float() / 255
        mask = torch.zeros(1, side, side, dtype=torch.bool)
        mask[:, side // 4 : side // 2, side // 4 : side // 2] = bool(record.label)
        return Sample(image, mask, record.label, record.defect, record.group)

    return MappedDataset(read, "tiny", "train", records, (side, side))
