"""Charts from result rows and curves; each returns the figure and a sentence computed from the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from defectlab.evaluation.seeds import SeedSummary
from defectlab.report.curves import Curve, draw_band, draw_iso_f1
from defectlab.report.identity import Method, in_order
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import AP_STEP, PROTOCOL, by_seed, mean_and_sd, require_rows, summarise


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
        draw_iso_f1(axes)
        for identity in in_order({curve.method for curve in curves}):
            own = [curve for curve in curves if curve.method == identity.key]
            said.append(draw_band(axes, identity, own, paper.get(identity.key)))
        axes.axhline(base_rate, color="#666666", linewidth=1, linestyle=(0, (2, 2)), label=f"Base rate {base_rate:.2f}")
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="Recall", ylabel="Precision", aspect="equal")
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=2)  # below: the curves leave no corner free
        watermark(figure, profile)
    alt = f"Precision against recall. {' '.join(said)} Chance is {base_rate:.2f}."
    return Plot(figure, _mark(alt, profile))


def training_curves(history: pd.DataFrame, profile: str = "laptop", unit: str = "epoch") -> Plot:
    """Values by epoch, one panel a metric, one line a seed.

    Args:
        history: columns ``method``, ``seed``, ``epoch``, ``metric``, ``value``.
        profile: a smoke run is watermarked.
        unit: what the column ``epoch`` counts, such as ``"step"``.
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
                    said.append(_training_lines(axes, identity, rows, metric, unit))
            axes.set(xlabel=unit.capitalize(), title=metric)
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
            counts = sorted(int(count) for count in own["n_aug"].unique())
            summaries = [summarise(by_seed(own, n_aug=count)) for count in counts]
            _points(axes, identity, counts, summaries)
            ends = [f"{mean_and_sd(summaries[i])} at {counts[i]}" for i in (0, -1)]
            change = f"goes from {ends[0]} to {ends[1]}" if len(counts) > 1 else f"has {ends[0]}"
            said.append(f"{identity.name} {change} added images.")
            _paper_line(axes, identity, paper)
        axes.set(xlabel="Synthetic positives added (n_aug)", ylabel=_label(metric))
        axes.legend(loc="best")
        watermark(figure, profile)
    return Plot(figure, _mark(f"{_label(metric)} by number of synthetic positives. {' '.join(said)}", profile))


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
            summary = summarise(by_seed(rows, method=identity.key))
            n, ends = len(summary.values), summary.interval
            axes.plot(summary.values, [place] * n, "|", color=identity.colour, markersize=12, alpha=0.7)
            if n > 1:
                axes.plot([ends.low, ends.high], [place, place], color=identity.colour, linewidth=2.5)
            axes.plot(summary.mean, place, identity.marker, color=identity.colour, markersize=9)
            said.append(f"{identity.name} {mean_and_sd(summary)} ({n} {'seed' if n == 1 else 'seeds'})")
        axes.set_yticks(range(len(methods)), [identity.name for identity in reversed(methods)])
        axes.set(xlabel=f"{_label(metric)}: mean, 95 % interval, every seed", ylim=(-0.6, len(methods) - 0.4))
        axes.set_title(title)
        watermark(figure, profile)
    return Plot(figure, _mark(f"{_label(metric)} by method: {'; '.join(reversed(said))}.", profile))


def _label(metric: str) -> str:
    return PROTOCOL.get(metric, metric)


def _mark(alt: str, profile: str) -> str:
    return f"{alt} Smoke profile: not a result." if profile == "smoke" else alt


def _training_lines(axes: Axes, identity: Method, rows: pd.DataFrame, metric: str, unit: str) -> str:
    table = rows.pivot(index="epoch", columns="seed", values="value")
    marker = identity.marker if len(table) == 1 else ""  # of one point there is no line
    axes.plot(table.index, table.to_numpy(), color=identity.colour, alpha=0.35, linewidth=0.9, marker=marker)
    mean = table.mean(axis=1)
    axes.plot(mean.index, mean, color=identity.colour, linestyle=identity.line, marker=marker, label=identity.name)
    if len(mean) == 1:
        return f"{identity.name}: {metric} {mean.iloc[0]:.3g} at {unit} {mean.index[0]}."
    change = f"{mean.iloc[0]:.3g} to {mean.iloc[-1]:.3g}"
    return f"{identity.name}: {metric} from {change} over {unit}s {mean.index[0]} to {mean.index[-1]}."


def _points(axes: Axes, identity: Method, counts: list[int], summaries: list[SeedSummary]) -> None:
    means = np.array([summary.mean for summary in summaries])
    ends = np.array([[summary.interval.low, summary.interval.high] for summary in summaries])
    ends[~np.isfinite(ends)] = np.repeat(means[:, None], 2, 1)[~np.isfinite(ends)]  # one seed: no interval to draw
    error = np.abs(ends - means[:, None]).T
    axes.errorbar(counts, means, yerr=error, capsize=3, **identity.style())


def _paper_line(axes: Axes, identity: Method, paper: pd.DataFrame | None) -> None:
    if paper is None:
        return
    own = paper[paper["method"] == identity.key].sort_values("n_aug")
    if not own.empty:
        hollow: dict[str, Any] = {"fillstyle": "none", "markersize": 10, "linewidth": 0.6}
        label = f"{identity.name}, paper"
        axes.plot(own["n_aug"], own["paper"], marker=identity.marker, color=identity.colour, label=label, **hollow)


def _one_setting(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of the metric, checked to be of one data set and one regime."""
    chosen = require_rows(rows)
    chosen = chosen[chosen["metric"] == metric]
    if chosen.empty:
        raise ValueError(f"no result rows of metric {metric!r}; there are: {', '.join(sorted(set(rows['metric'])))}")
    for column in ("dataset", "regime"):
        if chosen[column].nunique() > 1:
            raise ValueError(
                f"one figure shows one {column}; got {', '.join(sorted(set(chosen[column])))}: filter the rows"
            )
    return chosen
