import matplotlib.pyplot as plt
import pandas as pd
import pytest

from defectlab.report.operating_points import operating_points
from defectlab.report.style import SMOKE_TEXT


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def points(make_rows):
    def rows(counts=(80, 100, 120), methods=("memseg", "ddpm", "in_and_out"), regime="zero_shot", **kwargs):
        names = ("precision_best_f1", "recall_best_f1", "precision_validation", "recall_validation")
        parts = [
            make_rows(
                {(m, regime, n): [0.2 + place / 10, 0.3 + place / 10] for m in methods for n in counts},
                metric=metric,
                **kwargs,
            )
            for place, metric in enumerate(names)
        ]
        return pd.concat(parts, ignore_index=True)

    return rows


def drawn(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def test_the_papers_points_are_those_of_its_figures(points):
    plot = operating_points(points())
    precision, recall = plot.figure.axes
    assert drawn(precision, "MemSeg, paper (KSDD2)") == ([80, 100, 120], [0.733, 0.633, 0.683])
    assert drawn(recall, "In&Out, paper (KSDD2)") == ([80, 100, 120], [0.655, 0.568, 0.534])


def test_ours_is_the_mean_with_the_range_over_seeds_and_the_alt_text_says_it(points):
    plot = operating_points(points())
    x, y = drawn(plot.figure.axes[0], "DDPM, here")
    assert (x, y) == ([80, 100, 120], pytest.approx([0.25] * 3))
    band = plot.figure.axes[0].collections[0].get_datalim(plot.figure.axes[0].transData)
    assert (band.y0, band.y1) == pytest.approx((0.2, 0.3))
    assert "Precision: In&Out goes from 0.25 ± 0.07 at 80 to 0.25 ± 0.07 at 120." in plot.alt
    assert "Recall: In&Out goes from 0.35 ± 0.07" in plot.alt


def test_the_threshold_from_validation_can_be_asked_for(points):
    plot = operating_points(points(), threshold="validation")
    assert drawn(plot.figure.axes[0], "MemSeg, here")[1] == pytest.approx([0.45] * 3)
    assert "threshold from validation" in plot.alt


def test_one_count_and_one_method_are_enough(points):
    plot = operating_points(points(counts=(24,), methods=("ddpm",)))
    assert "DDPM has 0.25 ± 0.07 at 24." in plot.alt
    labels = [text.get_text() for text in plot.figure.legends[0].get_texts()]
    assert "DDPM, here" in labels and "MemSeg, here" not in labels and "MemSeg, paper (KSDD2)" in labels
    assert plot.figure.axes[0].get_xticks().tolist() == [24, 80, 100, 120]


def test_other_regimes_take_the_values_of_the_tables(points):
    plot = operating_points(points(regime="full_shot"), "full_shot")
    assert drawn(plot.figure.axes[1], "DDPM, paper (KSDD2)")[1] == [0.768, 0.725, 0.725]


def test_a_smoke_figure_carries_the_watermark(points):
    plot = operating_points(points(profile="smoke"), profile="smoke")
    assert SMOKE_TEXT in [text.get_text() for text in plot.figure.texts]
    assert plot.alt.endswith("Smoke profile: not a result.")


def test_what_cannot_be_drawn_is_named(points):
    with pytest.raises(ValueError, match="threshold must be one of test, validation, got 'train'"):
        operating_points(points(), threshold="train")
    with pytest.raises(ValueError, match="no few_shot rows .* the rows have regimes zero_shot and methods ddpm"):
        operating_points(points(), "few_shot")
    with pytest.raises(ValueError, match="one figure shows one dataset; got ksdd2, surfaces"):
        operating_points(pd.concat([points(), points(dataset="ksdd2")]))
