"""Images and masks from files: read right or refused by name, and brought to a size without losing a defect."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
SIDEWAYS = frozenset({5, 6, 7, 8})  # values of the EXIF tag Orientation that turn an image by a quarter
ORIENTATION = 0x0112
SIGNATURES = {
    b"\x89PNG": "PNG data",
    b"\xff\xd8\xff": "JPEG data",
    b"BM": "BMP data",
    b"II*\x00": "TIFF data",
    b"MM\x00*": "TIFF data",
    b"RIFF": "RIFF (WebP) data",
}
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
log = logging.getLogger(__name__)


class ImageError(ValueError):
    """A file that is no readable image; the message names it and says what was found."""


def read_image(path: str | Path) -> np.ndarray:
    """An image file as colour.

    Grey becomes three equal channels, palettes their colours. 16-bit values keep their high byte, so that the full
    range 0 to 65535 becomes 0 to 255. Transparency is dropped, which is logged once a file unless all is opaque. A
    rotation in the EXIF data is applied.

    Returns:
        uint8, shape ``(H, W, 3)``, red first.

    Raises:
        ImageError: if the file is missing, empty, truncated, not an image, or holds floating-point values.
    """
    with _opened(Path(path)) as image:
        if image.mode == "F":
            raise ImageError(f"{path}: expected 8 or 16 bits a channel, found floating-point values; save as 8 bits")
        if image.mode.startswith("I"):
            return np.repeat(_high_byte(np.asarray(image), Path(path))[..., None], 3, axis=2)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            if image.getchannel("A").getextrema() != (255, 255):
                _say_transparency_dropped(str(path))
        return np.array(image.convert("RGB"))


def read_mask(path: str | Path) -> np.ndarray:
    """A mask file: whatever is neither black nor fully transparent is defect, be it 1, 255 or a colour.

    JPEG alone is cut at half, for its compression puts values above 0 around the defect.

    Returns:
        bool, shape ``(H, W)``.

    Raises:
        ImageError: as `read_image`.
    """
    with _opened(Path(path)) as image:
        threshold = 127 if image.format == "JPEG" else 0
        visible: np.ndarray | bool = True
        if image.has_transparency_data:
            image = image.convert("RGBA")
            visible = np.asarray(image.getchannel("A")) > 0
            image = image.convert("RGB")
        elif image.mode not in ("1", "L", "F") and not image.mode.startswith("I"):
            image = image.convert("RGB")
        values = np.asarray(image)
    marked = values > threshold if values.dtype != bool else values
    return np.array((marked.any(axis=2) if marked.ndim == 3 else marked) & visible)


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width as `read_image` would give them, from the header of the file.

    Raises:
        ImageError: if the file is missing, empty or not an image; a truncated one may pass.
    """
    with _header(Path(path)) as image:
        width, height = image.size
        turned = image.getexif().get(ORIENTATION) in SIDEWAYS
    return (width, height) if turned else (height, width)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image at another size, bilinear with antialiasing (each pixel averages the whole area it came from).

    Args:
        image: uint8, shape ``(H, W, 3)``.
        size: ``(height, width)`` of the result.
    """
    if image.shape[:2] == tuple(size):
        return image
    height, width = size
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask at another size: a pixel is defect where any of the area it covers was (area maximum).

    A defect of one pixel thus survives any resize, where nearest or truncated bilinear resampling may lose it.

    Args:
        mask: bool, shape ``(H, W)``.
        size: ``(height, width)`` of the result.

    Returns:
        bool, shape ``size``.
    """
    mask = np.asarray(mask, dtype=bool)
    if mask.shape == tuple(size):
        return mask
    return _any_along(_any_along(mask, size[0]).T, size[1]).T.copy()


def _any_along(mask: np.ndarray, length: int) -> np.ndarray:
    """The first axis at another length; index i covers the rows from i·h/H to (i+1)·h/H, parts of rows included."""
    height = len(mask)
    index = np.arange(length)
    starts = index * height // length
    stops = -(-(index + 1) * height // length)
    padded = np.concatenate([mask, np.zeros((1, mask.shape[1]), dtype=bool)])  # a stop may be one past the end
    return np.logical_or.reduceat(padded, np.stack([starts, stops], axis=1).ravel())[::2]


@contextmanager
def _header(path: Path) -> Iterator[Image.Image]:
    """The file opened by PIL; whatever goes wrong inside the block is told as an `ImageError`."""
    try:
        with Image.open(path) as image:
            yield image
    except ImageError:
        raise
    except DAMAGE as error:
        raise ImageError(f"{path}: expected an image, found {_found(path, error)}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image decoded and turned upright."""
    with _header(path) as image:
        file_format = image.format
        image.load()
        upright = ImageOps.exif_transpose(image)
        upright.format = file_format
        yield upright


def _found(path: Path, error: Exception) -> str:
    """What is in place of an image."""
    if not path.exists():
        return "no file"
    if path.is_dir():
        return "a folder"
    if path.stat().st_size == 0:
        return "an empty file (0 bytes)"
    with path.open("rb") as file:
        start = file.read(64)
    for signature, kind in SIGNATURES.items():
        if start.startswith(signature):
            return f"{kind} that is damaged or cut short ({path.stat().st_size} bytes; {error})"
    try:
        return f"text: {start.decode()!r}"
    except UnicodeDecodeError:
        return f"bytes of no known image format: {start[:8].hex(' ')}"


def _high_byte(values: np.ndarray, path: Path) -> np.ndarray:
    """16-bit grey as 8 bits, as PIL itself does for 16-bit colour."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(f"{path}: expected 8 or 16 bits a channel, found values from {low} to {high}; save as 8 bits")
    return (values.astype(np.uint16) >> 8).astype(np.uint8)


@cache
def _say_transparency_dropped(path: str) -> None:
    log.warning("%s has transparent pixels; their colour is kept, the transparency is dropped", path)
