"""A user's folder of small images, written for a test: grey noise, and the same with a dark line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_folder(
    root: Path, normal: int = 16, defective: int = 8, size: tuple[int, int] = (64, 32), masks: bool = True
) -> Path:
    """Writes ``good/``, ``defect/`` and, if asked, ``masks/``; returns the folder."""
    for i in range(normal):
        _save(root / "good" / f"{i:03d}.png", _noise(i, size))
    for i in range(defective):
        mask = np.zeros(size, bool)
        mask[10 + 4 * i % 40 : 14 + 4 * i % 40, 4:28] = True
        _save(root / "defect" / f"{i:03d}.png", np.where(mask[..., None], 20, _noise(1000 + i, size)).astype(np.uint8))
        if masks:
            _save(root / "masks" / f"{i:03d}.png", mask.astype(np.uint8) * 255)
    return root


def _noise(seed: int, size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).integers(100, 156, (*size, 3), dtype=np.uint8)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
