"""Precision-recall curves of runs, and how the mean and range of several are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from defectlab.report.identity import Method
from defectlab.report.summary import mean_and_sd, summarise

_GRID = np.linspace(0, 1, 501)


@dataclass(frozen=True)
class Curve:
    """A precision-recall curve of one run.

    Attributes:
        method: short name of the method.
        seed: seed of the run.
        recall: shape ``(k,)``, in [0, 1], in any order.
        precision: shape ``(k,)``, in [0, 1].
        ap: step AP of the run, as evaluation computed it.
    """

    method: str
    seed: int
    recall: np.ndarray
    precision: np.ndarray
    ap: float

    def __post_init__(self) -> None:
        if len(self.recall) != len(self.precision) or not len(self.recall):
            raise ValueError(
                f"curve of {self.method}, seed {self.seed}: recall has {len(self.recall)} points, "
                f"precision {len(self.precision)}; expected equally many, at least one"
            )

    def at(self, recall: np.ndarray) -> np.ndarray:
        """Precision of the step curve at given recalls: that of the nearest point with at least that recall."""
        # Of points with equal recall the highest threshold counts: it has the fewest false positives.
        reached, first = np.unique(self.recall, return_inverse=True)
        best = np.zeros(len(reached))
        np.maximum.at(best, first, self.precision)
        position = np.searchsorted(reached, recall, side="left")
        return np.where(position < len(reached), best[np.minimum(position, len(reached) - 1)], 0.0)


def draw_iso_f1(axes: Axes) -> None:
    """Lines of equal F1, each with its value."""
    recall = np.linspace(0.01, 1, 200)
    for f1 in (0.2, 0.4, 0.6, 0.8):
        reachable = recall > f1 / (2 - f1)
        # F1 = 2PR / (P + R), solved for P
        axes.plot(
            recall[reachable], f1 * recall[reachable] / (2 * recall[reachable] - f1), color="#dddddd", linewidth=0.8
        )
        axes.text(1.0, f1 / (2 - f1), f" F1 {f1}", fontsize=7, color="#888888", va="center", clip_on=False)


def draw_band(axes: Axes, identity: Method, own: list[Curve], point: tuple[float, float] | None) -> str:
    """Draws mean and range of one method's curves.

    Args:
        axes: to draw on.
        identity: of the method.
        own: its curves, one a seed.
        point: (precision, recall) that the paper prints, a large hollow marker; or ``None``.

    Returns:
        What is seen, in words.
    """
    levels = np.stack([curve.at(_GRID) for curve in own])
    summary = summarise([curve.ap for curve in own])
    label = f"{identity.name}, AP {mean_and_sd(summary)} (n = {len(own)})"
    mean = levels.mean(0)
    axes.step(_GRID, mean, where="pre", markevery=(50, 100), **{**identity.style(), "label": label})
    if len(own) > 1:
        axes.fill_between(
            _GRID, levels.min(0), levels.max(0), step="pre", color=identity.colour, alpha=0.18, linewidth=0
        )
    said = f"{identity.name} has AP {mean_and_sd(summary)} over {len(own)} {'seed' if len(own) == 1 else 'seeds'}."
    if point is None:
        return said
    precision, recall = point
    hollow: dict[str, Any] = {"fillstyle": "none", "markersize": 13, "markeredgewidth": 2, "linestyle": "none"}
    label = f"{identity.name}, paper's operating point"
    axes.plot(recall, precision, marker=identity.marker, color=identity.colour, label=label, **hollow)
    gap = precision - float(np.mean([curve.at(np.array([recall]))[0] for curve in own]))
    place = f"{abs(gap):.2f} {'above' if gap > 0 else 'below'} our mean curve"
    return f"{said} The paper's point (precision {precision}, recall {recall}) lies {place}."
