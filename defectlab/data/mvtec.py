"""MVTec AD: 15 categories of objects and textures, 5354 images of 700 to 1024 pixels a side."""

from __future__ import annotations

from pathlib import Path

from defectlab.data.anomaly_layout import Count, load_categories
from defectlab.data.files import FileDataset

CATEGORIES = {
    "bottle": Count(209, 20, 63),
    "cable": Count(224, 58, 92),
    "capsule": Count(219, 23, 109),
    "carpet": Count(280, 28, 89),
    "grid": Count(264, 21, 57),
    "hazelnut": Count(391, 40, 70),
    "leather": Count(245, 32, 92),
    "metal_nut": Count(220, 22, 93),
    "pill": Count(267, 26, 141),
    "screw": Count(320, 41, 119),
    "tile": Count(230, 33, 84),
    "toothbrush": Count(60, 12, 30),
    "transistor": Count(213, 60, 40),
    "wood": Count(247, 19, 60),
    "zipper": Count(240, 32, 119),
}
"""Counts of the official release, Bergmann et al. 2021."""


def load(
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    *,
    category: str = "",
) -> FileDataset:
    """A split of MVTec AD; good images alone are trained on, the test is by type of defect.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: folder with the categories, one that holds it, or the folder of one category.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file; categories differ in size.
        category: one of `CATEGORIES`, or empty for all of them that are there.

    Raises:
        FileNotFoundError: if the folder, the category or a part of its layout is missing.
        ValueError: if the category is unknown or a defective image has no mask.
    """
    return load_categories("mvtec", CATEGORIES, split, root, size, category)
