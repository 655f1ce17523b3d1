"""Images of the classes that diffusion learns, checked before any training."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import torch
from torch import Tensor

from defectlab.data.base import GOOD, SurfaceDataset
from defectlab.data.surfaces.dataset import load as load_surfaces
from defectlab.synthesis.base import Synthetic

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


def learnable(
    dataset: SurfaceDataset, classes: Sequence[str] | None, size: int
) -> tuple[tuple[str, ...], SurfaceDataset]:
    """Classes to learn and their images, checked before the first training.

    Args:
        dataset: real images.
        classes: to learn; the defect classes of the data set where ``None``.
        size: side that all images must have.

    Returns:
        The classes, and the data set with their images alone.

    Raises:
        ValueError: if there is no class, a class has fewer than two images, or an image is of another size.
    """
    chosen = tuple(classes or dataset.defects)
    if not chosen:
        raise ValueError(f"{dataset.name} ({dataset.split}) holds no defective image; name classes, or load others")
    require_classes(dataset, chosen)
    class_images(dataset, chosen, size)
    return chosen, of_classes(dataset, chosen)


def of_classes(dataset: SurfaceDataset, classes: Container[str]) -> SurfaceDataset:
    """The images of some classes, ``"good"`` being one."""
    return dataset.subset(indices=[i for i, record in enumerate(dataset.records) if record.defect in classes])


def take_turns(
    indices: Sequence[int],
    classes: Sequence[str],
    batch_size: int,
    draw: Callable[[str, list[int]], Sequence[Synthetic]],
) -> list[Synthetic]:
    """Images of a set whose image ``i`` is of class ``i`` modulo the number of classes, drawn class by class.

    Args:
        indices: of the images.
        classes: in the order of their turns.
        batch_size: images that are drawn at a time, at most.
        draw: gives images of a class.

    Returns:
        One an index, in the order of the indices.
    """
    made: dict[int, Synthetic] = {}
    for place, name in enumerate(classes):
        of_class = [i for i in indices if i % len(classes) == place]
        for start in range(0, len(of_class), batch_size):
            batch = of_class[start : start + batch_size]
            made.update(zip(batch, draw(name, batch), strict=True))
    return [made[i] for i in indices]
