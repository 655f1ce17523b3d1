"""Networks, images and settings small enough for a test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from defectlab.data.base import GOOD, MappedDataset, Record, Sample
from defectlab.synthesis.diffusion.model import DiffusionModel, blank_network
from defectlab.synthesis.diffusion.settings import DiffusionSettings

TINY = replace(
    DiffusionSettings.smoke(), size=16, channels=(8, 8), attention_at=(16,), timesteps=20, steps=6, beta_end=0.4
)


def tiny_model(classes: tuple[str, ...] = ("dent",), settings: DiffusionSettings = TINY) -> DiffusionModel:
    """An untrained model."""
    return DiffusionModel(blank_network(settings, classes), settings, classes).to("cpu")


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
