"""MPDD: six categories of painted metal parts, 1346 images of 1024 x 1024 pixels, in the layout of MVTec AD."""

from __future__ import annotations

from pathlib import Path

from defectlab.data.anomaly_layout import Count, load_categories
from defectlab.data.files import FileDataset

CATEGORIES = {
    "bracket_black": Count(289, 32, 47),
    "bracket_brown": Count(185, 26, 51),
    "bracket_white": Count(110, 30, 30),
    "connector": Count(128, 30, 14),
    "metal_plate": Count(54, 26, 71),
    "tubes": Count(122, 32, 69),
}
"""Counts of the official release, Jezek et al. 2021."""


def load(
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    *,
    category: str = "",
) -> FileDataset:
    """A split of MPDD; good images alone are trained on, the test is by type of defect.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: folder with the categories, one that holds it, or the folder of one category.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file.
        category: one of `CATEGORIES`, or empty for all of them that are there.

    Raises:
        FileNotFoundError: if the folder, the category or a part of its layout is missing.
        ValueError: if the category is unknown or a defective image has no mask.
    """
    return load_categories("mpdd", CATEGORIES, split, root, size, category)
