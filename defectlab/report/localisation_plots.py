"""Figures of localisation: metrics side by side by method, and how far AUPRO moves by its definition alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from defectlab.report.identity import Method, in_order
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import AUPRO, IMAGE_AUROC, PIXEL_AUROC, by_seed, require_rows, summarise

SHORT = {IMAGE_AUROC: "Image AUROC", PIXEL_AUROC: "Pixel AUROC", AUPRO: "AUPRO"}
REFERENCE = "mvtec_ad"
"""The definition that the others are compared with."""


def metric_panels(
    rows: pd.DataFrame, metrics: Sequence[str] = tuple(SHORT), profile: str = "laptop", title: str = ""
) -> Plot:
    """One panel a metric, one line a method: every seed, the mean and its 95 % interval, in per cent.

    Args:
        rows: result rows of one data set and one setting.
        metrics: keys of `SHORT`.
        profile: a smoke run is watermarked.
        title: heading of the figure.

    Raises:
        ValueError: if no row has one of the metrics.
    """
    rows = require_rows(rows)
    rows = rows[rows["metric"].isin(metrics)]
    if rows.empty:
        raise ValueError(f"no result rows of {', '.join(metrics)}")
    methods = in_order(set(rows["method"]))[::-1]
    said = []
    with styled():
        height = 1.2 + 0.34 * len(methods)
        figure, panels = plt.subplots(
            1, len(metrics), figsize=(size("wide")[0], height), sharey=True, squeeze=False, layout="constrained"
        )
        for axes, metric in zip(panels[0], metrics, strict=True):
            said.append(f"{SHORT[metric]}: " + "; ".join(_points(axes, methods, rows, metric)) + ".")
            axes.set_title(SHORT[metric])
        panels[0][0].set_yticks(range(len(methods)), [identity.name for identity in methods])
        panels[0][0].set_ylim(-0.6, len(methods) - 0.4)
        panels[0][len(metrics) // 2].set_xlabel("Per cent: mean, 95 % interval, every seed")
        if title:
            figure.suptitle(title)
        watermark(figure, profile)
    return Plot(figure, _mark(f"Metrics by method. {' '.join(said)}", profile))


def aupro_by_definition_plot(
    table: pd.DataFrame, differs: Mapping[str, str], profile: str = "laptop", title: str = ""
) -> Plot:
    """One line a definition of AUPRO, one marker a method: how far a number moves on the very same maps.

    Args:
        table: columns ``method``, ``definition``, ``value`` in [0, 1]; several values of a pair are averaged.
        differs: for each definition, what differs from MVTec AD's.
        profile: a smoke run is watermarked.
        title: heading of the axes.

    Raises:
        ValueError: without values, or without those of MVTec AD's definition.
    """
    if table.empty or REFERENCE not in set(table["definition"]):
        raise ValueError(f"expected values of AUPRO by definition, {REFERENCE!r} among them, got {len(table)} rows")
    values = 100 * table.pivot_table(index="definition", columns="method", values="value", sort=False)
    names = [name for name in differs if name in values.index][::-1]
    with styled():
        figure, axes = plt.subplots(figsize=(size("wide")[0], 1.2 + 0.5 * len(names)), layout="constrained")
        for identity in in_order(set(table["method"])):
            own = values[identity.key].reindex(names)
            axes.plot(own, range(len(names)), identity.marker, color=identity.colour, label=identity.name, markersize=8)
        axes.set_yticks(range(len(names)), [_two_lines(name, differs[name]) for name in names], fontsize=8)
        axes.set(xlabel="The number called AUPRO, per cent", ylim=(-0.6, len(names) - 0.4), title=title)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        watermark(figure, profile)
    return Plot(figure, _mark(_said_of_definitions(values, names), profile))


def _said_of_definitions(values: pd.DataFrame, names: Sequence[str]) -> str:
    """How far each definition is from the reference, over methods, and whether the order of methods changes."""
    shifts = values.sub(values.loc[REFERENCE], axis=1)
    said = [
        f"{name.replace('_', ' ')} {shifts.loc[name].min():+.1f} to {shifts.loc[name].max():+.1f}"
        for name in reversed(names)
        if name != REFERENCE
    ]
    ranks = values.rank(axis=1).T
    others = [name.replace("_", " ") for name in names if not ranks[name].equals(ranks[REFERENCE])]
    turned = f" Methods are ordered otherwise by {', '.join(others)}." if others else " The order of methods stays."
    return f"AUPRO of the same maps by definition, in points from MVTec AD's: {'; '.join(said)}.{turned}"


def _points(axes: Axes, methods: Sequence[Method], rows: pd.DataFrame, metric: str) -> list[str]:
    said = []
    for place, identity in enumerate(methods):
        values = 100 * by_seed(rows, method=identity.key, metric=metric)
        if values.empty:
            continue
        summary = summarise(values)
        axes.plot(values, [place] * len(values), "|", color=identity.colour, markersize=9, alpha=0.7)
        if len(values) > 1:
            ends = summary.interval
            axes.plot([ends.low, ends.high], [place, place], color=identity.colour, linewidth=2)
        axes.plot(summary.mean, place, identity.marker, color=identity.colour, markersize=7)
        said.append(f"{identity.name} {summary.mean:.1f}")
    return said[::-1]


def _two_lines(name: str, differs: str) -> str:
    words, lines = differs.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 60:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return "\n".join([name.replace("_", " "), *lines])


def _mark(alt: str, profile: str) -> str:
    return f"{alt} Smoke profile: not a result." if profile == "smoke" else alt
