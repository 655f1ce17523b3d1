"""Charts from result rows and curves; each returns the figure and a sentence computed from the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from defectlab.report.identity import Method, in_order
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import AP_STEP, PROTOCOL, Summary, by_seed, require_rows, summarise

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


def pr_curves(
    curves: Sequence[Curve],
    base_rate: float,
    paper: Mapping[str, tuple[float, float]] | None = None,
    profile: str = "laptop",
    title: str = "",
) -> Plot:
    """Precision against recall: mean and range over seeds, base rate, iso-F1 lines, the paper's operating points.

    Args:
        curves: one a run.
        base_rate: share of positives in the test set: the precision of chance.
        paper: short name to (precision, recall) that the paper prints; drawn as a large hollow marker.
        profile: a smoke run is watermarked.
        title: heading of the axes.

    Raises:
        ValueError: without curves, or with a base rate outside (0, 1).
    """
    if not curves:
        raise ValueError("expected at least one precision-recall curve, got none")
    if not 0 < base_rate < 1:
        raise ValueError(f"base_rate must lie in (0, 1), got {base_rate}")
    paper = paper or {}
    said = []
    with styled():
        figure, axes = plt.subplots(figsize=size("square"))
        _iso_f1(axes)
        axes.axhline(base_rate, color="#777777", linewidth=1, linestyle=(0, (2, 2)))
        axes.text(0.99, base_rate, f"base rate {base_rate:.2f}", ha="right", va="bottom", fontsize=8, color="#555555")
        for identity in in_order({curve.method for curve in curves}):
            own = [curve for curve in curves if curve.method == identity.key]
            said.append(_pr_band(axes, identity, own, paper.get(identity.key)))
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="Recall", ylabel="Precision", aspect="equal")
        axes.set_title(title)
        axes.legend(loc="lower left")
        watermark(figure, profile)
    alt = f"Precision against recall. {' '.join(said)} Chance is {base_rate:.2f}."
    return Plot(figure, _mark(alt, profile))


def training_curves(history: pd.DataFrame, profile: str = "laptop") -> Plot:
    """Values by epoch, one panel a metric, one line a seed.

    Args:
        history: columns ``method``, ``seed``, ``epoch``, ``metric``, ``value``.
        profile: a smoke run is watermarked.
    """
    if history.empty:
        raise ValueError("expected training history, got an empty table")
    metrics = list(dict.fromkeys(history["metric"]))
    said = []
    with styled():
        figure, panels = plt.subplots(1, len(metrics), figsize=size("wide"), squeeze=False)
        for axes, metric in zip(panels[0], metrics, strict=True):
            for identity in in_order(set(history["method"])):
                rows = history[(history["metric"] == metric) & (history["method"] == identity.key)]
                if not rows.empty:
                    said.append(_training_lines(axes, identity, rows, metric))
            axes.set(xlabel="Epoch", title=metric)
        panels[0][-1].legend(loc="best")
        watermark(figure, profile)
    return Plot(figure, _mark(f"Training curves. {' '.join(said)}", profile))


def n_aug_curve(
    rows: pd.DataFrame, metric: str = AP_STEP, paper: pd.DataFrame | None = None, profile: str = "laptop"
) -> Plot:
    """A metric against the number of synthetic positives: mean, 95 % interval over seeds, and the paper's values.

    Args:
        rows: result rows of one data set and one regime.
        metric: metric to draw.
        paper: columns ``method``, ``n_aug``, ``paper``; drawn hollow, joined by a thin line.
        profile: a smoke run is watermarked.
    """
    rows = _one_setting(rows, metric)
    said = []
    with styled():
        figure, axes = plt.subplots(figsize=size("column"))
        for identity in in_order(set(rows["method"])):
            own = rows[rows["method"] == identity.key]
            counts = sorted(own["n_aug"].unique())
            summaries = [summarise(by_seed(own, n_aug=count).tolist()) for count in counts]
            _points(axes, identity, counts, summaries)
            said.append(f"{identity.name} goes from {_ours(summaries[0])} at {counts[0]} to "
                        f"{_ours(summaries[-1])} at {counts[-1]} added images." if len(counts) > 1
                        else f"{identity.name} has {_ours(summaries[0])} at {counts[0]} added images.")  # fmt: skip
            _paper_line(axes, identity, paper)
        axes.set(xlabel="Synthetic positives added (n_aug)", ylabel=PROTOCOL.get(metric, metric))
        axes.legend(loc="best")
        watermark(figure, profile)
    return Plot(figure, _mark(f"{PROTOCOL.get(metric, metric)} by number of synthetic positives. {' '.join(said)}", profile))


def ap_points(rows: pd.DataFrame, metric: str = AP_STEP, profile: str = "laptop", title: str = "") -> Plot:
    """One line a method: every seed, the mean and its 95 % interval.

    Args:
        rows: result rows of one data set, one regime and one ``n_aug`` (``none`` may have ``n_aug`` 0).
        metric: metric to draw.
        profile: a smoke run is watermarked.
        title: heading of the axes.
    """
    rows = _one_setting(rows, metric)
    methods = in_order(set(rows["method"]))
    said = []
    with styled():
        figure, axes = plt.subplots(figsize=(size("wide")[0], 0.9 + 0.6 * len(methods)))
        for place, identity in enumerate(reversed(methods)):
            summary = summarise(by_seed(rows, method=identity.key).tolist())
            axes.plot(summary.values, [place] * summary.n, "|", color=identity.colour, markersize=12, alpha=0.7)
            if summary.n > 1:
                axes.plot([summary.low, summary.high], [place, place], color=identity.colour, linewidth=2.5)
            axes.plot(summary.mean, place, identity.marker, color=identity.colour, markersize=9)
            said.append(f"{identity.name} {_ours(summary)} ({summary.n} seeds)")
        axes.set_yticks(range(len(methods)), [identity.name for identity in reversed(methods)])
        axes.set(xlabel=f"{PROTOCOL.get(metric, metric)}: mean, 95 % interval, every seed", ylim=(-0.6, len(methods) - 0.4))
        axes.set_title(title)
        watermark(figure, profile)
    return Plot(figure, _mark(f"{PROTOCOL.get(metric, metric)} by method: {'; '.join(reversed(said))}.", profile))


def _mark(alt: str, profile: str) -> str:
    return f"{alt} Smoke profile: not a result." if profile == "smoke" else alt


def _ours(summary: Summary) -> str:
    return f"{summary.mean:.2f}" if summary.n < 2 else f"{summary.mean:.2f} ± {summary.sd:.2f}"


def _iso_f1(axes: Axes) -> None:
    recall = np.linspace(0.01, 1, 200)
    for f1 in (0.2, 0.4, 0.6, 0.8):
        reachable = recall > f1 / (2 - f1)
        # F1 = 2PR / (P + R), solved for P
        axes.plot(recall[reachable], f1 * recall[reachable] / (2 * recall[reachable] - f1), color="#dddddd", linewidth=0.8)
        axes.text(1.0, f1 / (2 - f1), f" F1 {f1}", fontsize=7, color="#888888", va="center", clip_on=False)


def _pr_band(axes: Axes, identity: Method, own: list[Curve], point: tuple[float, float] | None) -> str:
    levels = np.stack([curve.at(_GRID) for curve in own])
    summary = summarise([curve.ap for curve in own])
    label = f"{identity.name}, AP {_ours(summary)} (n = {summary.n})"
    mean = levels.mean(0)
    axes.step(_GRID, mean, where="pre", color=identity.colour, linestyle=identity.line, label=label)
    axes.plot(_GRID[50::100], mean[50::100], linestyle="none", marker=identity.marker, color=identity.colour)
    if len(own) > 1:
        axes.fill_between(_GRID, levels.min(0), levels.max(0), step="pre", color=identity.colour, alpha=0.18, linewidth=0)
    said = f"{identity.name} has AP {_ours(summary)} over {summary.n} {'seed' if summary.n == 1 else 'seeds'}."
    if point is None:
        return said
    precision, recall = point
    axes.plot(recall, precision, identity.marker, color=identity.colour, markersize=13, fillstyle="none", markeredgewidth=2,
              linestyle="none", label=f"{identity.name}, paper's operating point")  # fmt: skip
    gap = precision - float(np.mean([curve.at(np.array([recall]))[0] for curve in own]))
    side = "above" if gap > 0 else "below"
    return f"{said} The paper's point (precision {precision}, recall {recall}) lies {abs(gap):.2f} {side} our mean curve."


def _training_lines(axes: Axes, identity: Method, rows: pd.DataFrame, metric: str) -> str:
    table = rows.pivot(index="epoch", columns="seed", values="value")
    axes.plot(table.index, table.to_numpy(), color=identity.colour, alpha=0.35, linewidth=0.9)
    mean = table.mean(axis=1)
    axes.plot(mean.index, mean, color=identity.colour, linestyle=identity.line, label=identity.name)
    change = f"{mean.iloc[0]:.3g} to {mean.iloc[-1]:.3g}"
    return f"{identity.name}: {metric} from {change} over epochs {mean.index[0]} to {mean.index[-1]}."


def _points(axes: Axes, identity: Method, counts: list[int], summaries: list[Summary]) -> None:
    means = np.array([summary.mean for summary in summaries])
    ends = np.array([[summary.low, summary.high] for summary in summaries])
    error = np.nan_to_num(np.abs(ends - means[:, None])).T
    axes.errorbar(counts, means, yerr=error, capsize=3, **identity.style())


def _paper_line(axes: Axes, identity: Method, paper: pd.DataFrame | None) -> None:
    if paper is None:
        return
    own = paper[paper["method"] == identity.key].sort_values("n_aug")
    if not own.empty:
        axes.plot(own["n_aug"], own["paper"], identity.marker, color=identity.colour, fillstyle="none", markersize=10,
                  linestyle="-", linewidth=0.6, label=f"{identity.name}, paper")  # fmt: skip


def _one_setting(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of the metric, checked to be of one data set and one regime."""
    chosen = require_rows(rows)
    chosen = chosen[chosen["metric"] == metric]
    if chosen.empty:
        raise ValueError(f"no result rows of metric {metric!r}; there are: {', '.join(sorted(set(rows['metric'])))}")
    for column in ("dataset", "regime"):
        if chosen[column].nunique() > 1:
            raise ValueError(f"one figure shows one {column}; got {', '.join(sorted(set(chosen[column])))}: filter the rows")
    return chosen


