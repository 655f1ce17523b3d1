"""KolektorSDD (the first, of 2019): grey images of electrical commutators, some with a thin crack.

Layout: a folder for each item with ``Part0.jpg`` and its mask ``Part0_label.bmp`` to ``Part7.jpg``. The release has no
fixed split: the papers cross-validate in three folds that never part an item. A ``split.csv`` beside the items, with
the columns item, part, split, label and group, fixes one.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from defectlab.data.base import GOOD, Record
from defectlab.data.files import (
    FileDataset,
    any_defect,
    image_files,
    natural,
    read_table,
    require_folder,
    some,
    subfolders,
)
from defectlab.data.registry import find

FOLDS = 3
MASK_ENDING = "_label.bmp"
DEFECT = "crack"
TABLE = "split.csv"
COLUMNS = ("item", "part", "split", "label", "group")
SAME_OBJECT = {"kos39": "kos38"}
"""Items that show one commutator: kos39/Part0 is kos38/Part2 shifted by a little, so they share a group."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One image with its place in the split."""

    image: Path
    label: int
    group: str
    split: str = ""

    @property
    def mask(self) -> Path:
        """Its mask file."""
        return self.image.with_name(self.image.stem + MASK_ENDING)


def load(
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    *,
    fold: int | None = None,
) -> FileDataset:
    """A split of KolektorSDD.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: folder with a folder for each item, or one that holds it.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file.
        fold: 0, 1 or 2: every third group, in natural order, is tested on. ``None`` takes the split of ``split.csv``
            where there is one, else fold 0.

    Raises:
        FileNotFoundError: if the folder, the items or a file that ``split.csv`` names are missing.
        ImageError: if a mask is no image.
        ValueError: if the fold or ``split.csv`` is wrong, or an image has no mask.
    """
    if fold is not None and fold not in range(FOLDS):
        raise ValueError(f"fold: expected 0 to {FOLDS - 1}, got {fold}")
    entry, folder = find("kolektor_sdd", root)
    images = [path for item in subfolders(folder) for path in image_files(item) if not _is_mask(path)]
    if not images:
        require_folder(folder, [folder / "ITEM/Part0.jpg"], entry.layout)
    _require_masks(folder, images)
    table = folder / TABLE
    parts = _from_table(table, images) if table.is_file() else _from_masks(images)
    if fold is not None or not table.is_file():
        parts = _folded(parts, fold or 0)
    records = [_record(part) for part in parts if split in ("all", part.split)]
    return FileDataset(entry.name, split, records, size, entry.licence)


def _is_mask(path: Path) -> bool:
    return path.name.lower().endswith(MASK_ENDING)


def _require_masks(folder: Path, images: list[Path]) -> None:
    names = [f"{path.parent.name}/{path.name}" for path in images if not Part(path, 0, "").mask.is_file()]
    if names:
        raise ValueError(f"{folder}: expected a mask PartN{MASK_ENDING} for each image, found none for {some(names)}")


def _from_masks(images: list[Path]) -> list[Part]:
    labels = any_defect([Part(image, 0, "").mask for image in images])
    groups = [SAME_OBJECT.get(image.parent.name, image.parent.name) for image in images]
    return [Part(image, int(label), group) for image, label, group in zip(images, labels, groups, strict=True)]


def _from_table(table: Path, images: list[Path]) -> list[Part]:
    rows = read_table(table, COLUMNS)
    for number, row in enumerate(rows, start=2):  # row 1 is the header
        if row["split"] not in ("train", "test") or row["label"] not in ("0", "1"):
            found = f"{row['split']!r} and {row['label']!r}"
            raise ValueError(f"{table}, row {number}: expected split train or test and label 0 or 1, found {found}")
    known = {(image.parent.name, image.stem): image for image in images}
    named = {(row["item"], row["part"]): row for row in rows}
    if missing := ["/".join(name) for name in named if name not in known]:
        raise FileNotFoundError(f"{table} names images that are not there: {some(missing)}")
    if extra := ["/".join(name) for name in known if name not in named]:
        log.warning("%s does not name %d images; left out: %s", table, len(extra), some(extra))
    splits = {(row["group"], row["split"]) for row in rows}
    if parted := [group for group, times in Counter(group for group, _ in splits).items() if times > 1]:
        raise ValueError(f"{table}: expected each group in one split, found in both: {some(sorted(parted))}")
    return [Part(known[name], int(row["label"]), row["group"], row["split"]) for name, row in named.items()]


def _folded(parts: list[Part], fold: int) -> list[Part]:
    groups = sorted({part.group for part in parts}, key=natural)
    tested = set(groups[fold::FOLDS])
    return [Part(part.image, part.label, part.group, "test" if part.group in tested else "train") for part in parts]


def _record(part: Part) -> Record:
    return Record(
        id=f"{part.image.parent.name}/{part.image.stem}",
        label=part.label,
        defect=DEFECT if part.label else GOOD,
        group=part.group,
        path=str(part.image),
        mask_path=str(part.mask),
    )
