"""Line charts, point clouds and histograms of the chapters: panels from tidy frames, alt text from the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from defectlab.report.identity import method
from defectlab.report.style import Plot, size, styled, watermark

Kind = Literal["line", "step", "points", "area"]

# Colours of the Okabe-Ito palette; marker and dashes differ too, so that a series is known in greyscale.
_LOOKS: tuple[tuple[str, str, Any], ...] = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "^", (0, (6, 2))),
    ("#009E73", "s", (0, (3, 2))),
    ("#CC79A7", "v", (0, (6, 2, 1, 2))),
    ("#000000", "D", (0, (1, 1))),
    ("#E69F00", "P", (0, (6, 2, 1, 2, 1, 2))),
)


@dataclass(frozen=True)
class Panel:
    """One panel of a chart.

    Attributes:
        frame: tidy rows, one a point.
        x: column across.
        y: column upwards.
        by: column that parts the rows into series, in the order of their first row; empty for one series.
        low: column of the lower end of a band; empty for none.
        high: column of its upper end.
        kind: ``"line"``, ``"step"``, ``"points"`` (unjoined) or ``"area"`` (a histogram's outline, filled).
        loose: names of series that are drawn as points, whatever the kind; such as single runs beside their mean.
        title: heading.
        x_label: name and unit across; the column's name where empty.
        y_label: name and unit upwards.
        log: axes that are logarithmic: ``""``, ``"x"``, ``"y"`` or ``"xy"``.
        levels: horizontal lines to compare with, name to value.
        equal: one unit is as long across as upwards.
        methods: short names of the methods that series stand for, by name of series: they look as everywhere.
    """

    frame: pd.DataFrame
    x: str
    y: str
    by: str = ""
    low: str = ""
    high: str = ""
    kind: Kind = "line"
    loose: tuple[str, ...] = ()
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    log: str = ""
    levels: Mapping[str, float] = field(default_factory=dict)
    equal: bool = False
    methods: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = [name for name in (self.x, self.y, self.by, self.low, self.high) if name]
        if missing := [name for name in wanted if name not in self.frame]:
            raise ValueError(f"panel {self.title!r}: no column {', '.join(missing)}; there are: {list(self.frame)}")
        if self.frame.empty:
            raise ValueError(f"panel {self.title!r}: expected at least one row, got none")
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        if missing := [name for name in self.loose if name not in self.names]:
            raise ValueError(f"panel {self.title!r}: loose: no series {', '.join(missing)}; there are: {self.names}")
        if missing := [name for name in self.methods if name not in self.names]:
            raise ValueError(f"panel {self.title!r}: methods: no series {', '.join(missing)}; there are: {self.names}")
        if bool(self.low) != bool(self.high):
            raise ValueError(f"panel {self.title!r}: a band needs both low and high")
        if len(self.names) > len(_LOOKS):
            raise ValueError(f"panel {self.title!r}: {len(self.names)} series; at most {len(_LOOKS)} can be told apart")

    @property
    def names(self) -> list[str]:
        """Names of the series, in their order."""
        return [str(name) for name in self.frame[self.by].unique()] if self.by else [self.y_label or self.y]

    def kind_of(self, name: str) -> Kind:
        """How the series of a name is drawn."""
        return "points" if name in self.loose else self.kind

    def looks(self) -> list[tuple[str, str, Any]]:
        """Colour, marker and line of each series; those that are no method take what is left of the palette."""
        known = {name: method(key) for name, key in self.methods.items()}
        taken = {face.colour for face in known.values()}
        free = iter([look for look in _LOOKS if look[0] not in taken])
        faces = [known.get(name) for name in self.names]
        return [(face.colour, face.marker, face.line) if face else next(free) for face in faces]

    def series(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Name and rows of each series."""
        for name in self.names:
            yield name, self.frame[self.frame[self.by].astype(str) == name] if self.by else self.frame


def chart(*panels: Panel, profile: str = "laptop", columns: int | None = None) -> Plot:
    """Panels side by side; the legend of each is inside it, and one series has none.

    Args:
        panels: from left to right, then from top to bottom.
        profile: a smoke run is watermarked.
        columns: panels in a row; all of them by default.

    Raises:
        ValueError: without a panel.
    """
    if not panels:
        raise ValueError("expected at least one panel, got none")
    columns = columns or len(panels)
    rows = -(-len(panels) // columns)
    wide, high = size("column") if columns == 1 else size("wide")
    with styled():
        figure, grid = plt.subplots(rows, columns, figsize=(wide, high * rows), squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(axes, panel)
        for axes in list(grid.flat)[len(panels) :]:
            axes.axis("off")
        watermark(figure, profile)
    said = " ".join(_said(panel) for panel in panels)
    return Plot(figure, f"{said} Smoke profile: not a result." if profile == "smoke" else said)


def _draw(axes: Axes, panel: Panel) -> None:
    for (name, rows), (colour, marker, line) in zip(panel.series(), panel.looks(), strict=True):
        x, y = rows[panel.x].to_numpy(), rows[panel.y].to_numpy()
        if panel.low:
            axes.fill_between(x, rows[panel.low], rows[panel.high], color=colour, alpha=0.15, linewidth=0)
        kind = panel.kind_of(name)
        if kind == "points":
            axes.plot(x, y, marker, color=colour, markersize=3 if len(x) > 100 else 6, alpha=0.6, label=name)
        elif kind == "area":
            axes.fill_between(x, y, step="mid", color=colour, alpha=0.25, linewidth=0)
            axes.plot(x, y, drawstyle="steps-mid", color=colour, linestyle=line, label=name)
        else:
            shown: dict[str, Any] = {"marker": marker, "markevery": max(1, len(x) // 8)} if len(x) < 200 else {}
            style = "steps-post" if kind == "step" else "default"
            axes.plot(x, y, color=colour, linestyle=line, drawstyle=style, label=name, **shown)
    for number, (name, value) in enumerate(panel.levels.items()):
        axes.axhline(
            value, color="#666666", linewidth=1.2, linestyle=[(0, (2, 2)), (0, (5, 1, 1, 1))][number % 2], label=name
        )
    axes.set(xlabel=panel.x_label or panel.x, ylabel=panel.y_label or panel.y, title=panel.title)
    _across(axes, panel)
    if "y" in panel.log:
        axes.set_yscale("log")
    if panel.equal:
        axes.set_aspect("equal")
    if len(panel.names) + len(panel.levels) > 1:
        axes.legend(loc="best")


def _across(axes: Axes, panel: Panel) -> None:
    if pd.api.types.is_integer_dtype(panel.frame[panel.x]):  # there is no epoch one and a half, no seed between two
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if "x" in panel.log:
        _log_x(axes, np.unique(panel.frame[panel.x].to_numpy(dtype=float)))


def _log_x(axes: Axes, places: np.ndarray) -> None:
    axes.set_xscale("log")
    if len(places) <= 8:  # the values themselves read better than powers of ten
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.xaxis.set_minor_formatter(NullFormatter())


def _said(panel: Panel) -> str:
    head = f"{panel.y_label or panel.y} against {panel.x_label or panel.x}"
    head = f"{panel.title}: {head}." if panel.title else f"{head}."
    said = []
    for name, rows in panel.series():
        told = _told_points if panel.kind_of(name) == "points" else _told_line
        said.append(f"{name}: {told(rows[panel.x].to_numpy(), rows[panel.y].to_numpy())}.")
    said += [f"{name}: {value:.3g}." for name, value in panel.levels.items()]
    return " ".join([head, *said])


def _told_line(x: np.ndarray, y: np.ndarray) -> str:
    if len(x) == 1:
        return f"{y[0]:.3g} at {_at(x[0])}"
    y = np.where(np.abs(y) < 1e-6 * np.nanmax(np.abs(y)), 0.0, y)  # rounding, or a tail that nobody sees
    top = int(np.nanargmax(y))
    ends = f"from {y[0]:.3g} at {_at(x[0])} to {y[-1]:.3g} at {_at(x[-1])}"
    return ends if top in (0, len(y) - 1) else f"{ends}, highest {y[top]:.3g} at {_at(x[top])}"


def _told_points(x: np.ndarray, y: np.ndarray) -> str:
    return f"{len(x)} points, middle at {_at(np.median(x))} across and {np.median(y):.3g} upwards"


def _at(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float | np.number) else str(value)
