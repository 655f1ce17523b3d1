"""Logs of trainings that grow line by line, and lose the lines that a resumed training writes again."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from defectlab.files import write_text


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Adds a row; a new file gets its columns from it.

    Args:
        path: of the CSV file.
        row: the first column is the number of the step.
    """
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def forget_after(path: Path, step: int) -> None:
    """Drops the rows of later steps, where there is such a file."""
    if path.exists():
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if int(line.partition(",")[0]) <= step]
        write_text(path, "\n".join([head, *kept]) + "\n")
