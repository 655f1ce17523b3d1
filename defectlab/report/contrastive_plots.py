"""Figures 5 to 8 of DDPM-MoCo: precision against recall of each class, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from defectlab.data.base import GOOD
from defectlab.report.contrastive_setting import ContrastiveSetting, shown_class
from defectlab.report.curves import Curve
from defectlab.report.identity import in_order
from defectlab.report.published.moco import moco_figure_ap
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import mean_and_sd, summarise

_GRID = np.linspace(0, 1, 501)
_NORMAL = ("#000000", (0, (1, 1)))
_FACES = (
    ("#0072B2", "-"),
    ("#D55E00", (0, (6, 2))),
    ("#009E73", (0, (6, 2, 1, 2))),
    ("#E69F00", (0, (3, 2))),
    ("#CC79A7", (0, (6, 2, 1, 2, 1, 2))),
    ("#56B4E9", (0, (1, 3))),
)


@dataclass(frozen=True)
class ClassCurve:
    """Precision and recall of one class against the rest, of one run.

    Attributes:
        defect: the class, ``"good"`` for normal images.
        curve: of the run.
    """

    defect: str
    curve: Curve


def class_pr_curves(
    curves: Sequence[ClassCurve],
    backbone: str,
    base_rates: Mapping[str, float],
    profile: str = "laptop",
    title: str = "",
) -> Plot:
    """One panel a method, one curve a class: mean and range over seeds, the paper's AP in the legend.

    Args:
        curves: one a run and class, of one backbone and setting.
        backbone: name; says which of the paper's figures to quote.
        base_rates: share of each class in the test set: the precision of chance.
        profile: a smoke run is watermarked.
        title: heading of the figure.

    Raises:
        ValueError: without curves, or if a class has no base rate in (0, 1).

    Source: DDPM-MoCo, Figures 5 to 8.
    """
    if not curves:
        raise ValueError("expected at least one precision-recall curve, got none")
    classes = sorted({item.defect for item in curves}, key=lambda name: (name == GOOD, name))
    for name in classes:
        if not 0 < base_rates.get(name, 0) < 1:
            raise ValueError(f"base_rates: expected a value in (0, 1) for {name}, got {base_rates.get(name)}")
    faces = class_faces(classes)
    methods = in_order({item.curve.method for item in curves})
    family = ContrastiveSetting(backbone).family
    said = []
    with styled():
        figure, panels = plt.subplots(1, len(methods), figsize=_panels_size(len(methods)), squeeze=False, sharey=True)
        for axes, identity in zip(panels[0], methods, strict=True):
            said.append(f"{identity.name}:")
            for name in classes:
                own = [item.curve for item in curves if item.defect == name and item.curve.method == identity.key]
                if own:
                    printed = moco_figure_ap(family, identity.key, name)
                    said.append(_band(axes, shown_class(name), faces[name], own, printed))
            _chance(axes, faces, base_rates)
            axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="Recall", title=identity.name)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=8)
        panels[0][0].set_ylabel("Precision")
        figure.suptitle(title)
        watermark(figure, profile)
    chance = ", ".join(f"{shown_class(name)} {base_rates[name]:.2f}" for name in classes)
    alt = f"Precision against recall of each class with {backbone}. {' '.join(said)} Chance: {chance}."
    return Plot(figure, _marked(alt, profile))


def confusion_figure(counts: Mapping[str, Sequence[pd.DataFrame]], profile: str = "laptop", title: str = "") -> Plot:
    """Confusion matrices, one panel a method: share of each true class that goes to each predicted one.

    Args:
        counts: short name of the method to counts, one table a seed: a row a true class, a column a predicted one.
        profile: a smoke run is watermarked.
        title: heading of the figure.

    Raises:
        ValueError: if there is no matrix, or those of a method differ in their classes.
    """
    methods = in_order({key for key, tables in counts.items() if len(tables)})
    if not methods:
        raise ValueError("expected at least one confusion matrix, got none")
    said = []
    with styled():
        figure, panels = plt.subplots(1, len(methods), figsize=_panels_size(len(methods)), squeeze=False)
        for place, (axes, identity) in enumerate(zip(panels[0], methods, strict=True)):
            shares = _mean_shares(identity.key, counts[identity.key])
            said.append(_matrix(axes, identity.name, shares, place == 0))
        panels[0][0].set_ylabel("True class")
        figure.suptitle(title)
        watermark(figure, profile)
    alt = f"Confusion matrices, share of each true class by predicted class. {' '.join(said)}"
    return Plot(figure, _marked(alt, profile))


def class_faces(classes: Sequence[str]) -> dict[str, tuple[str, str | tuple[int, tuple[int, ...]]]]:
    """Colour and line style of each class, defects in their order, normal images black.

    Raises:
        ValueError: if there are more defects than styles.
    """
    defects = [name for name in classes if name != GOOD]
    if len(defects) > len(_FACES):
        raise ValueError(
            f"classes: a figure tells {len(_FACES)} classes of defects apart, got {len(defects)} "
            f"({', '.join(defects)}); choose some of them, such as classes={[*defects[: len(_FACES)], GOOD]}"
        )
    return {GOOD: _NORMAL} | dict(zip(defects, _FACES, strict=False))


def _band(axes: Axes, name: str, face: tuple[object, object], own: list[Curve], printed: float | None) -> str:
    """Draws mean and range over seeds of one class; says its AP."""
    levels = np.stack([curve.at(_GRID) for curve in own])
    ap = mean_and_sd(summarise([curve.ap for curve in own]))
    label = f"{name}: AP {ap}" + ("" if printed is None else f" (paper {printed:.2f})")
    axes.step(_GRID, levels.mean(0), where="pre", color=face[0], linestyle=face[1], label=label)
    if len(own) > 1:
        axes.fill_between(_GRID, levels.min(0), levels.max(0), step="pre", color=face[0], alpha=0.14, linewidth=0)
    seeds = f"{len(own)} {'seed' if len(own) == 1 else 'seeds'}"
    return f"{name} has AP {ap} over {seeds}" + ("." if printed is None else f", the paper {printed:.2f}.")


def _chance(axes: Axes, faces: Mapping[str, tuple[object, object]], base_rates: Mapping[str, float]) -> None:
    """One line where all classes are equally frequent, else a short one each at the right edge."""
    rates = {name: rate for name, rate in base_rates.items() if name in faces}
    if len({round(rate, 3) for rate in rates.values()}) == 1:
        axes.axhline(next(iter(rates.values())), color="#666666", linewidth=1, linestyle=(0, (2, 2)), label="chance")
        return
    for name, rate in rates.items():
        axes.plot([0.94, 1], [rate, rate], color=faces[name][0], linewidth=2.5, solid_capstyle="butt")


def _mean_shares(key: str, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Mean over seeds of the shares of each row; a class without images has none."""
    first = tables[0]
    for table in tables:
        if list(table.index) != list(first.index) or list(table.columns) != list(first.columns):
            raise ValueError(
                f"{key}: confusion matrices of different classes: {list(table.index)}, {list(first.index)}"
            )
    shares = [table.div(table.sum(axis=1), axis=0) for table in tables]
    return sum(shares[1:], start=shares[0]) / len(shares)


def _matrix(axes: Axes, name: str, shares: pd.DataFrame, labelled: bool) -> str:
    values = shares.to_numpy(dtype=float)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    for row, column in np.ndindex(*values.shape):
        if np.isfinite(values[row, column]):
            dark = values[row, column] > 0.6
            text = f"{values[row, column]:.2f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    shown = [shown_class(str(item)) for item in shares.columns]
    axes.set_xticks(range(len(shown)), shown, rotation=35, ha="right")
    axes.set_yticks(range(len(shares)), [shown_class(str(item)) for item in shares.index] if labelled else [])
    axes.set(title=name, xlabel="Predicted class")
    right = ", ".join(f"{item} {share:.2f}" for item, share in zip(shown, np.diag(values), strict=True))
    return f"{name}, rightly recognised: {right}."


def _panels_size(n: int) -> tuple[float, float]:
    """Panels share the width of the page; below them is room for a legend of all classes."""
    width = size("wide")[0] if n > 1 else size("column")[0]
    return width, width / max(n, 1.4) + 1.5


def _marked(alt: str, profile: str) -> str:
    return f"{alt} Smoke profile: not a result." if profile == "smoke" else alt
