"""`manifest.csv` of a user's folder: one row an image."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from defectlab.data.base import GOOD, Record
from defectlab.data.files import read_table, some

REQUIRED = ("image", "label")
OPTIONAL = ("mask", "defect", "group", "split")
LABELS = {"0": 0, "1": 1, "good": 0, "normal": 0, "defect": 1, "defective": 1}
UNKNOWN_DEFECT = "defect"


def read_manifest(path: Path) -> tuple[list[Record], list[str] | None]:
    """Records of a manifest.

    Columns, of which image and label are required:

    - image: file, relative to the manifest or absolute;
    - label: 0 or good or normal, 1 or defect or defective;
    - mask: file, or empty where the defect was not located;
    - defect: class, ``defect`` where it is empty;
    - group: images of one object share it, the image itself where it is empty;
    - split: train or test, in all rows or none.

    Args:
        path: the CSV file, UTF-8.

    Returns:
        The records in the order of the rows, and their splits, ``None`` where the manifest gives none.

    Raises:
        FileNotFoundError: if a file that the manifest names is not there.
        ValueError: if a column is missing or unknown, or a value is wrong; the message names the row.
    """
    rows = read_table(path, REQUIRED, OPTIONAL)
    records = [_record(path, number, row) for number, row in enumerate(rows, start=2)]  # row 1 is the header
    if twice := [name for name, times in Counter(record.id for record in records).items() if times > 1]:
        raise ValueError(f"{path}: expected each image once, found twice: {some(twice)}")
    splits = [row["split"] for row in rows]
    if not any(splits):
        return records, None
    for number, split in enumerate(splits, start=2):
        if split not in ("train", "test"):
            raise ValueError(
                f"{path}, row {number}: expected split train or test (in all rows or none), found {split!r}"
            )
    return records, splits


def _record(path: Path, number: int, row: dict[str, str]) -> Record:
    label = LABELS.get(row["label"].lower())
    if label is None:
        raise ValueError(f"{path}, row {number}: expected label 0 or 1, found {row['label']!r}")
    if not label and row["defect"] not in ("", GOOD):
        raise ValueError(f"{path}, row {number}: label 0 is a normal image, found the defect {row['defect']!r}")
    return Record(
        id=row["image"],
        label=label,
        defect=(row["defect"] or UNKNOWN_DEFECT) if label else GOOD,
        group=row["group"] or row["image"],
        path=str(_file(path, number, row["image"])),
        mask_path=str(_file(path, number, row["mask"])) if row["mask"] else None,
    )


def _file(path: Path, number: int, name: str) -> Path:
    file = path.parent / name
    if not name or not file.is_file():
        raise FileNotFoundError(f"{path}, row {number}: expected a file, found none at {file}")
    return file
