"""The qualitative figure: rows of images side by side, drawn at random with a stated seed, named by record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

from defectlab.data.base import SurfaceDataset
from defectlab.report.identity import method
from defectlab.report.style import Plot, size, styled, watermark

LABEL_POINTS = (6.0, 10.0)
"""Smallest and largest size of the label over an image; a page shows a point of a grid as a little over a pixel."""
_CHARACTER = 0.6
"""Width of a character of the label as a share of its size, with a little to spare."""


@dataclass(frozen=True)
class GridRow:
    """One row of the grid.

    Attributes:
        title: what the row shows.
        images: arrays ``(H, W, 3)`` uint8 or ``(H, W)`` bool, of one size.
        ids: record of each image.
        method: short name whose colour frames the row, or ``None``.
        outlines: masks whose border is drawn into the images, bool ``(H, W)``, or ``None`` each.
    """

    title: str
    images: tuple[np.ndarray, ...]
    ids: tuple[str, ...]
    method: str | None = None
    outlines: tuple[np.ndarray | None, ...] = ()

    def __post_init__(self) -> None:
        if len(self.images) != len(self.ids) or not self.images:
            raise ValueError(
                f"row {self.title!r}: {len(self.images)} images, {len(self.ids)} ids; expected one id an image"
            )


def draw_row(
    dataset: SurfaceDataset,
    title: str,
    n: int = 6,
    seed: int = 0,
    method: str | None = None,
    masks: bool = False,
    outline: bool = False,
) -> GridRow:
    """A row of ``n`` images (or their masks) drawn at random, without choosing.

    The draw depends on ``seed`` and the length of the data set alone, so the masks drawn with the same seed belong
    to the images.

    Args:
        dataset: real or synthetic images.
        title: what the row shows.
        n: how many; fewer where the data set has fewer.
        seed: seed of the draw.
        method: short name whose colour frames the row.
        masks: show the masks in place of the images.
        outline: draw the border of each mask into its image.

    Raises:
        ValueError: if the data set is empty, or masks are asked for where a sample has none.
    """
    if not len(dataset):
        raise ValueError(f"row {title!r}: the data set {dataset.name} has no image to draw")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:n])
    samples = [dataset[int(i)] for i in chosen]
    ids = tuple(dataset.records[int(i)].id for i in chosen)
    located = [None if sample.mask is None else sample.mask[0].numpy() for sample in samples]
    if masks:
        missing = [name for name, mask in zip(ids, located, strict=True) if mask is None]
        if missing:
            raise ValueError(f"row {title!r}: no mask for {missing[0]}; show the images, or a data set with masks")
        return GridRow(title, tuple(mask for mask in located if mask is not None), ids, method)
    images = tuple((sample.image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy() for sample in samples)
    return GridRow(title, images, ids, method, tuple(located) if outline else ())


def sample_grid(rows: Sequence[GridRow], profile: str = "laptop", seed: int | None = None) -> Plot:
    """Rows of images as the papers show them: negatives, positives, masks, one row a method.

    Args:
        rows: from top to bottom.
        profile: a smoke run is watermarked.
        seed: seed of the draw, said in the alt text.

    Source: DIAG, Figure 2; In&Out, Figure 5.
    """
    if not rows:
        raise ValueError("expected at least one row of images, got none")
    columns = max(len(row.images) for row in rows)
    points = _label_points(rows, columns)
    with styled():
        figure, panels = plt.subplots(len(rows), columns, figsize=_figure_size(rows, columns), squeeze=False)
        for line, row in zip(panels, rows, strict=True):
            for place, axes in enumerate(line):
                _panel(axes, row, place, points)
            line[0].set_ylabel(row.title, rotation=0, ha="right", va="center", labelpad=8)
        watermark(figure, profile)
    drawn = "" if seed is None else f", drawn at random with seed {seed}"
    listed = "; ".join(f"{row.title} ({len(row.images)})" for row in rows)
    alt = f"Grid of images, {len(rows)} rows from top to bottom{drawn}: {listed}.{_said_of_masks(rows)}"
    return Plot(figure, f"{alt} Smoke profile: not a result." if profile == "smoke" else alt)


def _figure_size(rows: Sequence[GridRow], columns: int) -> tuple[float, float]:
    width, panel = size("grid")[0], _panel_width(columns)
    shapes = [row.images[0].shape for row in rows]
    return width, sum(panel * shape[0] / shape[1] + 0.25 for shape in shapes)


def _panel_width(columns: int) -> float:
    return (size("grid")[0] - 1.4) / columns  # inches; the row titles take the rest


def _label_points(rows: Sequence[GridRow], columns: int) -> float:
    """As large as the longest label of the grid fits over its image, within `LABEL_POINTS`."""
    longest = max(len(_label(row, place)) for row in rows for place in range(len(row.ids)))
    low, high = LABEL_POINTS
    return min(high, max(low, 72 * _panel_width(columns) / (_CHARACTER * max(longest, 1))))


def _label(row: GridRow, place: int) -> str:
    return row.ids[place].rsplit("/", 1)[-1]


def _panel(axes: Axes, row: GridRow, place: int, points: float) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    if place >= len(row.images):
        axes.axis("off")
        return
    axes.imshow(row.images[place], vmin=0, vmax=1 if row.images[place].dtype == bool else 255)
    axes.set_title(_label(row, place), fontsize=points, pad=3, loc="center", color="#333333")
    for spine in axes.spines.values():
        spine.set(
            visible=True,
            color=method(row.method).colour if row.method else "#bbbbbb",
            linewidth=2 if row.method else 0.6,
        )
    outline = row.outlines[place] if row.outlines else None
    if outline is not None and outline.any() and not outline.all():
        axes.contour(outline.astype(float), levels=[0.5], colors="#D55E00", linewidths=0.8)


def _said_of_masks(rows: Sequence[GridRow]) -> str:
    masks = [mask for row in rows for mask in row.images if mask.dtype == bool]
    masks += [mask for row in rows for mask in row.outlines if mask is not None and mask.any()]
    if not masks:
        return ""
    shares = [100 * float(mask.mean()) for mask in masks]
    low, high = f"{min(shares):.1f}", f"{max(shares):.1f}"
    return f" Masks cover {low if low == high else f'{low} to {high}'} % of their image."
