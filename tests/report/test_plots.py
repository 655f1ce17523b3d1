import base64
import io
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, precision_recall_curve

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.report import style
from defectlab.report.curves import Curve
from defectlab.report.grids import LABEL_POINTS, GridRow, draw_row, sample_grid
from defectlab.report.plots import ap_points, n_aug_curve, pr_curves, training_curves
from defectlab.report.provenance_strip import SMOKE_TEXT, Provenance
from defectlab.report.style import Plot, png, show, size, styled
from defectlab.runs import Run


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def curve(method="diag", seed=0, shift=2.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(200) < 30
    scores = rng.standard_normal(200) + shift * labels
    precision, recall, _ = precision_recall_curve(labels, scores)
    return Curve(method, seed, recall, precision, average_precision_score(labels, scores))


def data(n=8, masked=True):
    records = [Record(f"set/{i}", 1, "scratch") for i in range(n)]

    def read(record):
        mask = torch.zeros(1, 6, 4, dtype=torch.bool)
        mask[:, 2, 1:3] = True
        return Sample(torch.full((3, 6, 4), 0.5), mask if masked else None, 1, "scratch")

    return MappedDataset(read, "toy", "train", records)


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_the_step_curve_encloses_the_step_ap():
    drawn = curve()
    recall = (np.arange(200_000) + 0.5) / 200_000
    assert drawn.at(recall).mean() == pytest.approx(drawn.ap, abs=1e-4)


def test_of_equal_recalls_the_best_precision_counts():
    drawn = Curve("diag", 0, np.array([1.0, 0.5, 0.5, 0.0]), np.array([0.4, 0.5, 1.0, 1.0]), 0.7)
    assert drawn.at(np.array([0.2, 0.5, 0.6, 1.0])).tolist() == [1.0, 1.0, 0.4, 0.4]


def test_pr_figure_says_ap_chance_and_the_papers_point():
    plot = pr_curves([curve(seed=s) for s in range(3)] + [curve("memseg", 0, 0.5)], 0.15, {"diag": (0.924, 0.664)})
    mean = np.mean([curve(seed=s).ap for s in range(3)])
    assert f"DIAG has AP {mean:.2f} ± " in plot.alt
    assert "over 3 seeds" in plot.alt
    assert "MemSeg has AP" in plot.alt and "over 1 seed." in plot.alt
    assert "precision 0.924, recall 0.664" in plot.alt
    assert "Chance is 0.15" in plot.alt
    labels = [text.get_text() for text in plot.figure.legends[0].get_texts()]
    assert any(label.startswith("DIAG, AP ") for label in labels)
    assert "Base rate 0.15" in labels
    assert "DIAG, paper's operating point" in labels


def test_pr_figure_needs_curves_and_a_base_rate():
    with pytest.raises(ValueError, match="at least one precision-recall curve"):
        pr_curves([], 0.1)
    with pytest.raises(ValueError, match="base_rate must lie in"):
        pr_curves([curve()], 1.0)


def test_a_curve_of_unequal_lengths_is_named():
    with pytest.raises(ValueError, match="curve of diag, seed 3: recall has 2 points, precision 1"):
        Curve("diag", 3, np.array([0.0, 1.0]), np.array([1.0]), 0.5)


def test_training_curves_say_where_they_go():
    history = pd.DataFrame(
        [("diag", s, e, m, v - e * 0.1) for s in (0, 1) for e in (1, 2, 3) for m, v in (("loss", 1.0), ("AP", 0.8))],
        columns=["method", "seed", "epoch", "metric", "value"],
    )
    plot = training_curves(history)
    assert "DIAG: loss from 0.9 to 0.7 over epochs 1 to 3." in plot.alt
    assert len(plot.figure.axes) == 2


def test_a_curve_of_one_point_is_a_marker_and_counts_what_it_is_told():
    history = pd.DataFrame([("ddpm", 0, 4, "loss", 0.5)], columns=["method", "seed", "epoch", "metric", "value"])
    plot = training_curves(history, unit="step")
    assert "DDPM: loss 0.5 at step 4." in plot.alt
    axes = plot.figure.axes[0]
    assert axes.get_xlabel() == "Step" and all(line.get_marker() == "v" for line in axes.lines)


def test_n_aug_curve_says_both_ends_and_shows_the_paper(make_rows):
    rows = make_rows({("diag", "zero_shot", n): [n / 200, n / 200 + 0.02] for n in (80, 100, 120)})
    paper = pd.DataFrame({"method": ["diag"] * 2, "n_aug": [80, 100], "paper": [0.769, 0.801]})
    plot = n_aug_curve(rows, paper=paper)
    assert "DIAG goes from 0.41 ± 0.01 at 80 to 0.61 ± 0.01 at 120 added images." in plot.alt
    assert "DIAG, paper" in [text.get_text() for text in plot.figure.axes[0].get_legend().get_texts()]


def test_ap_points_list_methods_with_seeds(rows):
    plot = ap_points(rows[rows["regime"] == "zero_shot"])
    assert plot.alt == "step AP by method: DIAG 0.72 ± 0.02 (3 seeds); MemSeg 0.41 ± 0.01 (3 seeds)."


def test_one_seed_is_drawn_without_an_interval(make_rows):
    plot = ap_points(make_rows({("diag", "zero_shot", 100): [0.5]}))
    assert "DIAG 0.50 (1 seed)" in plot.alt
    assert n_aug_curve(make_rows({("diag", "zero_shot", 100): [0.5]})).alt


def test_two_regimes_in_one_figure_are_an_error(rows):
    with pytest.raises(ValueError, match="one figure shows one regime; got full_shot, zero_shot"):
        ap_points(rows)
    with pytest.raises(ValueError, match="no result rows of metric 'auroc'; there are: ap_step"):
        ap_points(rows, metric="auroc")


def test_a_smoke_figure_carries_the_watermark_and_says_so(make_rows):
    rows = make_rows({("diag", "zero_shot", 100): [0.5, 0.6]}, profile="smoke")
    for plot in (ap_points(rows, profile="smoke"), pr_curves([curve()], 0.15, profile="smoke"),
                 sample_grid([draw_row(data(), "positives")], profile="smoke")):  # fmt: skip
        assert SMOKE_TEXT in texts(plot.figure)
        assert plot.alt.endswith("Smoke profile: not a result.")
    assert SMOKE_TEXT not in texts(ap_points(rows).figure)


def test_the_grid_is_drawn_at_random_by_seed_and_names_its_records():
    first, again, other = (draw_row(data(), "positives", n=4, seed=seed) for seed in (0, 0, 1))
    assert first.ids == again.ids != other.ids
    masks = draw_row(data(), "masks", n=4, seed=0, masks=True)
    assert masks.ids == first.ids
    assert masks.images[0].dtype == bool
    assert first.images[0].shape == (6, 4, 3)
    assert first.images[0].dtype == np.uint8


def test_the_grid_says_rows_and_mask_area():
    rows = [draw_row(data(), "Positives", n=3), draw_row(data(), "DIAG", n=3, method="diag", outline=True)]
    plot = sample_grid(rows, seed=0)
    assert plot.alt == (
        "Grid of images, 2 rows from top to bottom, drawn at random with seed 0: Positives (3); DIAG (3). "
        "Masks cover 8.3 % of their image."
    )
    assert len(plot.figure.axes) == 6


def test_labels_over_images_are_as_large_as_they_fit():
    images = (np.zeros((8, 4), bool),) * 7
    short = sample_grid([GridRow("x", images[:3], ("2 cells", "8 cells", "32 cells"))]).figure
    assert {axes.get_title() for axes in short.axes} == {"2 cells", "8 cells", "32 cells"}
    assert {axes.title.get_fontsize() for axes in short.axes} == {LABEL_POINTS[1]}
    long = sample_grid([GridRow("x", images, tuple(f"a name as long as this {n}" for n in range(7)))]).figure
    assert {axes.title.get_fontsize() for axes in long.axes} == {LABEL_POINTS[0]}
    fitting = sample_grid([GridRow("x", images, tuple(f"opacity 0.1{n} ab" for n in range(7)))]).figure
    fitting.canvas.draw()
    for axes in fitting.axes:
        assert 6 < axes.title.get_fontsize() < 10
        assert axes.title.get_window_extent().width <= 1.05 * axes.get_window_extent().width


def test_masks_that_do_not_exist_are_an_error():
    with pytest.raises(ValueError, match="row 'masks': no mask for set/"):
        draw_row(data(masked=False), "masks", masks=True)
    with pytest.raises(ValueError, match="has no image to draw"):
        draw_row(data(0), "nothing")
    with pytest.raises(ValueError, match="1 images, 2 ids"):
        GridRow("x", (np.zeros((2, 2), bool),), ("a", "b"))


def test_shown_output_carries_alt_caption_and_name(rows):
    seen = {}
    plot = ap_points(rows[rows["regime"] == "zero_shot"])
    show(
        plot,
        caption="AP by method",
        name="fig-ap",
        display=lambda bundle, **kwargs: seen.update(bundle=bundle, **kwargs),
    )
    assert seen["metadata"]["image/png"] == {"alt": plot.alt, "caption": "AP by method", "name": "fig-ap"}
    assert seen["bundle"]["text/plain"] == plot.alt
    assert base64.b64decode(seen["bundle"]["image/png"]).startswith(b"\x89PNG")
    assert not plt.fignum_exists(plot.figure.number)


def test_the_run_that_is_open_stands_under_its_figure_in_one_line(rows, tmp_path):
    shown = []
    run = Run.open(tmp_path, "diag", {"profile": "laptop", "dataset": "surfaces", "seeds": [0, 2]}, "cpu (two & more)")
    show(ap_points(rows[rows["regime"] == "zero_shot"]), display=lambda bundle, **_: shown.append(bundle))
    figure, made = shown
    assert "image/png" in figure and list(made) == ["text/html", "text/plain"]
    commit = run.provenance()["commit"]
    line = f"this run · laptop profile · seeds 0, 2 · cpu (two &amp; more) · commit {commit} · 0.0 min"
    assert made["text/html"].startswith(f'<div class="defectlab-made">{line} · <a href="#made-by">command</a>')
    assert "papermill notebooks/diag.ipynb" in made["text/plain"]


def test_a_figure_of_a_stored_run_names_that_one_and_no_other(rows, tmp_path):
    shown = []
    Run.open(tmp_path, "diag", {"profile": "smoke", "seed": 5})
    plot = ap_points(rows[rows["regime"] == "zero_shot"])
    kept = Provenance("laptop", "ksdd2", [0, 1], "gpu", 90, "abc1234", "defectlab study x -p a '[1]'", stored="kept")
    show(replace(plot, made=kept), display=lambda bundle, **_: shown.append(bundle))
    assert "stored run kept · laptop profile · seeds 0, 1 · gpu · commit abc1234 · 1.5 min" in shown[1]["text/html"]
    assert "<code>defectlab study x -p a &#x27;[1]&#x27;</code></details>" in shown[1]["text/html"]


def test_without_a_run_there_is_no_line(rows):
    shown = []
    show(ap_points(rows[rows["regime"] == "zero_shot"]), display=lambda bundle, **_: shown.append(bundle))
    assert len(shown) == 1


def test_the_line_leads_to_the_strip_of_this_build_and_stored_ones_have_no_such_name():
    made = Provenance("laptop", "surfaces", [0], "cpu", 90, "abc1234", "x")
    assert '<dl id="made-by" class="' in made._repr_html_() and 'href="#made-by"' in made.line
    assert "made-by" not in replace(made, stored="y")._repr_html_()


def test_figures_are_white_opaque_and_byte_identical(rows):
    one, two = (ap_points(rows[rows["regime"] == "zero_shot"]) for _ in range(2))
    shown = []
    for plot in (one, two):
        show(plot, display=lambda bundle, **_: shown.append(bundle["image/png"]))
    assert shown[0] == shown[1]
    assert one.figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(("inches", "pixels"), [((2, 1), (320, 160)), ((10, 20), (1000, 2000))])
def test_a_large_figure_has_fewer_dots_an_inch_and_none_is_transparent(inches, pixels):
    with Image.open(io.BytesIO(base64.b64decode(png(plt.figure(figsize=inches))))) as image:
        assert image.size == pixels and image.mode == "RGB"


def test_a_heavy_grid_of_photographs_gets_a_palette_and_looks_the_same(monkeypatch):
    def drawn():
        figure, axes = plt.subplots(figsize=(8, 8))
        axes.imshow(np.random.default_rng(0).normal(128, 30, (1200, 1200)).clip(0, 255), cmap="gray")
        stored = base64.b64decode(png(figure))
        with Image.open(io.BytesIO(stored)) as image:
            return image.mode, len(stored), np.asarray(image.convert("RGB"), float)

    mode, light, shown = drawn()
    monkeypatch.setattr(style, "MOST_BYTES", 10**9)
    whole, heavy, true = drawn()
    assert (mode, whole) == ("P", "RGB") and light < heavy > 1_000_000
    assert np.abs(shown - true).mean() < 2


def test_the_style_does_not_leak():
    before = plt.rcParams["axes.grid"]
    with styled():
        assert plt.rcParams["axes.grid"] is True
    assert plt.rcParams["axes.grid"] == before


def test_a_figure_without_alt_text_is_an_error():
    with pytest.raises(ValueError, match="a figure needs an alt text"):
        Plot(plt.figure(), " ")
    with pytest.raises(ValueError, match="no figure role 'huge'; there are: column, wide"):
        size("huge")


def test_the_provenance_strip_tells_a_stored_run_from_this_build():
    made = Provenance("laptop", "surfaces", [0, 1], "cpu", 90, "abc1234", "papermill notebooks/diag.ipynb out.ipynb")
    assert str(made).startswith("From: this run | Profile: laptop | Data: surfaces | Seeds: 0, 1 | Device: cpu")
    assert "Minutes: 1.5" in str(made)
    assert "<code>papermill notebooks/diag.ipynb out.ipynb</code>" in made._repr_html_()
    stored = Provenance("paper", "ksdd2", [0], "gpu", 90, "abc1234", "x", stored="ksdd2-paper")
    assert "defectlab-stored" in stored._repr_html_()
    assert "From: stored run ksdd2-paper" in str(stored)
    smoke = Provenance("smoke", "surfaces", [0], "cpu", 9, "abc1234", "x")
    assert SMOKE_TEXT in str(smoke)
