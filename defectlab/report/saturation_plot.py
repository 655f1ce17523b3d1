"""A result over the number of synthetic images: every seed, and the curve that was fitted."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from defectlab.report.identity import method
from defectlab.report.style import Plot, size, styled, watermark


def saturation_plot(points: pd.DataFrame, curves: pd.DataFrame, profile: str = "laptop") -> Plot:
    """One panel a synthesizer: seeds as points, the fitted curve as a line.

    The axis across is linear up to the first count and logarithmic from there, so that zero has a place.

    Args:
        points: columns ``synthesizer, n, seed, AP``.
        curves: columns ``synthesizer, n, AP``, of the same synthesizers, dense in ``n``.
        profile: a smoke run is watermarked.

    Raises:
        ValueError: if there is no point, or a synthesizer has no curve.
    """
    names = list(points["synthesizer"].unique())
    if not names or set(names) - set(curves["synthesizer"]):
        raise ValueError(f"expected points, and a curve for each synthesizer, got points of {names}")
    counts = sorted(points["n"].unique())
    said = []
    with styled():
        figure, panels = plt.subplots(1, len(names), figsize=size("wide"), squeeze=False, sharex=True, sharey=True)
        for axes, name in zip(panels[0], names, strict=True):
            own, line = (frame[frame["synthesizer"] == name] for frame in (points, curves))
            look = method(name)
            axes.plot(own["n"], own["AP"], look.marker, color=look.colour, alpha=0.7, label="a seed")
            axes.plot(line["n"], line["AP"], color=look.colour, linestyle=look.line, label="fit to the means")
            axes.set_xscale("symlog", linthresh=counts[1])
            axes.set_xticks(counts, [f"{count:g}" for count in counts])
            axes.minorticks_off()
            axes.set(title=look.name, xlabel="Synthetic positives")
            axes.legend(loc="best")
            said.append(_told(look.name, own))
        panels[0][0].set_ylabel("Average precision")
        watermark(figure, profile)
    alt = f"Average precision against the number of synthetic positives. {' '.join(said)}"
    return Plot(figure, f"{alt} Smoke profile: not a result." if profile == "smoke" else alt)


def _told(name: str, rows: pd.DataFrame) -> str:
    means = rows.groupby("n")["AP"].mean()
    spread = rows.groupby("n")["AP"].agg(np.ptp).max()
    return (
        f"{name}: mean of {rows['seed'].nunique()} seeds from {means.iloc[0]:.3g} at {means.index[0]:g} to "
        f"{means.iloc[-1]:.3g} at {means.index[-1]:g}; seeds at one count differ by up to {spread:.2g}."
    )
