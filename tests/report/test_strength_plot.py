"""The curve of the disturbance."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from defectlab.report.strength_plot import strength_plot

CURVE = pd.DataFrame({"strength": [0.0, 0.2, 2.0], "distance": [0.0, 3.1, 14.0], "roughness": [0.8, 0.9, 2.25]})


def test_the_alt_text_says_where_the_curves_begin_and_end():
    plot = strength_plot(CURVE, (0.1, 0.2), "smoke")
    assert "from 0.0 to 14.0 grey levels" in plot.alt and "from 0.80 to 2.25 times" in plot.alt
    assert "Used: 0.1 to 0.2. Smoke profile" in plot.alt
    plt.close(plot.figure)


def test_the_order_of_the_lines_does_not_matter():
    plots = [strength_plot(curve, (0.1, 0.2)) for curve in (CURVE, CURVE[::-1])]
    assert plots[0].alt == plots[1].alt
    plt.close("all")


def test_a_curve_that_is_none_is_refused():
    with pytest.raises(ValueError, match="expected strength, distance and roughness in at least one line"):
        strength_plot(CURVE.drop(columns="roughness"), (0, 1))
