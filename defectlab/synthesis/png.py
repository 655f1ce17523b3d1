"""Images and masks as PNG bytes and back, without loss."""

from __future__ import annotations

import cv2
import numpy as np


def encode_png(pixels: np.ndarray) -> bytes:
    """PNG, lossless, of uint8 ``(H, W, 3)`` in RGB or bool ``(H, W)`` as 0 and 255."""
    plane = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", plane)[1].tobytes()


def decode_image(png: bytes) -> np.ndarray:
    """An image, uint8 ``(H, W, 3)`` in RGB.

    Raises:
        ValueError: if the bytes are no image.
    """
    return cv2.cvtColor(_decoded(png, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decode_mask(png: bytes) -> np.ndarray:
    """A mask, bool ``(H, W)``, true where the image is not black.

    Raises:
        ValueError: if the bytes are no image.
    """
    return np.asarray(_decoded(png, cv2.IMREAD_GRAYSCALE) > 0)


def _decoded(png: bytes, flag: int) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), flag)
    if pixels is None:
        raise ValueError(f"expected an image, got {len(png)} bytes that are none")
    return pixels
