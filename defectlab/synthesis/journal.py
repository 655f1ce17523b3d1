"""Records of a set while it is made: rows are appended as they come and become ``records.csv`` when it is complete.

A table that is written anew with each batch would cost, for 20 000 images, a thousand times what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from defectlab.synthesis.records import read_csv, text_of_csv
from defectlab.synthesis.stored import IMAGE_FILE, Row, write_atomic

RECORDS, JOURNAL = "records.csv", "records.jsonl"


class Journal:
    """Rows of a set by the number of their image.

    Args:
        folder: of the set; what an earlier run left is read.

    Attributes:
        rows: by number.

    Raises:
        ValueError: if a file is there that is no table of records.
    """

    def __init__(self, folder: Path) -> None:
        self.table, self.file = folder / RECORDS, folder / JOURNAL
        self._open = self.file.exists()
        self.rows: dict[int, Row] = rows_of(folder) if self._open or self.table.exists() else {}
        if self._open:
            _cut_half_line(self.file)

    def append(self, rows: Mapping[int, Row]) -> None:
        """Adds the rows of a batch to the end of the file."""
        self._open = True
        with self.file.open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps([number, row], ensure_ascii=False) + "\n" for number, row in rows.items())
        self.rows.update(rows)

    def close(self) -> None:
        """Writes the table, whole or not at all, and removes the journal; nothing where no row was added."""
        if self._open:
            write_atomic(self.table, text_of_csv(self.rows))
            self.file.unlink(missing_ok=True)
            self._open = False


def rows_of(folder: Path) -> dict[int, Row]:
    """Rows of a stored set by number, those of a run that was killed among them.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if a file is there that is no table of records.
    """
    table, journal = folder / RECORDS, folder / JOURNAL
    rows = read_csv(table, IMAGE_FILE) if table.exists() or not journal.exists() else {}
    return rows | read_journal(journal) if journal.exists() else rows


def read_journal(path: Path) -> dict[int, Row]:
    """Rows that were appended, without the half line that a killed run may have left at the end.

    Raises:
        ValueError: if a whole line is no row.
    """
    found: dict[int, Row] = {}
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for i, line in enumerate(lines[:-1], 1):  # what follows the last end of line is no line
        try:
            number, row = json.loads(line)
            found[int(number)] = dict[str, Any](row)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {i}: expected a number and a record, got {line[:60]!r}") from error
    return found


def _cut_half_line(path: Path) -> None:
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        write_atomic(path, content[: content.rfind(b"\n") + 1])
