"""Files that are whole or not there: each is written beside its place and moved into it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path in the folder of ``path`` that takes its place when the block ends without an error.

    It has the same suffix, so that libraries which judge by it write the right format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write JSON atomically, readable, in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=plain) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: if the file is not JSON; the message names it.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def plain(value: Any) -> Any:
    """What JSON can hold in place of what it cannot: paths as text, arrays and array scalars as numbers."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy and torch
        return value.tolist()
    raise TypeError(f"cannot store {type(value).__name__} as JSON")


def slug(text: str) -> str:
    """Text as part of a file name: letters (of any script), digits, dot, underscore and hyphen."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "x"


def fingerprint(values: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of the values, whatever their order; tuples and lists are alike."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
