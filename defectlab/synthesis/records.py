"""Records of synthetic images as CSV and settings as JSON, so that what is read equals what was written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np


def jsonable(value: Any) -> Any:
    """The value as it comes back from JSON: tuples as lists, paths as text, numpy scalars as numbers.

    Raises:
        TypeError: if something in it has no JSON form; the message names its type.
    """
    return json.loads(json.dumps(value, default=_plain))


def settings_text(name: str, settings: Mapping[str, Any]) -> str:
    """Content of ``settings.json``."""
    return json.dumps({"name": name, "settings": jsonable(dict(settings))}, indent=2, ensure_ascii=False) + "\n"


def read_settings(path: Path) -> tuple[str, dict[str, Any]]:
    """Name and settings of a stored set.

    Raises:
        ValueError: if the file is not one that `settings_text` wrote.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["name"]), dict(content["settings"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected the settings of a synthetic set, got something else ({error})") from error


def text_of_csv(rows: Mapping[int, Mapping[str, Any]]) -> str:
    """Rows in the order of their index; columns in the order they first appear; an absent value is an empty cell."""
    ordered = [rows[i] for i in sorted(rows)]
    columns = list(dict.fromkeys(key for row in ordered for key in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[key]) if key in row else "" for key in columns] for row in ordered)
    return buffer.getvalue()


def read_csv(path: Path, image_column: str) -> dict[int, dict[str, Any]]:
    """Rows of `text_of_csv` by the number in the name of their image.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a table of records.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; a set is resumed or loaded by its records")
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    if not table or image_column not in table[0]:
        raise ValueError(f"{path}: expected a table with a column {image_column!r}, got {table[:1]}")
    columns = table[0]
    if ragged := [i for i, cells in enumerate(table, 1) if len(cells) != len(columns)]:
        raise ValueError(f"{path}, line {ragged[0]}: expected {len(columns)} cells, got {len(table[ragged[0] - 1])}")
    rows = [{key: _value(cell) for key, cell in zip(columns, cells, strict=True) if cell} for cells in table[1:]]
    return {int(Path(row[image_column]).stem): row for row in rows}


def _cell(value: Any) -> str:
    """Text as it is, unless it would be read as something else (``"7"``, ``""``); anything else as JSON."""
    plain = isinstance(value, str) and value and _value(value) == value
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def _value(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"expected a value that can be written as JSON, got {type(value).__name__}: {value!r}")
