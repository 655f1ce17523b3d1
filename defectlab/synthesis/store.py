"""Synthetic sets on disk: each batch is written as soon as it is made, and a killed run goes on where it stopped.

A folder holds ``images/000000.png``, ``masks/000000.png`` (absent where the method gives no mask), ``records.csv``
with one row an image and ``settings.json`` with what made them. Every file is written whole or not at all; while a
set is made its rows are appended to ``records.jsonl``, and one batch is held: 20 000 images cost no more memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from defectlab.progress import Pace
from defectlab.synthesis.base import Synthetic, SyntheticSet
from defectlab.synthesis.journal import JOURNAL, RECORDS, Journal, rows_of
from defectlab.synthesis.records import jsonable, read_settings, settings_text, text_of_csv
from defectlab.synthesis.stored import (
    IMAGE_FILE,
    IMAGES,
    MASK_FILE,
    MASKS,
    RESERVED,
    DamagedSetError,
    Row,
    Stored,
    read_bytes,
    write_atomic,
    write_item,
)

SETTINGS, PARTS = "settings.json", "parts.json"

__all__ = ["collect", "load", "save", "save_parts"]

HELD = 256 * 2**20
"""Bytes of pixels that a stored set may take in memory; the images of a larger one are read when they are asked for."""

log = logging.getLogger(__name__)

Make = Callable[[Sequence[int]], Sequence[Synthetic]]


def collect(
    make: Make,
    n: int,
    *,
    name: str,
    settings: Mapping[str, Any],
    out: str | Path | None = None,
    batch_size: int = 1,
) -> SyntheticSet:
    """Make images ``0`` to ``n - 1``, batch by batch, and store each batch as it is made.

    Args:
        make: gives the images of some indices; image ``i`` must depend on ``i`` alone, not on its batch.
        n: images wanted, at least 1. It is no part of the settings: a set may be made longer later on.
        name: of the method or the set, kept in ``settings.json``.
        settings: everything else that the images depend on, flat or nested, printable as JSON.
        out: folder to write to; a second call with equal settings goes on where the first stopped, and makes
            damaged images again. ``None`` keeps the set in memory.
        batch_size: indices that ``make`` is asked for at a time, at least 1; the set does not depend on it.

    Returns:
        The ``n`` images, equal to those of an unbroken run.

    Raises:
        ValueError: if ``n`` or ``batch_size`` is less than 1, if the folder holds a set of other settings or
            files of something else, or if ``make`` gives the wrong number, type or size of images.
    """
    if n < 1 or batch_size < 1:
        raise ValueError(f"n and batch_size: expected at least 1, got n={n}, batch_size={batch_size}")
    if out is None:
        held: dict[int, Synthetic] = {}
        _work(make, range(n), n, name, batch_size, None, held.update)
        return SyntheticSet([held[i] for i in range(n)], name)
    folder = Path(out)
    journal = _open(folder, name, settings)
    whole = _intact(folder, journal.rows, n)
    like = Stored(folder, journal.rows[min(whole)]).image.shape if whole else None

    def write(made: Mapping[int, Synthetic]) -> None:
        journal.append({i: write_item(folder, i, item) for i, item in made.items()})

    try:
        _work(make, [i for i in range(n) if i not in whole], n, name, batch_size, like, write)
    finally:
        journal.close()
    return _set(folder, [journal.rows[i] for i in range(n)], name)


def save(synthetic_set: SyntheticSet, folder: str | Path, settings: Mapping[str, Any] | None = None) -> Path:
    """Write a set to a folder that holds none yet.

    Args:
        synthetic_set: the images.
        folder: made where it is not there.
        settings: kept in ``settings.json``.

    Returns:
        The folder.

    Raises:
        ValueError: if the folder holds a set already.
    """
    folder = Path(folder)
    if (folder / SETTINGS).exists():
        raise ValueError(f"{folder} holds a synthetic set already; give another folder or delete this one")
    journal = _open(folder, synthetic_set.name, settings or {})
    for i, item in enumerate(synthetic_set.items):
        journal.append({i: write_item(folder, i, _checked(item, i, None))})
    journal.close()
    return folder


def load(folder: str | Path) -> SyntheticSet:
    """The set that `collect` or `save` wrote to a folder, as far as it was made, or the view of `save_parts`.

    Raises:
        FileNotFoundError: if the folder holds no set.
        DamagedSetError: if a file is missing, cut off or changed, ``records.csv`` skips an image, or a part of a
            view has fewer images than the view says.
    """
    folder = Path(folder)
    if (folder / PARTS).is_file():
        return _load_parts(folder)
    if not (folder / SETTINGS).is_file():
        raise FileNotFoundError(f"{folder}: expected a synthetic set, found no {SETTINGS} in it")
    name, _ = read_settings(folder / SETTINGS)
    rows = rows_of(folder)
    if sorted(rows) != list(range(len(rows))):
        missing = next(i for i in range(len(rows)) if i not in rows)
        raise DamagedSetError(f"{folder / RECORDS}: no row of image {missing:06d}; the run that made it mends it")
    for row in rows.values():
        read_bytes(folder, row)
    return _set(folder, [rows[i] for i in sorted(rows)], name)


def save_parts(folder: str | Path, name: str, parts: Mapping[str, SyntheticSet]) -> None:
    """Write a view of sets that are stored in subfolders, so that `load` gives them as one; no image is copied.

    A view says how many images each set gives, from its first on. Another view takes its place; the sets stay.

    Args:
        folder: that holds the subfolders.
        name: of the joint set.
        parts: by subfolder, in order, as they were collected there.

    Raises:
        ValueError: if the folder itself holds a set.
    """
    folder, rows = Path(folder), []
    require_no_set(folder)
    for part, made in parts.items():
        for row in list(rows_of(folder / part).values())[: len(made)]:
            files = {key: row[key] and f"{part}/{row[key]}" for key in (IMAGE_FILE, MASK_FILE)}
            rows.append({"part": part, **row, **files})
    write_atomic(folder / RECORDS, text_of_csv(dict(enumerate(rows))))
    counts = {part: len(made) for part, made in parts.items()}
    write_atomic(folder / PARTS, settings_text(name, counts))


def require_no_set(folder: Path) -> None:
    """Refuses a folder whose records a view would overwrite.

    Raises:
        ValueError: if the folder holds a set of its own.
    """
    if (folder / SETTINGS).exists():
        raise ValueError(f"out: {folder} holds the set {read_settings(folder / SETTINGS)[0]!r}; give another folder")


def _load_parts(folder: Path) -> SyntheticSet:
    name, counts = read_settings(folder / PARTS)
    items: list[Synthetic] = []
    for part, count in counts.items():
        stored = load(folder / part).items
        if len(stored) < count:
            raise DamagedSetError(
                f"{folder / PARTS}: {count} images of {part} wanted, {len(stored)} there; the run that made it mends it"
            )
        items += stored[:count]
    return SyntheticSet(items, name)


def _open(folder: Path, name: str, settings: Mapping[str, Any]) -> Journal:
    """The rows made so far; writes the settings of a new set and refuses a set of other settings."""
    wanted = settings_text(name, settings)
    path = folder / SETTINGS
    if not path.exists():
        foreign = [entry for entry in (IMAGES, MASKS, RECORDS, JOURNAL) if (folder / entry).exists()]
        if foreign or (folder.exists() and not folder.is_dir()):
            what = f"holds {', '.join(foreign)} but no {SETTINGS}" if foreign else "is a file"
            raise ValueError(f"out: {folder} {what}; expected a new folder or one that holds a synthetic set")
        write_atomic(path, wanted)
    elif path.read_text(encoding="utf-8") != wanted:
        raise ValueError(_differences(path, name, settings))
    return Journal(folder)


def _differences(path: Path, name: str, settings: Mapping[str, Any]) -> str:
    old_name, old = read_settings(path)
    new = jsonable({"name": name, **settings})
    old = {"name": old_name, **old}
    changed = [key for key in {**old, **new} if key not in old or key not in new or old[key] != new[key]]
    lines = "\n".join(
        f"  {key}: stored {old.get(key, 'nothing')!r}, asked {new.get(key, 'nothing')!r}" for key in changed
    )
    return f"out: {path.parent} holds a set of other settings:\n{lines}\nGive another folder, or the stored settings."


def _intact(folder: Path, rows: Mapping[int, Row], n: int) -> set[int]:
    """Numbers of the images that are there as they were written."""
    whole = set()
    for i in sorted(i for i in rows if i < n):
        try:
            read_bytes(folder, rows[i])
            whole.add(i)
        except DamagedSetError as damage:
            log.warning("%s; it is made again", damage)
    return whole


def _set(folder: Path, rows: Sequence[Row], name: str) -> SyntheticSet:
    """The set of some rows, in memory where it is small."""
    items = [Stored(folder, row) for row in rows]
    small = bool(items) and len(items) * items[0].image.nbytes <= HELD
    return SyntheticSet([item.held() for item in items] if small else items, name)


def _work(
    make: Make,
    todo: Sequence[int],
    n: int,
    name: str,
    batch_size: int,
    like: tuple[int, ...] | None,
    keep: Callable[[Mapping[int, Synthetic]], None],
) -> None:
    """Makes and checks images batch by batch, and hands each batch on."""
    with tqdm(total=n, initial=n - len(todo), desc=name, unit="image", disable=None) as progress:
        pace = Pace(log, name, n, n - len(todo), "image")
        for start in range(0, len(todo), batch_size):
            indices = todo[start : start + batch_size]
            made = _made(make, indices, like)
            like = made[0].image.shape
            keep(dict(zip(indices, made, strict=True)))
            progress.update(len(indices))
            pace.at(n - len(todo) + start + len(indices))


def _made(make: Make, indices: Sequence[int], like: tuple[int, ...] | None) -> list[Synthetic]:
    made = list(make(indices))
    if len(made) != len(indices):
        raise ValueError(f"make: expected {len(indices)} images for indices {list(indices)}, got {len(made)}")
    like = made[0].image.shape if like is None else like
    return [_checked(item, i, like) for i, item in zip(indices, made, strict=True)]


def _checked(item: Synthetic, index: int, like: tuple[int, ...] | None) -> Synthetic:
    """The item with its record as it comes back from a file, so that a resumed set equals an unbroken one."""
    image, mask = item.image, item.mask
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image {index}: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
    if like is not None and image.shape != like:
        raise ValueError(f"image {index}: expected the size of the set {like[:2]}, got {image.shape[:2]}")
    if mask is not None and (mask.dtype != bool or mask.shape != image.shape[:2]):
        raise ValueError(f"mask {index}: expected bool {image.shape[:2]}, got {mask.dtype} {mask.shape}")
    if taken := [key for key in RESERVED if key in item.record]:
        raise ValueError(f"record {index}: {', '.join(taken)} is a column of the store; name it otherwise")
    return Synthetic(image, mask, jsonable(item.record))
