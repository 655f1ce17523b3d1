"""Anomaly maps as rows of the qualitative figure, in colours that keep their order in grey (Figure 4)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np

from defectlab.report.grids import GridRow

COLOURS = "magma"
"""Perceptually uniform: brighter is more anomalous, in print and for colour-blind readers too."""


def heat_row(
    title: str,
    maps: Sequence[np.ndarray],
    ends: tuple[float, float],
    ids: Sequence[str],
    masks: Sequence[np.ndarray] = (),
    method: str | None = None,
) -> GridRow:
    """A row of anomaly maps.

    Args:
        title: what the row shows.
        maps: ``(H, W)`` each, any scale, finite.
        ends: scores that are drawn darkest and brightest: those of all test images, not of these, so that a dark row
            says that nothing was found.
        ids: record of each.
        masks: bool ``(H, W)`` each, whose border is drawn; none for none.
        method: short name whose colour frames the row.

    Raises:
        ValueError: if the ends are not finite or not in order.
    """
    low, high = ends
    if not (np.isfinite(ends).all() and low <= high):
        raise ValueError(f"row {title!r}: expected finite scores, the lowest first, got {ends}")
    images = tuple(_coloured(scores, low, high) for scores in maps)
    return GridRow(title, images, tuple(ids), method, tuple(masks))


def hits(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> float:
    """In how many images the highest score lies on the defect: the pointing game, of those that have one.

    Where several pixels share the highest score, the image counts by the share of them that is on the defect: what a
    draw among them gives on average.
    """
    return float(sum(mask[scores == scores.max()].mean() for scores, mask in zip(maps, masks, strict=True)))


def _coloured(scores: np.ndarray, low: float, high: float) -> np.ndarray:
    share = (scores.astype(np.float64) - low) / (high - low) if high > low else np.zeros(scores.shape)
    coloured: np.ndarray = mpl.colormaps[COLOURS](np.clip(share, 0, 1), bytes=True)[..., :3]
    return coloured
