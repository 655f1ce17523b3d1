"""Charts of the chapters: what they draw, what they say, what they refuse."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from defectlab.report.charts import _LOOKS, Panel, chart
from defectlab.report.identity import method
from defectlab.report.style import SMOKE_TEXT

FRAME = pd.DataFrame({
    "n": [1, 2, 4] * 2, "value": [3.0, 1.0, 0.5, 1.0, 5.0, 2.0], "method": ["a"] * 3 + ["b"] * 3,
    "low": [2.0] * 6, "high": [4.0] * 6,
})  # fmt: skip


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_line_chart_draws_each_series_and_says_its_ends_and_its_highest_point():
    plot = chart(Panel(FRAME, "n", "value", by="method", x_label="Images", y_label="Error", levels={"floor": 0.25}))
    (axes,) = plot.figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["a"].get_ydata().tolist() == [3.0, 1.0, 0.5]
    assert lines["floor"].get_ydata()[0] == 0.25
    assert plot.alt == (
        "Error against Images. a: from 3 at 1 to 0.5 at 4. b: from 1 at 1 to 2 at 4, highest 5 at 2. floor: 0.25."
    )
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b", "floor"]


def test_a_single_series_has_no_legend_and_the_name_of_its_axis():
    plot = chart(Panel(FRAME[:3], "n", "value", y_label="Error", log="xy"))
    (axes,) = plot.figure.axes
    assert axes.get_legend() is None and (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "Error: from 3 at 1" in plot.alt
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "4"]


def test_bands_points_areas_and_several_rows_of_panels():
    band = Panel(FRAME[:3], "n", "value", low="low", high="high", title="Band")
    cloud = Panel(FRAME, "n", "value", kind="points", title="Cloud", equal=True)
    area = Panel(FRAME[:3], "n", "value", kind="area", title="Area")
    plot = chart(band, cloud, area, profile="smoke", columns=2)
    drawn = [axes for axes in plot.figure.axes if axes.axison]
    assert len(drawn) == 3 and len(drawn[0].collections) == 1 and drawn[1].get_aspect() == 1
    assert SMOKE_TEXT in [text.get_text() for text in plot.figure.texts]
    assert "Cloud: value against n. value: 6 points, middle at 2 across and 1.5 upwards." in plot.alt
    assert plot.alt.endswith("Smoke profile: not a result.")


def test_series_differ_in_colour_marker_and_line():
    for look in zip(*_LOOKS, strict=True):
        assert len({str(item) for item in look}) == len(_LOOKS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": "m"}, "no column m"),
        ({"kind": "pie"}, "kind must be one of line, step"),
        ({"low": "low"}, "both low and high"),
        ({"frame": FRAME[:0]}, "at least one row"),
        ({"frame": FRAME.assign(method=list("abcdef")), "by": "method"}, ""),
    ],
)
def test_a_panel_that_cannot_be_drawn_is_refused(options, words):
    fields = {"frame": FRAME, "x": "n", "y": "value"} | options
    if not words:
        assert len(Panel(**fields).names) == 6
        return
    with pytest.raises(ValueError, match=words):
        Panel(**fields)


def test_more_series_than_can_be_told_apart_are_refused():
    many = pd.DataFrame({"x": np.arange(7), "y": np.arange(7), "of": list("abcdefg")})
    with pytest.raises(ValueError, match="7 series; at most 6"):
        Panel(many, "x", "y", by="of")
    with pytest.raises(ValueError, match="at least one panel"):
        chart()


def test_single_runs_are_points_beside_the_line_of_their_mean():
    plot = chart(Panel(FRAME, "n", "value", by="method", loose=("b",)))
    lines = {line.get_label(): line for line in plot.figure.axes[0].lines}
    assert lines["a"].get_linestyle() == "-" and lines["b"].get_linestyle() == "None"
    assert "a: from 3 at 1" in plot.alt and "b: 3 points" in plot.alt
    with pytest.raises(ValueError, match=r"loose: no series c; there are: \['a', 'b'\]"):
        Panel(FRAME, "n", "value", by="method", loose=("c",))


def test_whole_numbers_across_have_no_ticks_between_them():
    (axes,) = chart(Panel(FRAME[:3], "n", "value")).figure.axes
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_a_series_that_stands_for_a_method_looks_as_the_method_does_everywhere():
    frame = pd.DataFrame({"x": [0, 1] * 3, "y": range(6), "of": ["alone"] * 2 + ["with DIAG"] * 2 + ["other"] * 2})
    panel = Panel(frame, "x", "y", by="of", methods={"with DIAG": "diag"})
    lines = {line.get_label(): line for line in chart(panel).figure.axes[0].get_lines()}
    assert lines["with DIAG"].get_color() == method("diag").colour
    assert lines["with DIAG"].get_marker() == method("diag").marker
    assert len({line.get_color() for line in lines.values()}) == 3
    with pytest.raises(ValueError, match="methods: no series DIAG; there are"):
        Panel(frame, "x", "y", by="of", methods={"DIAG": "diag"})
