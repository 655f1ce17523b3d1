"""One stored image: its files, its row in the records, and the image read from its files when it is asked for."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from defectlab.synthesis.base import Synthetic
from defectlab.synthesis.png import decode_image, decode_mask, encode_png

IMAGES, MASKS = "images", "masks"
IMAGE_FILE, MASK_FILE, CHECKSUM = "image_file", "mask_file", "checksum"
RESERVED = (IMAGE_FILE, MASK_FILE, CHECKSUM)

Row = dict[str, Any]


class DamagedSetError(ValueError):
    """A file of a stored set is missing, cut off or not what was written; the message names it."""


class Stored(Synthetic):
    """A synthetic image whose pixels stay in its files until they are asked for, each time anew.

    Args:
        folder: of the set.
        row: of its records.

    Raises:
        DamagedSetError: where image or mask is read, if a file is missing, cut off or changed.
    """

    def __init__(self, folder: Path, row: Row) -> None:
        record = {key: value for key, value in row.items() if key not in RESERVED}
        for name, value in (("record", record), ("folder", folder), ("row", row)):
            object.__setattr__(self, name, value)  # as a frozen dataclass does
        self.folder: Path
        self.row: Row

    @property
    def image(self) -> np.ndarray:  # read, not held
        """uint8 ``(H, W, 3)``."""
        return decode_image(read_bytes(self.folder, self.row)[0])

    @property
    def mask(self) -> np.ndarray | None:
        """Bool ``(H, W)``, or ``None``."""
        return decode_mask(read_bytes(self.folder, self.row)[1]) if self.row[MASK_FILE] else None

    def held(self) -> Synthetic:
        """The same image in memory."""
        image, mask = read_bytes(self.folder, self.row)
        return Synthetic(decode_image(image), decode_mask(mask) if mask else None, self.record)


def write_item(folder: Path, index: int, item: Synthetic) -> Row:
    """Writes image and mask, and gives the row of the records."""
    image_file, mask_file = f"{IMAGES}/{index:06d}.png", f"{MASKS}/{index:06d}.png"
    image = encode_png(item.image)
    write_atomic(folder / image_file, image)
    if item.mask is None:
        (folder / mask_file).unlink(missing_ok=True)
        return {IMAGE_FILE: image_file, MASK_FILE: None, CHECKSUM: _checksum(image, b""), **item.record}
    mask = encode_png(item.mask)
    write_atomic(folder / mask_file, mask)
    return {IMAGE_FILE: image_file, MASK_FILE: mask_file, CHECKSUM: _checksum(image, mask), **item.record}


def read_bytes(folder: Path, row: Row) -> tuple[bytes, bytes]:
    """PNG of image and mask, the latter empty where there is none.

    Raises:
        DamagedSetError: if a file is missing, cut off or changed.
    """
    image = _bytes(folder / row[IMAGE_FILE])
    mask = _bytes(folder / row[MASK_FILE]) if row[MASK_FILE] else b""
    if _checksum(image, mask) != row[CHECKSUM]:
        raise DamagedSetError(f"{folder / row[IMAGE_FILE]} or its mask is cut off or was changed after it was written")
    return image, mask


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all: to a neighbour first, which then takes the place of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")  # one name a file: what a killed run left is overwritten
    partial.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    os.replace(partial, path)


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise DamagedSetError(f"{path} is missing")
    return path.read_bytes()


def _checksum(image: bytes, mask: bytes) -> str:
    return hashlib.sha256(image + b"\0" + mask).hexdigest()[:16]
