"""Images of the classes that diffusion learns, checked before any training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from defectlab.data.base import GOOD, SurfaceDataset
from defectlab.data.surfaces.dataset import load as load_surfaces

PAPER_CLASSES = ("corrosion", "dent", "scratch", GOOD)
"""Classes of DDPM-MoCo in its order; what it calls smooth is ``"good"`` here."""


def aluminium(split: str = "train", size: int = 128, scale: float = 1.0, seed: int = 0) -> SurfaceDataset:
    """The procedural stand-in for the private plates of the paper: `PAPER_CLASSES`, 50 images each at scale 1.

    Args:
        split: ``"train"`` or ``"test"``.
        size: side in pixels, at least 32.
        scale: share of the 50 images.
        seed: of the set.
    """
    return load_surfaces(split, (size, size), "aluminium", scale, seed)


def require_classes(dataset: SurfaceDataset, classes: Sequence[str], least: int = 2) -> None:
    """Stops a training whose classes are not there, before any image is read.

    Raises:
        ValueError: if a class has fewer images than ``least``; the message names it and lists those there are.
    """
    counts = dict.fromkeys(classes, 0)
    for record in dataset.records:
        counts[record.defect] = counts.get(record.defect, 0) + 1
    if few := [f"{name} has {counts[name]}" for name in classes if counts[name] < least]:
        there = ", ".join(f"{name} ({n})" for name, n in counts.items() if n)
        raise ValueError(
            f"{dataset.name} ({dataset.split}): {', '.join(few)}; expected at least {least} images a class. "
            f"There are: {there or 'none'}"
        )


def class_images(dataset: SurfaceDataset, classes: Sequence[str], size: int) -> tuple[Tensor, Tensor]:
    """Images of some classes, and which class each is of.

    Args:
        dataset: whose records say the class of each image.
        classes: wanted, in the order that they are counted in.
        size: side that all images must have.

    Returns:
        uint8 ``(n, 3, size, size)`` and int64 ``(n,)``, in the order of the data set.

    Raises:
        ValueError: if a class has fewer than two images, or an image is of another size; the message names it.
    """
    require_classes(dataset, classes)
    images, labels = [], []
    for i, record in enumerate(dataset.records):
        if record.defect not in classes:
            continue
        image = dataset[i].image
        if image.shape != (3, size, size):
            raise ValueError(
                f"{dataset.name}: {record.id} is {tuple(image.shape[1:])}, expected {size} x {size}; load the data set "
                f"with size=({size}, {size})"
            )
        images.append((image * 255).round().byte())
        labels.append(list(classes).index(record.defect))
    return torch.stack(images), torch.tensor(labels)
