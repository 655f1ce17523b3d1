"""`aluminium`: the procedural stand-in for the private plates of DDPM-MoCo, three classes of defects and smooth."""

from __future__ import annotations

from defectlab.data.base import MappedDataset
from defectlab.data.surfaces import dataset as surfaces

SIZE = (128, 128)


def load(
    split: str = "train", size: tuple[int, int] | None = None, *, scale: float = 1.0, seed: int = 0
) -> MappedDataset:
    """A split of the preset ``aluminium`` of `surfaces`: corrosion, dent, scratch and good, 50 images each at scale 1.

    Args:
        split: ``"train"`` or ``"test"``.
        size: ``(height, width)`` in pixels; 128 each where ``None``.
        scale: share of the 50 images a class.
        seed: of the whole set.

    Raises:
        ValueError: as `defectlab.data.surfaces.load`.
    """
    dataset = surfaces.load(split, size or SIZE, "aluminium", scale, seed)
    dataset.name = "aluminium"
    return dataset
