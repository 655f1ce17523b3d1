"""The layout of MVTec AD, which MPDD shares: categories that train on good images and test by type of defect.

Layout: ``CATEGORY/train/good/000.png``, ``CATEGORY/test/TYPE/000.png`` with TYPE ``good`` or a defect, and the mask of
each defective image ``CATEGORY/ground_truth/TYPE/000_mask.png``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from defectlab.data.base import GOOD, Record
from defectlab.data.files import FileDataset, image_files, require_folder, some, subfolders
from defectlab.data.registry import find, require_choice

MASKS = "ground_truth"
MASK_ENDING = "_mask"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Count:
    """Images of one category in the official release.

    Attributes:
        train: good images to train on.
        good: good images to test on.
        defective: defective images to test on.
    """

    train: int
    good: int
    defective: int


def load_categories(
    name: str,
    official: Mapping[str, Count],
    split: str,
    root: str | Path | None,
    size: tuple[int, int] | None,
    category: str,
) -> FileDataset:
    """A split of one category, or of all that are there.

    The label and the defect come from the folders; the category is the first part of a record's id. Counts that differ
    from the official release are told in the log, for results on such a copy are not comparable.

    Args:
        name: in the registry.
        official: counts of each category.
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: folder with the categories, one that holds it, or the folder of one category.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file; categories differ in size.
        category: one of ``official``, or empty for all of them that are there.

    Raises:
        FileNotFoundError: if the folder, the category or a part of its layout is missing.
        ValueError: if the category is unknown, a defective image has no mask, or there are defects to train on.
    """
    if category:
        require_choice(f"category of {name}", category, official)
    entry, folder = find(name, root)
    records: list[Record] = []
    for each in _categories(folder, official, category, entry.layout):
        found = list(_records(each, split, entry.layout))
        compare(f"{name}/{each.name}", split, found, official.get(each.name))
        records.extend(found)
    return FileDataset(entry.name, split, records, size, entry.licence)


def category_of(record: Record) -> str:
    """The category of a record of MVTec AD, VisA or MPDD."""
    return record.id.split("/", 1)[0]


def _categories(folder: Path, official: Iterable[str], category: str, layout: str) -> list[Path]:
    """The folders to read: the given one itself where it is a category."""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        if category and folder.name != category:
            raise ValueError(f"{folder}: expected the category {category!r}, found that of {folder.name!r}")
        return [folder]
    if category:
        require_folder(folder, [folder / category], layout)
        return [folder / category]
    there = [folder / name for name in official if (folder / name).is_dir()]
    if not there:
        require_folder(folder, [folder / name for name in official], layout)
    if absent := [name for name in official if not (folder / name).is_dir()]:
        log.warning("%s: %d categories are not there: %s", folder, len(absent), ", ".join(absent))
    return there


def _records(folder: Path, split: str, layout: str) -> Iterator[Record]:
    if split != "test":
        require_folder(folder, [folder / "train" / GOOD], layout)
        if strange := [path.name for path in subfolders(folder / "train") if path.name != GOOD]:
            raise ValueError(f"{folder / 'train'}: expected good images only to train on, found {some(strange)}")
        yield from _of_type(folder, "train", GOOD)
    if split != "train":
        require_folder(folder, [folder / "test"], layout)
        types = [path.name for path in subfolders(folder / "test")]
        for kind in sorted(types, key=lambda kind: kind != GOOD):  # good first, the rest as they are
            yield from _of_type(folder, "test", kind)


def _of_type(folder: Path, split: str, kind: str) -> Iterator[Record]:
    images = image_files(folder / split / kind)
    masks = _masks(folder / MASKS / kind, images) if kind != GOOD else {}
    for path in images:
        identity = f"{folder.name}/{split}/{kind}/{path.stem}"
        mask = masks.get(path.stem)
        yield Record(identity, int(kind != GOOD), kind, identity, str(path), None if mask is None else str(mask))


def _masks(folder: Path, images: list[Path]) -> dict[str, Path]:
    there = image_files(folder) if folder.is_dir() else []
    masks = {path.stem.removesuffix(MASK_ENDING): path for path in there if path.stem.endswith(MASK_ENDING)}
    if missing := [path.name for path in images if path.stem not in masks]:
        raise ValueError(
            f"{folder}: expected a mask NAME{MASK_ENDING}.png for each image, found none for {some(missing)}"
        )
    return masks


def compare(what: str, split: str, records: list[Record], official: Count | None) -> None:
    """Tells in the log where a category has other counts than the official release.

    Args:
        what: data set and category, for the message.
        split: ``"train"``, ``"test"`` or ``"all"``.
        records: of the category; the split of each is a part of its id.
        official: ``None`` for a category that the release has not.
    """
    if official is None:
        return
    train = sum("/train/" in record.id for record in records)
    defective = sum(record.label for record in records)
    found = {"train": train, "good": len(records) - train - defective, "defective": defective}
    wanted = {
        "train": official.train if split != "test" else 0,
        "good": official.good if split != "train" else 0,
        "defective": official.defective if split != "train" else 0,
    }
    if found != wanted:
        log.warning("%s/%s: found %s, the official release has %s", what, split, found, wanted)
