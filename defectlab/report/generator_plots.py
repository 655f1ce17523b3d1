"""Figures 4 and 9 of DDPM-MoCo, and what a sampler gives for its steps and seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from defectlab.data.base import GOOD, SurfaceDataset
from defectlab.report.compared import FEATURES, IMAGES
from defectlab.report.contrastive_setting import shown_class
from defectlab.report.grids import GridRow, draw_row
from defectlab.report.identity import METHODS, method
from defectlab.report.style import Plot, size, styled, watermark
from defectlab.report.summary import protocol

SAMPLERS = {
    "ddpm": ("DDPM, ancestral (paper)", "#CC79A7", "v", "-"),
    "ddim": ("DDIM", "#0072B2", "D", (0, (6, 2))),
    "dpm_solver": ("DPM-Solver++", "#009E73", "P", (0, (6, 2, 1, 2))),
}
"""Name, colour, marker and line of each sampler."""

_CONDITIONAL = (
    ("#CC79A7", "v", "-"),
    ("#0072B2", "D", (0, (6, 2))),
    ("#009E73", "P", (0, (6, 2, 1, 2))),
    ("#E69F00", "s", (0, (3, 2))),
)
_NEEDED = ("sampler", "steps", "seconds", "distance")


def sampler_curves(frame: pd.DataFrame, profile: str = "laptop", title: str = "", metric: str = "frechet") -> Plot:
    """Distance to real images against steps, and against seconds: the same points in two panels.

    Args:
        frame: columns ``sampler`` (a name of `SAMPLERS`), ``steps``, ``seconds`` an image and ``distance``; rows of
            several seeds are averaged, their range is drawn. ``images``, how many stand on each side of a distance,
            and ``features`` are said where they are there.
        profile: a smoke run is watermarked.
        title: heading of the figure.
        metric: distance to draw, where the frame has a column ``metric``.

    Raises:
        ValueError: if columns are missing, there are no rows, or a sampler is unknown.
    """
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing or frame.empty:
        raise ValueError(
            f"expected rows with {', '.join(_NEEDED)}; got {len(frame)} without {', '.join(missing) or '-'}"
        )
    frame, distance = _of_metric(frame, metric), protocol(metric).split(",")[0]
    unknown = sorted(set(frame["sampler"]) - set(SAMPLERS))
    if unknown:
        raise ValueError(f"no sampler {', '.join(unknown)}; there are: {', '.join(SAMPLERS)}")
    said = []
    with styled():
        figure, panels = plt.subplots(1, 2, figsize=(size("wide")[0], 4.0), sharey=True)
        for sampler in (name for name in SAMPLERS if name in set(frame["sampler"])):
            points = frame[frame["sampler"] == sampler].groupby("steps", as_index=False)
            said.append(_sampler(list(panels), sampler, points[["seconds", "distance"]].agg(["mean", "min", "max"])))
        for axes, label in zip(panels, ("Steps (network calls an image)", "Seconds an image"), strict=True):
            axes.set(xscale="log", xlabel=label)
            _plain(axes.xaxis)
        taken = _taken_on(frame.get("images"), frame.get("features"))
        panels[0].set(ylabel="\n".join(filter(None, (distance, taken))), yscale=_scale(frame["distance"]))
        steps = sorted({int(n) for n in frame["steps"]})
        panels[0].set_xticks(steps, [str(n) for n in steps])
        panels[0].set_xticks([], minor=True)
        if panels[0].get_yscale() == "log":
            _plain(panels[0].yaxis)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        figure.suptitle(title)
        watermark(figure, profile)
    about = f" ({taken})" if taken else ""
    alt = f"{distance} to real images{about} by steps and by seconds an image; less is nearer. {' '.join(said)}"
    return Plot(figure, f"{alt} Smoke profile: not a result." if profile == "smoke" else alt)


def conditional_curves(frame: pd.DataFrame, profile: str = "laptop", title: str = "", metric: str = "frechet") -> Plot:
    """One model for all classes beside one a class: distance to real images against what training cost.

    Args:
        frame: columns ``model`` (``"one a class"`` or ``"one for all"``), ``share`` (training steps over those of all
            class models together), ``guidance``, ``class``, ``metric``, ``value``; rows of several seeds are averaged.
        profile: a smoke run is watermarked.
        title: heading of the axes.
        metric: distance to draw, of all classes at once.

    Raises:
        ValueError: if there is nothing to draw.
    """
    chosen = _of_metric(frame[frame["class"] == "all"], metric)
    distance = protocol(metric).split(",")[0]
    there = frame[frame["class"] == "all"] if "metric" in frame.columns else frame[:0].assign(metric="")
    taken = _taken_on(*(there[there["metric"] == name]["value"] for name in (IMAGES, FEATURES)))
    means = chosen.groupby(["model", "guidance", "share"], as_index=False)["value"].mean()
    arms = list(dict.fromkeys(zip(means["model"].astype(str), means["guidance"].astype(float), strict=True)))
    said = []
    with styled():
        figure, axes = plt.subplots(figsize=size("column"))
        for place, (model, guidance) in enumerate(arms):
            points = means[(means["model"] == model) & (means["guidance"] == guidance)]
            shares, values = points["share"].astype(float).tolist(), points["value"].astype(float).tolist()
            name = model if model == "one a class" else f"{model}, guidance {guidance:g}"
            colour, marker, line = _CONDITIONAL[place % len(_CONDITIONAL)]
            axes.plot(shares, values, color=colour, marker=marker, linestyle=line, label=name)
            said += [
                f"{name}: {value:.2f} at {share:.0%} of the steps." for share, value in zip(shares, values, strict=True)
            ]
        shares = sorted(set(means["share"].astype(float)))
        axes.set(xscale="log", xlabel="Training steps, of all class models together")
        axes.set_ylabel("\n".join(filter(None, (distance, taken))))
        axes.set_xticks(shares, [f"{share:.0%}" for share in shares])
        axes.set_xticks([], minor=True)
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=2)
        watermark(figure, profile)
    about = f" ({taken})" if taken else ""
    alt = f"{distance} to real images{about} by training steps; less is nearer. {' '.join(said)}"
    return Plot(figure, f"{alt} Smoke profile: not a result." if profile == "smoke" else alt)


def generator_rows(sets: Mapping[str, SurfaceDataset], n: int = 8, seed: int = 0) -> list[GridRow]:
    """Rows of images side by side, drawn at random class by class: Figure 9. A column shows the same class in all rows.

    Args:
        sets: what a row shows to its images, from top to bottom; a short name of a method is written out and frames its
            row in the method's colour.
        n: images a row, shared evenly among the classes that all sets have.
        seed: of the draw, the same for each row.

    Returns:
        Rows for `defectlab.report.grids.sample_grid`; the name of an image begins with its class.

    Raises:
        ValueError: if the sets have no class in common.
    """
    found = [Counter(record.defect for record in images.records) for images in sets.values()]
    classes = sorted(set.intersection(*map(set, found)), key=lambda name: (name == GOOD, name))
    if not classes:
        raise ValueError(f"sets: expected a class that all have, got {', '.join(sets)} without one")
    shares = {name: n // len(classes) + (place < n % len(classes)) for place, name in enumerate(classes)}
    counts = {name: min(share, *(counter[name] for counter in found)) for name, share in shares.items()}
    return [_by_class(key, images, {name: k for name, k in counts.items() if k}, seed) for key, images in sets.items()]


def _by_class(key: str, images: SurfaceDataset, counts: Mapping[str, int], seed: int) -> GridRow:
    """A row of so many images of each class, one class behind the other."""
    title = method(key).name if key in METHODS else key
    shown: list[np.ndarray] = []
    ids: list[str] = []
    for name, k in counts.items():
        chosen = images.subset(indices=[i for i, record in enumerate(images.records) if record.defect == name])
        row = draw_row(chosen, title, k, seed)
        shown += row.images
        ids += [f"{shown_class(name)} {found.rsplit('/', 1)[-1]}" for found in row.ids]
    return GridRow(title, tuple(shown), tuple(ids), key if key in METHODS else None)


def real_and_generated(
    real: SurfaceDataset, generated: SurfaceDataset, classes: Sequence[str], n: int = 6, seed: int = 0
) -> list[GridRow]:
    """Of each class a row of real images and below it one of generated ones: Figure 4.

    Args:
        real: images of the classes.
        generated: images of the classes.
        classes: from top to bottom.
        n: images a row.
        seed: of the draw.

    Raises:
        ValueError: if a class has no image; the message names it.
    """
    rows = []
    for name in classes:
        for title, images, key in (("real", real, None), ("generated", generated, "ddpm")):
            chosen = images.subset(indices=[i for i, r in enumerate(images.records) if r.defect == name])
            rows.append(draw_row(chosen, f"{shown_class(name)}, {title}", n, seed, key))
    return rows


def _taken_on(images: pd.Series | None, features: pd.Series | None) -> str:
    """``n = 32 images a side, 64 features``; empty where the images are not said."""
    if images is None or images.empty:
        return ""
    counts = " or ".join(str(int(n)) for n in sorted(set(images)))
    width = f", {int(features.max())} features" if features is not None and len(features) else ""
    return f"n = {counts} images a side{width}"


def _scale(values: pd.Series) -> str:
    """Logarithmic where values differ by more than a factor of three."""
    return "log" if 0 < 3 * values.min() < values.max() else "linear"


def _plain(axis: Axis) -> None:
    """Numbers, not powers of ten, at 1, 2 and 5 of each decade."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _of_metric(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of one metric, all of them where the frame does not name any."""
    if "metric" not in frame.columns:
        return frame
    if metric not in set(frame["metric"]):
        raise ValueError(f"no rows of {metric}; there are: {', '.join(sorted(set(frame['metric']))) or 'none'}")
    return frame[frame["metric"] == metric]


def _sampler(panels: Sequence[Axes], sampler: str, points: pd.DataFrame) -> str:
    """Draws one sampler into both panels; says where it is at its fewest and its most steps."""
    name, colour, marker, line = SAMPLERS[sampler]
    middle, low, high = (points["distance"][part] for part in ("mean", "min", "max"))
    for axes, place in zip(panels, (points["steps"], points["seconds"]["mean"]), strict=True):
        axes.plot(place, middle, color=colour, marker=marker, linestyle=line, label=name)
        axes.vlines(place, low, high, color=colour, alpha=0.5, linewidth=1.2)
    steps, seconds = points["steps"].tolist(), points["seconds"]["mean"].tolist()
    ends = [
        f"{middle.iloc[i]:.2f} at {steps[i]} steps and {seconds[i]:.2g} s" for i in ([0, -1] if len(steps) > 1 else [0])
    ]
    return f"{name}: {', '.join(ends)}."
