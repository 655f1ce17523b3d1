"""What the disturbed diffusion makes, to look at and to measure: P by strength, masks, A by opacity, real defects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pandas as pd

from defectlab.data.base import SurfaceDataset
from defectlab.report.grids import GridRow, draw_row
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.blend import blend
from defectlab.synthesis.masks import MaskSource
from defectlab.synthesis.perturbed.normals import pixels, resize
from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm

OPACITIES = (0.25, 0.5, 0.75, 1.0)


def strengths_shown(used: tuple[float, float]) -> tuple[float, ...]:
    """Strengths of a figure: none, half the least of a range, the range itself and its middle, and twice its most."""
    low, high = used
    return tuple(sorted({round(s, 6) for s in (0.0, low / 2, low, (low + high) / 2, high, 2 * high)}))


def strength_rows(
    synthesizer: PerturbedDdpm,
    strengths: Sequence[float] | None = None,
    n: int = 6,
    seed: int = 0,
    category: str | None = None,
) -> list[GridRow]:
    """Globally abnormal images P, one row a strength; a column shows one draw of noise, more and more disturbed.

    Args:
        synthesizer: fitted, with diffusion.
        strengths: s of each row; 0 is the model's idea of a normal image. ``None``: `strengths_shown` of its range.
        n: columns.
        seed: of the images.
        category: of a model that knows several; its first where ``None``.
    """
    strengths = strengths_shown(synthesizer.settings.strengths) if strengths is None else strengths
    images = _by_strength(synthesizer, strengths, n, seed, category)
    return [
        GridRow(f"s = {s:g}", tuple(row), tuple(f"P {i}" for i in range(n)))
        for s, row in zip(strengths, images, strict=True)
    ]


def mask_rows(masks: Mapping[str, MaskSource], size: tuple[int, int], n: int = 6, seed: int = 0) -> list[GridRow]:
    """Masks of several sources, one row each; a column shows one seed.

    Args:
        masks: sources by title, such as Perlin as it is and after erosion.
        size: ``(height, width)`` in pixels.
        n: columns.
        seed: of the draws.
    """
    rows = []
    for title, source in masks.items():
        drawn = [source.draw(np.random.default_rng((seed, i)), *size) for i in range(n)]
        rows.append(GridRow(title, tuple(mask for mask, _ in drawn), tuple(name for _, name in drawn)))
    return rows


def opacity_rows(
    synthesizer: PerturbedDdpm,
    normals: SurfaceDataset,
    made: SyntheticSet,
    opacities: Sequence[float] = OPACITIES,
    n: int = 4,
    seed: int = 0,
) -> list[GridRow]:
    """Eq. 3 at several opacities: I, P, M, then A at each delta; one row a synthetic image, drawn at random.

    Args:
        synthesizer: that made the set, with diffusion.
        normals: that it was made from.
        made: the set.
        opacities: delta of the last columns.
        n: rows.
        seed: of the draw.

    Raises:
        ValueError: if an image of the set has no mask.
    """
    rows = []
    for number in np.sort(np.random.default_rng(seed).permutation(len(made))[:n]):
        item = made.items[int(number)]
        if item.mask is None:
            raise ValueError(f"image {number} of {made.name!r} has no mask; expected a set of the disturbed diffusion")
        image = pixels(normals, int(item.record["normal"]))
        name = _category(synthesizer, normals, int(item.record["normal"]))
        drawn = int(item.record["index"]), int(item.record["seed"]), float(item.record["strength"])
        source = resize(synthesizer.abnormal([drawn[0]], drawn[1], [drawn[2]], name)[0], item.mask.shape)
        blended = tuple(blend(image, source, item.mask, delta) for delta in opacities)
        titles = ("I", "P", "M", *(f"A, δ = {delta:g}" for delta in opacities))
        rows.append(GridRow(f"s = {drawn[2]:.2f}", (image, source, item.mask, *blended), titles))
    return rows


def beside_real(test: SurfaceDataset, sets: Mapping[str, SyntheticSet], n: int = 8, seed: int = 0) -> list[GridRow]:
    """Real defects with the border of their masks, and below them synthetic ones of each set, drawn at random.

    Args:
        test: defective images are drawn from it; ones of several sizes do not fit in one row.
        sets: synthetic images by title.
        n: columns.
        seed: of the draws.
    """
    rows = [draw_row(test.subset(normal=False), "Defects of the test", n, seed, outline=True)]
    return rows + [draw_row(made, title, n, seed, outline=True) for title, made in sets.items()]


def strength_curve(
    synthesizer: PerturbedDdpm,
    normals: SurfaceDataset,
    strengths: Sequence[float] | None = None,
    n: int = 16,
    seed: int = 0,
    category: str | None = None,
) -> pd.DataFrame:
    """How far strength takes an image away from the undisturbed one, and how rough it makes it.

    Args:
        synthesizer: fitted, with diffusion.
        normals: the real images that roughness is measured by.
        strengths: one line each; as in `strength_rows`.
        n: images P a strength, and real ones at most.
        seed: of the images.
        category: as in `strength_rows`.

    Returns:
        ``strength``; ``distance``, mean absolute difference to the image of the same noise at strength 0, in grey
        levels; ``roughness``, mean absolute Laplacian in units of that of the real images: below 1 the model is too
        smooth, at 1 as rough as they are.
    """
    strengths = strengths_shown(synthesizer.settings.strengths) if strengths is None else strengths
    images = _by_strength(synthesizer, [0.0, *strengths], n, seed, category)
    size = images[0][0].shape[:2]
    real = np.mean([_roughness(resize(pixels(normals, i), size)) for i in range(min(n, len(normals)))])
    plain = np.stack(images[0]).astype(np.float64)
    lines = []
    for s, row in zip(strengths, images[1:], strict=True):
        distance = float(np.abs(np.stack(row) - plain).mean())
        roughness = float(np.mean([_roughness(image) for image in row]) / real)
        lines.append({"strength": s, "distance": distance, "roughness": roughness})
    return pd.DataFrame(lines)


def _by_strength(
    synthesizer: PerturbedDdpm, strengths: Sequence[float], n: int, seed: int, category: str | None
) -> list[list[np.ndarray]]:
    if category is None and synthesizer.trained is not None:
        category = synthesizer.trained.classes[0]
    batch, rows = synthesizer.settings.batch_size, []
    for s in strengths:
        starts = range(0, n, batch)
        parts = [range(start, min(start + batch, n)) for start in starts]
        rows.append([image for part in parts for image in synthesizer.abnormal(part, seed, [s] * len(part), category)])
    return rows


def _category(synthesizer: PerturbedDdpm, normals: SurfaceDataset, number: int) -> str | None:
    return None if synthesizer.category is None else synthesizer.category(normals.records[number])


def _roughness(image: np.ndarray) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
