"""Putting a source into an image under a mask, and telling which pixels really changed."""

from __future__ import annotations

import numpy as np


def blend(image: np.ndarray, source: np.ndarray, mask: np.ndarray, opacity: float) -> np.ndarray:
    """The source over the image inside the mask; pixels outside come back bit-exact.

    DRAEM writes the same blend with ``beta = 1 - opacity``. The sum is written as ``I + opacity (S - I)``, so that
    a pixel whose source equals it stays as it is: the textbook form can end a hair below the whole number there, and
    lose a grey level when the fraction is cut off.

    Args:
        image: uint8, shape ``(H, W, 3)``.
        source: uint8, shape ``(H, W, 3)``.
        mask: bool, shape ``(H, W)``.
        opacity: weight of the source, in [0, 1].

    Returns:
        uint8, shape ``(H, W, 3)``; fractions are cut off, as the released code of MemSeg does.

    Raises:
        ValueError: if shapes differ or the opacity is out of range.

    Source: Yang et al. 2023 (MemSeg), section 3.2; DRAEM, Eq. 1.
    """
    if image.shape != source.shape or image.shape[:2] != mask.shape:
        raise ValueError(f"shapes differ: image {image.shape}, source {source.shape}, mask {mask.shape}")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie in [0, 1], got {opacity}")
    result = image.copy()
    inside = image[mask].astype(np.float32)
    # I' = I + M d (S - I): the second form of the equation; astype cuts the fraction off, it does not round
    result[mask] = (inside + np.float32(opacity) * (source[mask] - inside)).astype(np.uint8)
    return result


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pixels that differ in any channel: bool ``(H, W)`` from two uint8 ``(H, W, 3)``."""
    return np.any(before != after, axis=-1)
