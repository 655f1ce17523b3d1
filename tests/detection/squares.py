"""Grey noise with black squares, real ones for tests and synthetic ones for training."""

from __future__ import annotations

import numpy as np
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet

SIZE = (48, 32)


def surfaces(n_normal=6, n_defective=0, start=0, size=SIZE):
    """Grey noise; a defective one has a black square."""

    def read(record):
        i = int(record.id)
        image = 0.5 + 0.05 * torch.randn(3, *size, generator=torch.Generator().manual_seed(i))
        mask = torch.zeros(1, *size, dtype=torch.bool)
        if record.label:
            mask[:, 16 * (i % 2) : 16 * (i % 2) + 16, 8:24] = True
        return Sample(torch.where(mask, 0.0, image.clamp(0, 1)), mask, record.label, record.defect)

    labels = [0] * n_normal + [1] * n_defective
    records = [Record(str(start + i), label, "square" if label else "good") for i, label in enumerate(labels)]
    return MappedDataset(read, "squares", "train", records, size)


class Squares(Synthesizer):
    """Black squares at random places."""

    def synthesize(self, normals, n, seed, out=None):
        """As many images as are asked for."""
        items = []
        for i in range(n):
            rng = np.random.default_rng([seed, i])
            chosen = int(rng.integers(len(normals)))
            image = (normals[chosen].image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            top, left = rng.integers(0, np.array(image.shape[:2]) - 16)
            mask = np.zeros(image.shape[:2], bool)
            mask[top : top + 16, left : left + 16] = True
            image[mask] = 0
            items.append(Synthetic(image, mask, {"source": normals.records[chosen].id}))
        return SyntheticSet(items)


def masks_of(dataset):
    """Masks as an array."""
    return np.stack([dataset[i].mask[0].numpy() for i in range(len(dataset))])
