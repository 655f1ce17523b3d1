"""Reliability diagrams: predicted against observed shares of defects, before and after repairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from defectlab.report.identity import method
from defectlab.report.style import Plot, size, styled, watermark

_LOOKS: tuple[tuple[str, str, Any], ...] = (
    ("#D55E00", "^", (0, (6, 2))),
    ("#009E73", "s", (0, (3, 2))),
    ("#0072B2", "o", "-"),
)


def reliability_plot(curves: Mapping[str, pd.DataFrame], profile: str = "laptop") -> Plot:
    """One panel a synthesizer, one line a repair; the diagonal is a perfect probability, the legend stands below.

    Args:
        curves: by short name of the synthesizer; columns ``repair, confidence, frequency``, at most three repairs.
        profile: a smoke run is watermarked.

    Raises:
        ValueError: without a curve, or with more repairs than can be told apart.
    """
    repairs = list(dict.fromkeys(repair for frame in curves.values() for repair in frame["repair"]))
    if not repairs or len(repairs) > len(_LOOKS):
        raise ValueError(f"expected one to {len(_LOOKS)} repairs, got {repairs}")
    said = []
    with styled():
        wide, high = size("wide")
        figure, panels = plt.subplots(1, len(curves), figsize=(wide, high + 0.7), squeeze=False, sharey=True)
        for axes, (name, frame) in zip(panels[0], curves.items(), strict=True):
            axes.plot([0, 1], [0, 1], color="#666666", linewidth=1.2, label="perfect")
            for repair, (colour, marker, line) in zip(repairs, _LOOKS, strict=False):
                rows = frame[frame["repair"] == repair]
                axes.plot(
                    rows["confidence"], rows["frequency"], color=colour, marker=marker, linestyle=line, label=repair
                )
                said.append(f"{method(name).name}, {repair}: {_told(rows)}.")
            axes.set(title=method(name).name, xlabel="Mean predicted probability", aspect="equal")
        panels[0][0].set_ylabel("Share of defective images")
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(repairs) + 1)
        watermark(figure, profile)
    alt = f"Share of defective images against mean predicted probability. {' '.join(said)}"
    return Plot(figure, f"{alt} Smoke profile: not a result." if profile == "smoke" else alt)


def _told(rows: pd.DataFrame) -> str:
    points = zip(rows["confidence"], rows["frequency"], strict=True)
    return ", ".join(f"{share:.2f} at {predicted:.2f}" for predicted, share in points)
