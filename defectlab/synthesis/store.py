"""Synthetic sets on disk: each batch is written as soon as it is made, and a killed run goes on where it stopped.

A folder holds ``images/000000.png``, ``masks/000000.png`` (absent where the method gives no mask), ``records.csv``
with one row an image and ``settings.json`` with what made them. Every file is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from defectlab.synthesis.base import Synthetic, SyntheticSet
from defectlab.synthesis.png import decode_image, decode_mask, encode_png
from defectlab.synthesis.records import jsonable, read_csv, read_settings, settings_text, text_of_csv

IMAGES, MASKS, RECORDS, SETTINGS = "images", "masks", "records.csv", "settings.json"
PARTS = "parts.json"
IMAGE_FILE, MASK_FILE, CHECKSUM = "image_file", "mask_file", "checksum"
RESERVED = (IMAGE_FILE, MASK_FILE, CHECKSUM)

log = logging.getLogger(__name__)

Make = Callable[[Sequence[int]], Sequence[Synthetic]]
Row = dict[str, Any]


class DamagedSetError(ValueError):
    """A file of a stored set is missing, cut off or not what was written; the message names it."""


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
    rows: dict[int, Row] = {}
    items: dict[int, Synthetic] = {}
    folder = None if out is None else Path(out)
    if folder is not None:
        rows = _open(folder, name, settings)
        items = _intact(folder, rows, n)
    todo = [i for i in range(n) if i not in items]
    with tqdm(total=n, initial=n - len(todo), desc=name, unit="image", disable=None) as progress:
        for start in range(0, len(todo), batch_size):
            indices = todo[start : start + batch_size]
            for i, item in zip(indices, _made(make, indices, items), strict=True):
                items[i] = item
                if folder is not None:
                    rows[i] = _write(folder, i, item)
            if folder is not None:
                write_atomic(folder / RECORDS, text_of_csv(rows))
            progress.update(len(indices))
    return SyntheticSet([items[i] for i in range(n)], name)


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
    rows = _open(folder, synthetic_set.name, settings or {})
    for i, item in enumerate(synthetic_set.items):
        rows[i] = _write(folder, i, _checked(item, i, None))
    write_atomic(folder / RECORDS, text_of_csv(rows))
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
    rows = read_csv(folder / RECORDS, IMAGE_FILE)
    if sorted(rows) != list(range(len(rows))):
        missing = next(i for i in range(len(rows)) if i not in rows)
        raise DamagedSetError(f"{folder / RECORDS}: no row of image {missing:06d}; the run that made it mends it")
    return SyntheticSet([_read(folder, i, rows[i]) for i in sorted(rows)], name)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all: to a neighbour first, which then takes the place of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")  # one name a file: what a killed run left is overwritten
    partial.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    os.replace(partial, path)


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
        for row in list(read_csv(folder / part / RECORDS, IMAGE_FILE).values())[: len(made)]:
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


def _open(folder: Path, name: str, settings: Mapping[str, Any]) -> dict[int, Row]:
    """The rows made so far; writes the settings of a new set and refuses a set of other settings."""
    wanted = settings_text(name, settings)
    path = folder / SETTINGS
    if not path.exists():
        foreign = [entry for entry in (IMAGES, MASKS, RECORDS) if (folder / entry).exists()]
        if foreign or (folder.exists() and not folder.is_dir()):
            what = f"holds {', '.join(foreign)} but no {SETTINGS}" if foreign else "is a file"
            raise ValueError(f"out: {folder} {what}; expected a new folder or one that holds a synthetic set")
        write_atomic(path, wanted)
    elif path.read_text(encoding="utf-8") != wanted:
        raise ValueError(_differences(path, name, settings))
    return read_csv(folder / RECORDS, IMAGE_FILE) if (folder / RECORDS).exists() else {}


def _differences(path: Path, name: str, settings: Mapping[str, Any]) -> str:
    old_name, old = read_settings(path)
    new = jsonable({"name": name, **settings})
    old = {"name": old_name, **old}
    changed = [key for key in {**old, **new} if key not in old or key not in new or old[key] != new[key]]
    lines = "\n".join(
        f"  {key}: stored {old.get(key, 'nothing')!r}, asked {new.get(key, 'nothing')!r}" for key in changed
    )
    return f"out: {path.parent} holds a set of other settings:\n{lines}\nGive another folder, or the stored settings."


def _intact(folder: Path, rows: dict[int, Row], n: int) -> dict[int, Synthetic]:
    items: dict[int, Synthetic] = {}
    for i in sorted(i for i in rows if i < n):
        try:
            items[i] = _read(folder, i, rows[i])
        except DamagedSetError as damage:
            log.warning("%s; it is made again", damage)
    return items


def _made(make: Make, indices: Sequence[int], done: Mapping[int, Synthetic]) -> list[Synthetic]:
    made = list(make(indices))
    if len(made) != len(indices):
        raise ValueError(f"make: expected {len(indices)} images for indices {list(indices)}, got {len(made)}")
    like = next(iter(done.values()), made[0]).image.shape
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


def _write(folder: Path, index: int, item: Synthetic) -> Row:
    image_file, mask_file = f"{IMAGES}/{index:06d}.png", f"{MASKS}/{index:06d}.png"
    image = encode_png(item.image)
    write_atomic(folder / image_file, image)
    if item.mask is None:
        (folder / mask_file).unlink(missing_ok=True)
        return {IMAGE_FILE: image_file, MASK_FILE: None, CHECKSUM: _checksum(image, b""), **item.record}
    mask = encode_png(item.mask)
    write_atomic(folder / mask_file, mask)
    return {IMAGE_FILE: image_file, MASK_FILE: mask_file, CHECKSUM: _checksum(image, mask), **item.record}


def _read(folder: Path, index: int, row: Row) -> Synthetic:
    image = _bytes(folder / row[IMAGE_FILE])
    mask = _bytes(folder / row[MASK_FILE]) if row[MASK_FILE] else b""
    if _checksum(image, mask) != row[CHECKSUM]:
        raise DamagedSetError(f"{folder / row[IMAGE_FILE]} or its mask is cut off or was changed after it was written")
    plane = decode_mask(mask) if mask else None
    return Synthetic(decode_image(image), plane, {key: value for key, value in row.items() if key not in RESERVED})


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise DamagedSetError(f"{path} is missing")
    return path.read_bytes()


def _checksum(image: bytes, mask: bytes) -> str:
    return hashlib.sha256(image + b"\0" + mask).hexdigest()[:16]
