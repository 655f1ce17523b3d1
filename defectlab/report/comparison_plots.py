"""Figures of the comparison: the matrix as dots with intervals, and what a second buys."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from defectlab.report.comparison_setting import (
    DETECTOR_SECONDS,
    NORMAL_ONLY,
    SYNTHESIS_SECONDS,
    cell_name,
    detector_title,
    label,
    why_not,
)
from defectlab.report.comparison_tables import axes_of, comparison_rows, seconds
from defectlab.report.identity import in_order, method
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import AP_STEP, by_seed, mean_and_sd, summarise

_NORMALS: dict[str, str] = {"nearest": "*", "simplenet": "h"}
"""Markers of the detectors that take no synthetic image; they are black, as training without augmentation is."""
_AT_LEAST = 0.05
"""Seconds, for the logarithm."""


def matrix_plot(rows: pd.DataFrame, metric: str = AP_STEP, profile: str = "laptop") -> Plot:
    """One panel a detector, one line a synthesizer: every seed, the mean and its 95 % interval, or why there is none.

    Args:
        rows: of one run of the comparison.
        metric: to draw; detectors without it have no panel.
        profile: a smoke run is watermarked.

    Raises:
        ValueError: if there is no row of the metric, or the rows mix data sets, regimes or profiles.
    """
    rows = comparison_rows(rows)
    synthesizers, _ = axes_of(rows)
    detectors = axes_of(_measured(rows, metric))[1]
    height = 1.1 + 0.42 * len(synthesizers)
    said = []
    with styled():
        figure, panels = plt.subplots(
            1, len(detectors), figsize=(size("wide")[0], height), squeeze=False, sharey=True, sharex=True
        )
        for axes, detector in zip(panels[0], detectors, strict=True):
            told = [_dots(axes, rows, name, detector, metric, place) for place, name in enumerate(synthesizers[::-1])]
            axes.set_title(detector_title(detector), fontsize="medium")
            axes.set(ylim=(-0.6, len(synthesizers) - 0.4))
            said.append(f"{detector_title(detector)}: {'; '.join(text for text in reversed(told) if text)}.")
        panels[0][0].set_yticks(range(len(synthesizers)), [method(name).name for name in synthesizers[::-1]])
        figure.supxlabel(f"{_capital(label(metric))}: every seed, mean, 95 % interval", fontsize="medium")
        watermark(figure, profile)
    return Plot(figure, _mark(f"{_capital(label(metric))} by detector and synthesizer. {' '.join(said)}", profile))


def pareto_plot(rows: pd.DataFrame, metric: str = AP_STEP, profile: str = "laptop") -> Plot:
    """A metric against the seconds of synthesis and training together, one panel a detector.

    Detectors that learn from normal images alone stand in every panel, in black; the line joins the cells that no
    other of the panel beats in both.

    Args:
        rows: of one run of the comparison.
        metric: upwards.
        profile: a smoke run is watermarked.

    Raises:
        ValueError: if there is no row of the metric, or the rows mix data sets, regimes or profiles.
    """
    rows = _measured(comparison_rows(rows), metric)
    points = cost_and_value(rows, metric)
    fed = [name for name in axes_of(rows)[1] if name not in NORMAL_ONLY] or axes_of(rows)[1][:1]
    said = []
    with styled():
        figure, panels = plt.subplots(1, len(fed), figsize=size("wide"), squeeze=False, sharey=True)
        for axes, detector in zip(panels[0], fed, strict=True):
            own = points[(points["detector"] == detector) | points["detector"].isin(NORMAL_ONLY)]
            said.append(_pareto(axes, own, detector))
            axes.set(xscale="log", xlabel="Seconds, synthesis and training", title=detector_title(detector))
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        panels[0][0].set_ylabel(_capital(label(metric)))
        handles = {text: handle for axes in panels[0] for handle, text in zip(*axes.get_legend_handles_labels())}  # noqa: B905
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)))
        watermark(figure, profile)
    return Plot(figure, _mark(f"{_capital(label(metric))} against seconds. {' '.join(said)}", profile))


def cost_and_value(rows: pd.DataFrame, metric: str = AP_STEP) -> pd.DataFrame:
    """One line a cell: synthesizer, detector, seconds (both parts), value (mean over seeds)."""
    synthesizers, detectors = axes_of(rows)
    there = set(rows["method"])
    lines = [
        (s, d, sum(seconds(rows, s, d, part) for part in (SYNTHESIS_SECONDS, DETECTOR_SECONDS)),
         float(by_seed(rows, method=cell_name(s, d), metric=metric).mean()))
        for s in synthesizers for d in detectors if cell_name(s, d) in there
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=["synthesizer", "detector", "seconds", "value"])


def front(points: pd.DataFrame) -> pd.DataFrame:
    """The lines that no other beats in both seconds and value, by their seconds; of equals the first."""
    ordered = points.sort_values(["seconds", "value"], ascending=[True, False], kind="stable")
    best = ordered["value"].cummax().shift(fill_value=-np.inf)
    return ordered[ordered["value"] > best]


def _measured(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of the cells that have the metric."""
    have = set(rows[rows["metric"] == metric]["method"])
    if not have:
        raise ValueError(f"no result rows of metric {metric!r}; there are: {', '.join(sorted(set(rows['metric'])))}")
    return rows[rows["method"].isin(have)]


def _dots(axes: Axes, rows: pd.DataFrame, synthesizer: str, detector: str, metric: str, place: int) -> str:
    identity = method(synthesizer)
    values = by_seed(rows, method=cell_name(synthesizer, detector), metric=metric)
    if values.empty:
        reason = why_not(synthesizer, detector, str(rows["regime"].iloc[0])) or "not run"
        shown = "–" if detector in NORMAL_ONLY else reason  # such a panel has one line
        axes.text(0.5, place, shown, transform=axes.get_yaxis_transform(), ha="center", va="center",
                  fontsize=7, color="#555555")  # fmt: skip
        return "" if detector in NORMAL_ONLY else f"{identity.name} {reason}"
    summary = summarise(values)
    axes.plot(summary.values, [place] * len(values), "|", color=identity.colour, markersize=11, alpha=0.7)
    if len(values) > 1:
        ends = np.clip([summary.interval.low, summary.interval.high], 0, 1)
        axes.plot(ends, [place, place], color=identity.colour, linewidth=2)
    axes.plot(summary.mean, place, identity.marker, color=identity.colour, markersize=8)
    n = len(values)
    return f"{identity.name} {mean_and_sd(summary)} ({n} seed{'s' * (n != 1)})"


def _pareto(axes: Axes, points: pd.DataFrame, detector: str) -> str:
    points = points.assign(seconds=points["seconds"].clip(lower=_AT_LEAST))
    fed = points[points["detector"] == detector]
    for identity in in_order(set(fed["synthesizer"])):
        line = fed[fed["synthesizer"] == identity.key].iloc[0]
        style: dict[str, Any] = {"color": identity.colour, "marker": identity.marker, "label": identity.name}
        if detector in NORMAL_ONLY:
            style |= {"marker": _NORMALS[detector], "label": detector_title(detector)}
        axes.plot(line["seconds"], line["value"], linestyle="none", markersize=9, zorder=3, **style)
    for other in points[points["detector"] != detector].to_dict("records"):
        title = f"{detector_title(other['detector'])}, normals alone"
        marker = _NORMALS[other["detector"]]
        axes.plot(other["seconds"], other["value"], marker, color="#000000", markersize=10, label=title, zorder=3)
    best = front(points)
    axes.step(best["seconds"], best["value"], where="post", color="#999999", linewidth=1, zorder=1)
    told = "; ".join(
        f"{_who(line)} {line['value']:.2f} in {line['seconds']:.0f} s" for line in points.to_dict("records")
    )
    unbeaten = ", ".join(_who(line) for line in best.to_dict("records"))
    return f"{detector_title(detector)}: {told}. Not beaten in both: {unbeaten}."


def _who(line: dict[Any, Any]) -> str:
    detector = str(line["detector"])
    return detector_title(detector) if detector in NORMAL_ONLY else method(str(line["synthesizer"])).name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _mark(alt: str, profile: str) -> str:
    return f"{alt} Smoke profile: not a result." if profile == "smoke" else alt
