"""A trained detector on a folder of images: scores as a table, maps as files, heat maps to look at."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from sklearn.metrics import average_precision_score
from tqdm.auto import tqdm

from defectlab.data.base import Record, SurfaceDataset
from defectlab.data.files import FileDataset, require_readable
from defectlab.data.images import image_size, read_image
from defectlab.data.photos import known_label, masks_beside, plain_folder
from defectlab.detection.base import Detector, Scores
from defectlab.detection.classifier import Classifier
from defectlab.files import atomic_path

COLUMNS = ("image", "score", "height", "width", "row", "column", "largest")
TINY = 1e-30
WEIGHT = 0.5
"""Of the colour in a heat map; the image has the rest."""


@dataclass(frozen=True)
class Applied:
    """What was found in a folder.

    Attributes:
        rows: one an image, in the order of the files: its path in the folder, its score, its height and width in
            pixels, and, where the detector gives maps, row, column and value of the largest pixel.
        low: smallest value of all maps; ``None`` without maps.
        high: largest value of all maps; ``None`` without maps.
        left_out: masks beside ``good/`` and ``defect/``, which are no images.
    """

    rows: list[dict[str, str | float | int]]
    low: float | None
    high: float | None
    left_out: int = 0

    @property
    def average_precision(self) -> float | None:
        """Step AP of the scores; ``None`` unless every image lies below ``good/`` or ``defect/``, and both occur."""
        labels = [known_label(str(row["image"])) for row in self.rows]
        if None in labels or len(set(labels)) < 2:
            return None
        return float(average_precision_score(labels, [float(row["score"]) for row in self.rows]))


def apply(
    detector: Detector,
    folder: Path,
    out: Path,
    limits: tuple[float, float] | None = None,
    batch_size: int = 16,
    show_progress: bool = False,
) -> Applied:
    """Scores every image of a folder, whatever sizes they have, and writes what is found.

    ``out/scores.csv`` has one row an image. Where the detector gives maps, ``out/maps`` has them as float32 TIFF, on
    the detector's own scale, and ``out/heat`` the images under their maps in colour, all on one scale.

    Args:
        detector: trained.
        folder: of images, searched to any depth; ``masks/`` beside ``good/`` or ``defect/`` is left out.
        out: results; files of earlier results of the same images are replaced.
        limits: values of the map that are drawn in the first and the last colour; ``None``: the smallest and the
            largest value of all maps.
        batch_size: images of one size at once.
        show_progress: draw a bar of images.

    Raises:
        FileNotFoundError: if there is no image.
        ImageError: if files cannot be read, naming them, before anything is scored.
        ValueError: if the limits are no range, or ``out`` lies in ``folder``.
    """
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"limits: expected low < high, got {limits[0]} and {limits[1]}")
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"out: {out} lies in the folder of images, so a second run would score its heat maps")
    dataset = plain_folder(folder)
    require_readable(dataset)  # before anything is scored: one damaged file would lose the scores of all
    names = _file_names([record.id for record in dataset.records])
    rows: list[dict[str, str | float | int]] = []
    low, high = np.inf, -np.inf
    with tqdm(total=len(dataset), desc=detector.name, disable=not show_progress, leave=False) as bar:
        for indices in _same_size(dataset, batch_size):
            scores = _score(detector, dataset.subset(indices=indices))
            for place, i in enumerate(indices):
                scores_map = None if scores.pixel is None else scores.pixel[place]
                rows.append(_row(dataset.records[i], float(scores.image[place]), scores_map))
                if scores_map is not None:
                    low, high = min(low, float(scores_map.min())), max(high, float(scores_map.max()))
                    _save(out / "maps" / f"{names[i]}.tiff", scores_map.astype(np.float32))
            bar.update(len(indices))
    write_scores(out / "scores.csv", rows)
    left_out = masks_beside(folder)
    if high < low:
        return Applied(rows, None, None, left_out)
    colours = limits or (low, high)
    for record, name in zip(dataset.records, names, strict=True):
        with Image.open(out / "maps" / f"{name}.tiff") as stored:
            values = np.asarray(stored)
        _save(out / "heat" / f"{name}.png", heat_map(read_image(record.path), values, colours))
    return Applied(rows, low, high, left_out)


def heat_map(image: np.ndarray, values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """An image under its map in colour.

    Args:
        image: uint8, shape ``(H, W, 3)``.
        values: of the map, shape ``(H, W)``.
        limits: values in the first and the last colour; what lies outside takes the nearer one.

    Returns:
        uint8, shape ``(H, W, 3)``.
    """
    low, high = limits
    share = np.clip((values - low) / max(high - low, TINY), 0, 1)
    colour = cv2.applyColorMap((share * 255).round().astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    return ((1 - WEIGHT) * image + WEIGHT * colour).round().astype(np.uint8)


def write_scores(path: Path, rows: Sequence[dict[str, str | float | int]]) -> None:
    """Writes the rows of `Applied` as CSV, atomically; columns that no row has are left out."""
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _file_names(names: Sequence[str]) -> list[str]:
    """Names of results: those of the images without suffix, or with it where two would be one."""
    stems = [str(Path(name).with_suffix("")) for name in names]
    count = Counter(stem.casefold() for stem in stems)  # some file systems take a.png and A.png for one
    return [stem if count[stem.casefold()] == 1 else name for stem, name in zip(stems, names, strict=True)]


def _same_size(dataset: FileDataset, batch_size: int) -> Iterator[list[int]]:
    """Positions in runs of images of one size."""
    batch: list[int] = []
    expected: tuple[int, int] | None = None
    for i, record in enumerate(dataset.records):
        size = image_size(record.path)
        if batch and (size != expected or len(batch) == batch_size):
            yield batch
            batch = []
        expected = size
        batch.append(i)
    yield batch


def _score(detector: Detector, part: SurfaceDataset) -> Scores:
    if isinstance(detector, Classifier):
        return detector.score(part, maps=detector.config.head == "patch")
    return detector.score(part)


def _row(record: Record, score: float, values: np.ndarray | None) -> dict[str, str | float | int]:
    height, width = image_size(record.path)
    row: dict[str, str | float | int] = {"image": record.id, "score": score, "height": height, "width": width}
    if values is None:
        return row
    place = np.unravel_index(int(values.argmax()), values.shape)
    return row | {"row": int(place[0]), "column": int(place[1]), "largest": float(values[place])}


def _save(path: Path, values: np.ndarray) -> None:
    with atomic_path(path) as partial:
        Image.fromarray(values).save(partial)
