"""VisA: 12 categories of objects, 10821 images of about 1000 x 1500 pixels; a table says what is trained on.

Layout: ``candle/Data/Images/Normal/0000.JPG``, ``candle/Data/Images/Anomaly/000.JPG`` with its mask
``candle/Data/Masks/Anomaly/000.png``, and the tables ``split_csv/1cls.csv``, ``2cls_fewshot.csv``,
``2cls_highshot.csv`` with the columns object, split, label, image, mask. Values of a mask above 0 may be numbers
of classes, so low that the mask looks black: any of them is defect here.
"""

from __future__ import annotations

import logging
from pathlib import Path

from defectlab.data.anomaly_layout import Count, category_of, compare
from defectlab.data.base import GOOD, Record
from defectlab.data.files import FileDataset, read_table, require_folder, some
from defectlab.data.registry import find, require_choice

CATEGORIES = {
    "candle": Count(900, 100, 100),
    "capsules": Count(542, 60, 100),
    "cashew": Count(450, 50, 100),
    "chewinggum": Count(453, 50, 100),
    "fryum": Count(450, 50, 100),
    "macaroni1": Count(900, 100, 100),
    "macaroni2": Count(900, 100, 100),
    "pcb1": Count(904, 100, 100),
    "pcb2": Count(901, 100, 100),
    "pcb3": Count(905, 101, 100),
    "pcb4": Count(904, 101, 100),
    "pipe_fryum": Count(450, 50, 100),
}
"""Counts of the official release by the table ``1cls``, Zou et al. 2022."""
TABLES = ("1cls", "2cls_fewshot", "2cls_highshot")
COLUMNS = ("object", "split", "label", "image", "mask")
LABELS = {"normal": 0, "anomaly": 1}
DEFECT = "anomaly"
log = logging.getLogger(__name__)


def load(
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    *,
    category: str = "",
    table: str = "1cls",
) -> FileDataset:
    """A split of VisA.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: folder with ``split_csv`` and the categories, or one that holds it.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file; categories differ in size.
        category: one of `CATEGORIES`, or empty for all that the table names. By the table ``1cls``, counts that differ
            from the official release, and categories that are not there, are told in the log.
        table: the official split: ``"1cls"`` trains on normal images only, as the papers on anomaly detection do;
            ``"2cls_fewshot"`` and ``"2cls_highshot"`` train on defects too.

    Raises:
        FileNotFoundError: if the folder, the table or an image that the table names is missing.
        ValueError: if the category or the table is unknown, or the table is wrong.
    """
    require_choice("table of visa", table, TABLES)
    if category:
        require_choice("category of visa", category, CATEGORIES)
    entry, folder = find("visa", root)
    path = folder / "split_csv" / f"{table}.csv"
    require_folder(folder, [path], entry.layout)
    wanted = ("train", "test") if split == "all" else (split,)
    rows = read_table(path, COLUMNS)
    records = [_record(folder, path, row) for row in rows if row["split"] in wanted and category in ("", row["object"])]
    named = [place for record in records for place in (record.path, record.mask_path) if place]
    if missing := [place for place in named if not Path(place).is_file()]:
        raise FileNotFoundError(
            f"{path} names {len(missing)} files of {len(named)} that are not there: {some(missing)}. {entry.layout}"
        )
    if table == "1cls":
        _compare(split, records, (category,) if category else tuple(CATEGORIES))
    return FileDataset(entry.name, split, records, size, entry.licence)


def _compare(split: str, records: list[Record], wanted: tuple[str, ...]) -> None:
    """Tells where the official release has other counts; categories that are not there are named together."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(category_of(record), []).append(record)
    if absent := [name for name in wanted if name not in found]:
        log.warning("visa: %d categories are not there: %s", len(absent), ", ".join(absent))
    for name in found:
        compare(f"visa/{name}", split, found[name], CATEGORIES.get(name))


def _record(folder: Path, table: Path, row: dict[str, str]) -> Record:
    if row["label"] not in LABELS:
        raise ValueError(f"{table}: label must be normal or anomaly, got {row['label']!r} for {row['image']}")
    label = LABELS[row["label"]]
    if label and not row["mask"]:
        raise ValueError(f"{table}: expected a mask for each anomaly, found none for {row['image']}")
    defect = DEFECT if label else GOOD
    identity = f"{row['object']}/{row['split']}/{defect}/{Path(row['image']).stem}"
    mask = str(folder / row["mask"]) if label else None
    return Record(identity, label, defect, identity, str(folder / row["image"]), mask)
