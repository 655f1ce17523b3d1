"""What the strength of the disturbance does to an image, as a curve."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd

from defectlab.report.style import Plot, size, styled, watermark

USED = "#E69F00"
LINE = "#0072B2"


def strength_plot(curve: pd.DataFrame, used: tuple[float, float], profile: str = "laptop") -> Plot:
    """Distance to the undisturbed image and roughness, both by strength, with the range that was used.

    Args:
        curve: columns ``strength``, ``distance`` (grey levels) and ``roughness`` (1: as the real images), from
            `defectlab.experiments.perturbation.strength_curve`.
        used: lowest and highest strength of the synthetic set.
        profile: a smoke run is watermarked.

    Raises:
        ValueError: if the curve is empty or a column is missing.
    """
    missing = {"strength", "distance", "roughness"} - set(curve)
    if missing or curve.empty:
        raise ValueError(f"expected strength, distance and roughness in at least one line, got {list(curve)}")
    rows = curve.sort_values("strength")
    with styled():
        figure, panels = plt.subplots(1, 2, figsize=size("wide"))
        labels = ("Distance to s = 0, grey levels", "Roughness, real images = 1")
        for axes, column, label in zip(panels, ("distance", "roughness"), labels, strict=True):
            axes.axvspan(*used, color=USED, alpha=0.25, linewidth=0, label="used")
            axes.plot(rows["strength"], rows[column], "o-", color=LINE)
            axes.set(xlabel="s", ylabel=label, ylim=(0, None))
        panels[1].axhline(1, color="#555555", linewidth=0.8, linestyle=":")
        panels[0].legend()
        watermark(figure, profile)
    first, last = rows.iloc[0], rows.iloc[-1]
    alt = (
        f"Two curves by strength s, {first['strength']:g} to {last['strength']:g}: the distance to the undisturbed "
        f"image goes from {first['distance']:.1f} to {last['distance']:.1f} grey levels, the roughness from "
        f"{first['roughness']:.2f} to {last['roughness']:.2f} times that of the real images. Used: {used[0]:g} to "
        f"{used[1]:g}."
    )
    return Plot(figure, f"{alt} Smoke profile: not a result." if profile == "smoke" else alt)
