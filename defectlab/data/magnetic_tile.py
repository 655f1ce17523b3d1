"""Magnetic tiles: grey images in five classes of defects and one without, with masks.

Layout: ``MT_Blowhole/Imgs/exp1_num_108719.jpg`` with its mask of the same name in PNG, and so for MT_Break, MT_Crack,
MT_Fray, MT_Uneven and MT_Free. There is no official split. One tile was photographed up to six times (exp1 to exp6),
so a split of single images leaks: this one parts groups.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from defectlab.data.base import GOOD, Record
from defectlab.data.files import (
    FileDataset,
    any_defect,
    image_files,
    read_table,
    require_folder,
    some,
)
from defectlab.data.registry import find
from defectlab.data.splits import grouped_split

CLASSES = ("Free", "Blowhole", "Break", "Crack", "Fray", "Uneven")
FREE = "Free"
TABLE = "groups.csv"
COLUMNS = ("class", "stem", "group")
NAME = re.compile(r"exp\d+_num_(\d+)")
GAP = 200
"""Shots of one tile follow each other by 25 numbers in the median; beside the groups that comparing the pictures of
792 images gave (209 groups), this gap forms 200, parts 85 of their 1620 pairs and joins 199 others."""
SAME_TILE = (
    (53011, 53038, 53049, 53060, 65001, 65067),
    (8676, 10334, 10790),
    (34101, 43853),
)
"""Numbers far apart whose pictures show one tile, found by eye among near-identical images: their groups are one,
whether they come from ``groups.csv`` or from the names."""


def load(
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    *,
    test_fraction: float = 0.5,
    seed: int = 0,
) -> FileDataset:
    """A split of the magnetic tiles by group, stratified by class.

    The label comes from the folder. A few Uneven images have an empty mask: their defect was never located, so their
    mask is ``None``, not all false.

    Groups come from ``groups.csv`` (columns class, stem, group) where it is there. Otherwise they are derived from the
    names ``exp?_num_N``: sorted by N over all classes, an image whose number is at most 200 above the one before is
    of the same tile. Either way the groups of `SAME_TILE` are joined.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: folder with ``MT_Free`` and the others, or one that holds it.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file; the tiles differ in size.
        test_fraction: share of each class that is tested on.
        seed: of the split.

    Raises:
        FileNotFoundError: if the folder or a part of its layout is missing.
        ImageError: if a mask is no image.
        ValueError: if a defective image has no mask file, or ``groups.csv`` or a name is wrong.
    """
    entry, folder = find("magnetic_tile", root)
    require_folder(folder, [folder / f"MT_{name}" for name in CLASSES], entry.layout)
    images = [(name, path) for name in CLASSES for path in _images(folder / f"MT_{name}" / "Imgs", entry.layout)]
    table = folder / TABLE
    groups = _groups_of_table(table, images) if table.is_file() else derived_groups([path for _, path in images])
    groups = join_same_tiles([path for _, path in images], groups)
    masks = _masks(images)
    records = [
        Record(
            id=f"{name}/{path.stem}",
            label=int(name != FREE),
            defect=GOOD if name == FREE else name.lower(),
            group=group,
            path=str(path),
            mask_path=mask,
        )
        for (name, path), group, mask in zip(images, groups, masks, strict=True)
    ]
    dataset = FileDataset(entry.name, split, records, size, entry.licence)
    if split == "all":
        return dataset
    tested = grouped_split([record.defect for record in records], groups, test_fraction, seed)
    return dataset.subset(indices=np.flatnonzero(tested == (split == "test")))


def derived_groups(images: list[Path]) -> list[str]:
    """The tile of each image by its running number, for images without ``groups.csv``.

    Raises:
        ValueError: if a name is not ``exp?_num_N``.
    """
    matches = [NAME.match(path.stem) for path in images]
    if wrong := [str(path) for path, match in zip(images, matches, strict=True) if match is None]:
        raise ValueError(f"magnetic_tile: expected names exp1_num_123.jpg (or a {TABLE}), found {some(wrong)}")
    numbers = np.array([int(match[1]) for match in matches if match], dtype=np.int64)
    order = np.argsort(numbers, kind="stable")
    starts = np.diff(numbers[order], prepend=-GAP - 1) > GAP
    tile = np.maximum.accumulate(np.where(starts, numbers[order], 0))  # the first number names the tile
    groups = np.empty(len(images), dtype=object)
    groups[order] = [f"seq{number}" for number in tile]
    return groups.tolist()


def join_same_tiles(images: list[Path], groups: list[str]) -> list[str]:
    """The groups with those that `SAME_TILE` says are one tile under one name; other images keep theirs."""
    matches = [NAME.match(path.stem) for path in images]
    numbers = [int(match[1]) if match else None for match in matches]
    joined = list(groups)
    for tile in SAME_TILE:
        apart = {group for number, group in zip(numbers, joined, strict=True) if number in tile and group}
        name = min(apart, default=f"seq{tile[0]}")  # a table may leave the group of a lone image empty
        joined = [
            name if group in apart or number in tile else group for number, group in zip(numbers, joined, strict=True)
        ]
    return joined


def _images(folder: Path, layout: str) -> list[Path]:
    require_folder(folder.parent, [folder], layout)
    return [path for path in image_files(folder) if path.suffix.lower() in (".jpg", ".jpeg")]


def _masks(images: list[tuple[str, Path]]) -> list[str | None]:
    """Mask files; ``None`` for a defective image whose mask is empty, and for a normal one without a file."""
    paths = [path.with_suffix(".png") for _, path in images]
    defective = [i for i, (name, _) in enumerate(images) if name != FREE]
    if missing := [str(images[i][1]) for i in defective if not paths[i].is_file()]:
        raise ValueError(
            f"magnetic_tile: expected a mask NAME.png beside each defective image, none for {some(missing)}"
        )
    located = dict(zip(defective, any_defect([paths[i] for i in defective]), strict=True))
    return [str(path) if located.get(i, path.is_file()) else None for i, path in enumerate(paths)]


def _groups_of_table(table: Path, images: list[tuple[str, Path]]) -> list[str]:
    known = {(row["class"], row["stem"]): row["group"] for row in read_table(table, COLUMNS)}
    if missing := [f"{name}/{path.stem}" for name, path in images if (name, path.stem) not in known]:
        raise ValueError(f"{table}: expected a group for each image, found none for {some(missing)}")
    return [known[name, path.stem] for name, path in images]
