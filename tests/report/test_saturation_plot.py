"""The figure of AP over counts: what its alternative text says, and what it refuses."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from defectlab.report.saturation_plot import saturation_plot

POINTS = pd.DataFrame(
    {"synthesizer": "memseg", "n": [0, 5, 20] * 2, "seed": [0] * 3 + [1] * 3, "AP": [0.5, 0.6, 0.7, 0.6, 0.7, 0.9]}
)
CURVE = pd.DataFrame({"synthesizer": "memseg", "n": [0.0, 10.0, 20.0], "AP": [0.55, 0.7, 0.8]})


def test_it_tells_the_ends_of_the_means_and_the_spread_of_the_seeds():
    plot = saturation_plot(POINTS, CURVE)
    assert "MemSeg: mean of 2 seeds from 0.55 at 0 to 0.8 at 20; seeds at one count differ by up to 0.2." in plot.alt
    axes = plot.figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "5", "20"]
    plt.close(plot.figure)


@pytest.mark.parametrize("points", [POINTS.iloc[:0], POINTS.assign(synthesizer="diag")])
def test_points_without_a_curve_are_refused(points):
    with pytest.raises(ValueError, match="a curve for each synthesizer"):
        saturation_plot(points, CURVE)
