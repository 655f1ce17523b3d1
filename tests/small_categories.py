"""Small trees of images in the layouts of VisA and MPDD, written for a test: grey noise, and the same with a square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 72


def write_visa(home: Path, names: tuple[str, ...] = ("candle", "pcb1"), train: int = 6, test: int = 2) -> Path:
    """Writes ``split_csv/1cls.csv`` and what it names, wider than high; returns the folder."""
    rows = ["object,split,label,image,mask"]
    for name in names:
        for i in range(train + test):
            place = f"{name}/Data/Images/Normal/{i:04}.JPG"
            _save(home / place, _surface(name, i)[:, : SIDE - 8])
            rows.append(f"{name},{'train' if i < train else 'test'},normal,{place},")
        for i in range(test):
            place = f"{name}/Data/%s/Anomaly/{i:03}.%s"
            image, mask = place % ("Images", "JPG"), place % ("Masks", "png")
            pixels, defect = _defective(name, i)
            _save(home / image, pixels[:, : SIDE - 8])
            _save(home / mask, 3 * defect[:, : SIDE - 8])  # the number of a class, black to the eye
            rows.append(f"{name},test,anomaly,{image},{mask}")
    (home / "split_csv").mkdir()
    (home / "split_csv" / "1cls.csv").write_text("\n".join(rows) + "\n")
    return home


def write_mpdd(home: Path, names: tuple[str, ...] = ("connector", "tubes"), train: int = 6, test: int = 2) -> Path:
    """Writes categories in the layout of MVTec AD; returns the folder."""
    for name in names:
        for i in range(train + test):
            part = "train" if i < train else "test"
            _save(home / name / part / "good" / f"{i:03}.png", _surface(name, i))
        for i in range(test):
            pixels, defect = _defective(name, i)
            _save(home / name / "test" / "hole" / f"{i:03}.png", pixels)
            _save(home / name / "ground_truth" / "hole" / f"{i:03}_mask.png", 255 * defect)
    return home


def _surface(name: str, number: int) -> np.ndarray:
    rng = np.random.default_rng([len(name), number])
    return rng.integers(100, 156, (SIDE, SIDE, 3), dtype=np.uint8)


def _defective(name: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10 + 8 * number : 26 + 8 * number, 20:40] = 1
    return np.where(mask[..., None], 20, _surface(name, 1000 + number)).astype(np.uint8), mask


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
