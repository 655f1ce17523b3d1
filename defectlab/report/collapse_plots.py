"""Collapse, seen: what embeddings do by epoch, what that costs, and what each loss is worth in each setting."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from defectlab.report.collapse import UNTRAINED, runs_at_the_end
from defectlab.report.contrastive_setting import MAP_STEP, settings_in
from defectlab.report.contrastive_tables import effect, paper_gain
from defectlab.report.identity import Method, in_order, method
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import protocol, require_rows

#: Measures of a collapse, and how an axis names them.
MEASURES: dict[str, str] = {
    "mean_norm": "Norm of the mean embedding",
    "effective_rank": "Effective rank",
    "uniformity": "Uniformity (0: one point)",
    "alignment": "Alignment (0: views agree)",
}
_LIMIT: dict[str, Any] = {"color": "#666666", "linewidth": 1, "linestyle": (0, (2, 2))}


def collapse_curves(history: pd.DataFrame, profile: str = "laptop", title: str = "") -> Plot:
    """The four measures by epoch, one thin line a seed and a thick one for the mean of each method.

    A dashed line shows the untrained encoder, which is epoch 0: a collapse is a fall from there, not a value.

    Args:
        history: columns ``method``, ``seed``, ``epoch``, ``metric`` (names of `MEASURES`, others are left out) and
            ``value``, of one setting. Epoch 0 is the untrained encoder, where there is one.
        profile: a smoke run is watermarked.
        title: heading of the figure.

    Raises:
        ValueError: if there is nothing to draw, or an epoch stands twice.
    """
    history = history[history["metric"].isin(MEASURES)]
    if history.empty:
        raise ValueError(f"expected a history of {', '.join(MEASURES)}, got none of them")
    twice = history[history.duplicated(["method", "seed", "epoch", "metric"])]
    if len(twice):
        raise ValueError(
            f"epoch {twice['epoch'].iloc[0]} stands twice: one figure shows one setting, filter the history"
        )
    said, began = [], history[history["epoch"] == 0].groupby("metric")["value"].mean()
    with styled():
        figure, panels = plt.subplots(2, 2, figsize=(size("wide")[0], 5.6), sharex=True)
        for axes, (metric, label) in zip(panels.flat, MEASURES.items(), strict=True):
            for identity in in_order(set(history["method"])):
                own = history[(history["method"] == identity.key) & (history["metric"] == metric)]
                if not own.empty:
                    said.append(_lines(axes, identity, own, label))
            axes.set_title(label)
            if metric in began:
                axes.axhline(began[metric], **_LIMIT)
        for axes in panels[1]:
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0][0].set_ylim(-0.02, 1.04)
        panels[0][1].set_yscale("log", base=2)
        panels[0][1].yaxis.set_major_formatter(ScalarFormatter())
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        figure.suptitle(title)
        watermark(figure, profile)
    alt = f"Measures of collapse by epoch. {' '.join(said)}"
    if len(began):
        numbers = ", ".join(
            f"{label.split(' (')[0].lower()} {began[name]:.2f}" for name, label in MEASURES.items() if name in began
        )
        alt += f" Dashed: the untrained encoder, {numbers}."
    return Plot(figure, _marked(alt, profile))


def collapse_points(rows: pd.DataFrame, metric: str = MAP_STEP, profile: str = "laptop", title: str = "") -> Plot:
    """One point a run: the norm of the mean embedding at the end, and what the frozen backbone is worth.

    A dashed line stands at the smallest norm of an untrained encoder: what lies left of it has spread since.

    Args:
        rows: result rows of one data set, with the metrics ``mean_norm`` and ``metric``; all settings are drawn.
        metric: what the backbone is worth in.
        profile: a smoke run is watermarked.
        title: heading of the axes.

    Raises:
        ValueError: if no run has both metrics, or the rows mix data sets.
    """
    rows = require_rows(rows)
    if rows["dataset"].nunique() > 1:
        raise ValueError(
            f"one figure shows one dataset; got {', '.join(sorted(set(rows['dataset'])))}: filter the rows"
        )
    runs = runs_at_the_end(rows, metric)
    if runs.empty:
        raise ValueError(f"no run has both mean_norm and {metric}; there are {', '.join(sorted(set(rows['metric'])))}")
    with styled():
        figure, axes = plt.subplots(figsize=size("column"))
        for identity in in_order(set(runs["method"])):
            own = runs[runs["method"] == identity.key]
            filled = "none" if identity.key.endswith("_original_data") else "full"
            face: dict[str, Any] = {
                "color": identity.colour,
                "marker": identity.marker,
                "fillstyle": filled,
                "label": identity.name,
            }
            axes.plot(own["mean_norm"], own[metric], linestyle="none", alpha=0.75, **face)
        if runs[UNTRAINED].notna().any():
            axes.axvline(runs[UNTRAINED].min(), **_LIMIT)
        axes.set(xlabel="Norm of the mean embedding at the last epoch (1: one point)", ylabel=_first(protocol(metric)))
        axes.set(xlim=(-0.03, 1.03), title=title)
        figure.legend(loc="outside lower center", ncols=2)
        watermark(figure, profile)
    is_baseline = runs["method"].str.startswith(UNTRAINED)
    trained, baseline = runs[~is_baseline], runs[is_baseline]
    known = trained[trained[UNTRAINED].notna()]
    alt = f"{int(known['gone'].sum())} of {len(known)} trainings that can be judged have collapsed to one point."
    parts = {"those": known[known["gone"]], "the others": known[~known["gone"]], "untrained encoders": baseline}
    for words, part in parts.items():
        alt += f" Mean of {words}: {part[metric].mean():.2f}." if len(part) else ""
    if len(baseline):
        alt += f" Untrained norms: {baseline['mean_norm'].min():.2f} to {baseline['mean_norm'].max():.2f}."
    return Plot(figure, _marked(f"{_first(protocol(metric))} against the norm of the mean embedding. {alt}", profile))


def loss_effect(rows: pd.DataFrame, metric: str = MAP_STEP, profile: str = "laptop", title: str = "") -> Plot:
    """What the improved loss adds to the original one: every seed, mean and 95 % interval, one line a setting.

    Args:
        rows: result rows of one data set; both readings of the improved loss are drawn where the rows have them.
        metric: metric of the differences.
        profile: a smoke run is watermarked.
        title: heading of the axes.

    Raises:
        ValueError: if no setting has both losses with a common seed.
    """
    rows = require_rows(rows)
    found = {
        (setting, key): difference
        for setting in reversed(settings_in(rows))
        for key in ("moco_literal", "moco_improved")
        if (difference := effect(rows, setting, key, "moco_original", metric)) is not None
    }
    settings = list(dict.fromkeys(setting for setting, _ in found))
    if not settings:
        raise ValueError(f"no setting has {metric} of the original and an improved loss with the same seed")
    said = []
    with styled():
        figure, axes = plt.subplots(figsize=(size("wide")[0], 1.5 + 0.62 * len(settings)))
        for (setting, key), difference in found.items():
            identity, place = method(key), settings.index(setting) + (-0.14 if key == "moco_literal" else 0.14)
            n, ends = len(difference.values), difference.t
            axes.plot(difference.values, [place] * n, "|", color=identity.colour, markersize=9, alpha=0.7)
            if n > 1:
                axes.plot([ends.low, ends.high], [place, place], color=identity.colour, linewidth=2.2)
            axes.plot(difference.mean, place, identity.marker, color=identity.colour, label=identity.name)
            spread = f" ({ends.low:+.2f} to {ends.high:+.2f})" if n > 1 else ""
            said.append(f"{setting.backbone}, {setting.label}, {identity.name}: {difference.mean:+.2f}{spread}.")
        gains = [paper_gain(setting.family, metric) for setting in settings]
        if np.isfinite(gains).any():
            axes.plot(
                gains, range(len(gains)), "o", fillstyle="none", color="#333333", markersize=9, label="Paper's gain"
            )
        axes.axvline(0, color="#333333", linewidth=1)
        axes.set_yticks(range(len(settings)), [f"{s.backbone}\n{s.label}" for s in settings], fontsize=8)
        axes.set(xlabel=f"Difference to the original loss in {protocol(metric)}", ylim=(-0.6, len(settings) - 0.4))
        axes.set_title(title)
        shown = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3)
        watermark(figure, profile)
    alt = f"Difference to the original loss in {protocol(metric)}, paired by seed. {' '.join(reversed(said))}"
    return Plot(figure, _marked(alt, profile))


def _lines(axes: Axes, identity: Method, own: pd.DataFrame, label: str) -> str:
    table = own.pivot(index="epoch", columns="seed", values="value")
    marker = identity.marker if len(table) == 1 else ""  # of one epoch there is no line
    axes.plot(table.index, table.to_numpy(), color=identity.colour, alpha=0.35, linewidth=0.9, marker=marker)
    mean = table.mean(axis=1)
    face: dict[str, Any] = {
        "color": identity.colour,
        "linestyle": identity.line,
        "marker": marker,
        "label": identity.name,
    }
    axes.plot(mean.index, mean, **face)
    return f"{identity.name}: {label.split(' (')[0].lower()} {mean.iloc[-1]:.2f} after epoch {mean.index[-1]}."


def _first(text: str) -> str:
    return text[0].upper() + text[1:]


def _marked(alt: str, profile: str) -> str:
    return f"{alt} Smoke profile: not a result." if profile == "smoke" else alt
