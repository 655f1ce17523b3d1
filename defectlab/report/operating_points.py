"""Precision and recall against the number of added images, as In&Out's Figures 6 and 7, with bands over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from defectlab.report import published
from defectlab.report.identity import Method, in_order
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import (
    PRECISION,
    PRECISION_HONEST,
    PROTOCOL,
    RECALL,
    RECALL_HONEST,
    by_seed,
    mean_and_sd,
    require_rows,
    summarise,
)

METHODS = ("memseg", "ddpm", "in_and_out")

#: Metrics of result rows by the data that the threshold was chosen on.
THRESHOLDS = {"test": (PRECISION, RECALL), "validation": (PRECISION_HONEST, RECALL_HONEST)}


def operating_points(
    rows: pd.DataFrame,
    regime: str = "zero_shot",
    threshold: str = "test",
    methods: Sequence[str] = METHODS,
    profile: str = "laptop",
    title: str = "",
) -> Plot:
    """Precision and recall over ``n_aug``: our mean with the range over seeds, and the paper's values, hollow.

    The paper's values are those at the threshold chosen on the test set, and are drawn in both cases as landmarks.

    Args:
        rows: result rows of one data set, with one or several ``n_aug``; other regimes are left out.
        regime: ``"zero_shot"`` (the paper's figures), ``"few_shot"`` or ``"full_shot"`` (from its tables).
        threshold: ``"test"`` (the paper's protocol) or ``"validation"``.
        methods: short names of what is drawn, where the rows have them.
        profile: a smoke run is watermarked.
        title: heading of the figure.

    Raises:
        ValueError: for an unknown threshold, rows of several data sets, or rows that have nothing to draw.

    Source: In&Out, Figures 6 and 7.
    """
    metrics = _metrics(threshold)
    own = _chosen(rows, regime, metrics, methods)
    paper = published.in_and_out_curves(regime)
    said = []
    with styled():
        figure, panels = plt.subplots(1, 2, figsize=(size("wide")[0], size("column")[1]), sharex=True, sharey=True)
        for axes, metric, column in zip(panels, metrics, ("precision", "recall"), strict=True):
            landmarks = paper[paper["metric"] == published.IN_AND_OUT_METRICS[column]]
            said += [f"{column.capitalize()}:", *_panel(axes, own[own["metric"] == metric], landmarks, methods)]
            axes.set(title=column.capitalize(), xlabel="Synthetic positives added (n_aug)", ylim=(0, 1.02))
            axes.set_xticks(sorted({*own["n_aug"], *landmarks["n_aug"]}))
        panels[0].set_ylabel(PROTOCOL[metrics[0]])
        shown = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
        figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=2)
        figure.suptitle(title)
        watermark(figure, profile)
    alt = f"Precision and recall by number of synthetic positives, {PROTOCOL[metrics[0]]}. {' '.join(said)} "
    alt += "Hollow: the paper's values on KSDD2."
    return Plot(figure, f"{alt} Smoke profile: not a result." if profile == "smoke" else alt)


def _metrics(threshold: str) -> tuple[str, str]:
    if threshold not in THRESHOLDS:
        raise ValueError(f"threshold must be one of {', '.join(THRESHOLDS)}, got {threshold!r}")
    return THRESHOLDS[threshold]


def _chosen(rows: pd.DataFrame, regime: str, metrics: Sequence[str], methods: Sequence[str]) -> pd.DataFrame:
    rows = require_rows(rows)
    own = rows[(rows["regime"] == regime) & rows["metric"].isin(metrics) & rows["method"].isin(methods)]
    if own.empty:
        raise ValueError(
            f"no {regime} rows of {', '.join(metrics)} and methods {', '.join(methods)}; the rows have regimes "
            f"{', '.join(sorted(set(rows['regime'])))} and methods {', '.join(sorted(set(rows['method'])))}"
        )
    if own["dataset"].nunique() > 1:
        raise ValueError(f"one figure shows one dataset; got {', '.join(sorted(set(own['dataset'])))}: filter the rows")
    return own


def _panel(axes: Axes, own: pd.DataFrame, paper: pd.DataFrame, methods: Sequence[str]) -> list[str]:
    said = []
    for identity in in_order(set(methods)):
        rows = own[own["method"] == identity.key]
        if not rows.empty:
            said.append(_ours(axes, identity, rows))
        landmarks = paper[paper["method"] == identity.key].sort_values("n_aug")
        if not landmarks.empty:
            hollow: dict[str, Any] = {"fillstyle": "none", "markersize": 10, "linewidth": 0.6, "color": identity.colour}
            label = f"{identity.name}, paper (KSDD2)"
            axes.plot(landmarks["n_aug"], landmarks["paper"], marker=identity.marker, label=label, **hollow)
    return said


def _ours(axes: Axes, identity: Method, rows: pd.DataFrame) -> str:
    """Draws mean and range over seeds; says mean and deviation at the least and the largest count."""
    counts = sorted(int(count) for count in rows["n_aug"].unique())
    summaries = [summarise(by_seed(rows, n_aug=count)) for count in counts]
    low, high = ([pick(summary.values) for summary in summaries] for pick in (min, max))
    style = identity.style()
    axes.plot(counts, [summary.mean for summary in summaries], **{**style, "label": f"{identity.name}, here"})
    axes.fill_between(counts, low, high, color=identity.colour, alpha=0.15, linewidth=0)
    # The band has no width at a single count, so that the range is drawn as a line too.
    axes.vlines(counts, low, high, color=identity.colour, alpha=0.5, linewidth=1.2)
    ends = [f"{mean_and_sd(summaries[i])} at {counts[i]}" for i in (0, -1)]
    return f"{identity.name} {f'goes from {ends[0]} to {ends[1]}' if len(counts) > 1 else f'has {ends[0]}'}."
