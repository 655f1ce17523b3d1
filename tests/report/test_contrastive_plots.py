import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from contrastive_samples import CLASSES, class_curves, collapse_history, contrastive_rows

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.report.collapse import runs_at_the_end
from defectlab.report.collapse_plots import collapse_curves, collapse_points, loss_effect
from defectlab.report.contrastive_plots import class_pr_curves, confusion_figure
from defectlab.report.contrastive_setting import ContrastiveSetting
from defectlab.report.generator_plots import conditional_curves, generator_rows, real_and_generated, sampler_curves
from defectlab.report.grids import sample_grid
from defectlab.report.style import SMOKE_TEXT

BALANCED = dict.fromkeys(CLASSES, 0.25)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def tiles(classes=CLASSES, n=3):
    records = [Record(f"set/{name}{i}", int(name != "good"), name) for name in classes for i in range(n)]

    def read(record):
        return Sample(torch.full((3, 4, 4), 0.5), None, record.label, record.defect)

    return MappedDataset(read, "toy", "train", records)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_one_panel_a_loss_with_the_ap_of_the_paper_in_the_legend():
    plot = class_pr_curves(class_curves(), "resnet10t", BALANCED)
    original, improved = plot.figure.axes
    assert [axes.get_title(loc="left") for axes in (original, improved)] == [
        "MoCo, original loss",
        "MoCo, improved loss",
    ]
    assert any(text.startswith("smooth: AP") and text.endswith("(paper 0.96)") for text in legend(improved))
    assert any(text.endswith("(paper 0.70)") for text in legend(original))
    assert "corrosion has AP" in plot.alt and "over 2 seeds, the paper 0.70." in plot.alt
    assert plot.alt.endswith("Chance: corrosion 0.25, dent 0.25, scratch 0.25, smooth 0.25.")


def test_classes_and_methods_that_the_paper_lacks_have_no_value_of_it():
    plot = class_pr_curves(class_curves(("untrained",), ("crack", "good")), "vit_tiny", {"crack": 0.3, "good": 0.7})
    assert not any("paper" in text for text in legend(plot.figure.axes[0]))
    assert "over 2 seeds. smooth" in plot.alt


def test_curves_need_base_rates_and_styles():
    with pytest.raises(ValueError, match=r"base_rates: expected a value in \(0, 1\) for scratch, got None"):
        class_pr_curves(class_curves(), "resnet10t", {"corrosion": 0.25, "dent": 0.25, "good": 0.25})
    with pytest.raises(ValueError, match="expected at least one precision-recall curve"):
        class_pr_curves([], "resnet10t", {})
    names = [f"c{i}" for i in range(7)]
    with pytest.raises(
        ValueError, match=r"tells 6 classes of defects apart, got 7 \(c0, .*choose some of them, such as"
    ):
        class_pr_curves(class_curves(classes=names), "resnet10t", dict.fromkeys(names, 0.1))


def test_confusion_is_the_mean_over_seeds_of_shares_of_a_row():
    tables = [pd.DataFrame(np.diag([4, 4]), ["dent", "good"], ["dent", "good"]) for _ in range(2)]
    tables[1].iloc[0] = [2, 2]
    plot = confusion_figure({"moco_original": tables})
    assert plot.alt.endswith("MoCo, original loss, rightly recognised: dent 0.75, smooth 1.00.")
    with pytest.raises(ValueError, match="moco_original: confusion matrices of different classes"):
        confusion_figure({"moco_original": [tables[0], tables[0].iloc[:1, :1]]})
    with pytest.raises(ValueError, match="at least one confusion matrix"):
        confusion_figure({})


def test_collapse_is_shown_against_the_untrained_encoder():
    history = collapse_history({"moco_original": 0.2, "moco_improved": 1.0})
    plot = collapse_curves(history)
    assert "MoCo, improved loss: norm of the mean embedding 1.00 after epoch 3." in plot.alt
    assert "Dashed" not in plot.alt and len(plot.figure.axes) == 4
    begun = history[history["epoch"] == 1].assign(epoch=0, value=0.5)
    plot = collapse_curves(pd.concat([begun, history]))
    words = "norm of the mean embedding 0.50, effective rank 0.50, uniformity 0.50, alignment 0.50"
    assert plot.alt.endswith(f"Dashed: the untrained encoder, {words}.")
    assert all(0.5 in axes.lines[-1].get_ydata() for axes in plot.figure.axes)


def test_a_history_of_two_settings_is_an_error():
    history = collapse_history({"moco_original": 0.2})
    with pytest.raises(ValueError, match="epoch 1 stands twice: one figure shows one setting"):
        collapse_curves(pd.concat([history, history]))
    with pytest.raises(ValueError, match="expected a history of mean_norm"):
        collapse_curves(history[history["metric"] == "loss"])


def test_points_count_the_runs_that_have_collapsed():
    rows = contrastive_rows(
        {"moco_original": [0.8, 0.79], "moco_improved": [0.001, 0.03], "untrained": [0.025, 0.04]}
    )  # norms of 0.2 and 0.21, 0.999 and 0.97, untrained 0.975 and 0.96
    plot = collapse_points(rows.assign(n_aug=0))
    assert "1 of 4 trainings that can be judged have collapsed to one point. Mean of those: 0.02." in plot.alt
    assert "Mean of untrained encoders: 0.05. Untrained norms: 0.96 to 0.97." in plot.alt  # 0.975 as binary is below


def test_without_an_untrained_encoder_no_run_is_called_collapsed():
    rows = contrastive_rows({"moco_original": [0.8], "moco_improved": [0.001]})
    assert "0 of 0 trainings that can be judged" in collapse_points(rows).alt
    ended = runs_at_the_end(rows)
    assert ended["untrained"].isna().all() and not ended["gone"].any()


def test_points_need_the_norm_and_the_metric():
    rows = contrastive_rows({"moco_original": [0.8, 0.79]})
    with pytest.raises(ValueError, match="no run has both mean_norm and accuracy"):
        collapse_points(rows, metric="accuracy")


def test_the_effect_of_the_loss_has_one_line_a_setting():
    parts = [
        contrastive_rows({"moco_original": [0.8, 0.8, 0.8], "moco_improved": levels}, setting)
        for levels, setting in (
            ([0.4, 0.41, 0.39], ContrastiveSetting("resnet10t")),
            ([0.8, 0.81, 0.79], ContrastiveSetting("vit_tiny", "single_class")),
        )
    ]
    plot = loss_effect(pd.concat(parts, ignore_index=True))
    assert "resnet10t, shuffled batches, plain BatchNorm, MoCo, improved loss: -0.40 (-0.42 to -0.38)." in plot.alt
    assert "vit_tiny, batches of one class, layer norm, MoCo, improved loss: " in plot.alt
    with pytest.raises(ValueError, match="no setting has map_step of the original and an improved loss"):
        loss_effect(contrastive_rows({"untrained": [0.5]}))


def test_samplers_say_both_ends_of_their_steps():
    frame = pd.DataFrame(
        [("ddim", n, n / 100, 20 / n) for n in (5, 50)] + [("ddpm", 1000, 10.0, 1.0)],
        columns=["sampler", "steps", "seconds", "distance"],
    )
    plot = sampler_curves(frame)
    assert "DDIM: 4.00 at 5 steps and 0.05 s, 0.40 at 50 steps and 0.5 s." in plot.alt
    assert "DDPM, ancestral (paper): 1.00 at 1000 steps and 10 s." in plot.alt
    with pytest.raises(ValueError, match="no sampler euler; there are: ddpm, ddim, dpm_solver"):
        sampler_curves(frame.assign(sampler="euler"))
    with pytest.raises(ValueError, match="expected rows with sampler, steps, seconds, distance; got 3 without seconds"):
        sampler_curves(frame.drop(columns="seconds"))


def test_figures_of_distances_say_how_many_images_stand_on_each_side():
    frame = pd.DataFrame(
        [("ddim", 5, 0.1, 2.0, 32, 64)], columns=["sampler", "steps", "seconds", "distance", "images", "features"]
    )
    plot = sampler_curves(frame)
    assert "(n = 32 images a side, 64 features)" in plot.alt and "n = 32" in plot.figure.axes[0].get_ylabel()
    values = [("frechet", 3.0), ("images_compared", 96.0), ("features_compared", 64.0)]
    told = pd.DataFrame([("one a class", 1.0, 1.0, *v) for v in values])
    told.columns = pd.Index(["model", "share", "guidance", "metric", "value"])
    assert "(n = 96 images a side, 64 features)" in conditional_curves(told.assign(**{"class": "all"})).alt


def test_of_several_distances_one_is_drawn():
    frame = pd.DataFrame(
        [("ddim", 5, 0.1, m, d) for m, d in (("frechet", 2.0), ("kernel", 9.0))],
        columns=["sampler", "steps", "seconds", "metric", "distance"],
    )
    assert sampler_curves(frame).alt.startswith("Frechet distance to real images")
    assert "DDIM: 9.00 at 5 steps" in sampler_curves(frame, metric="kernel").alt
    with pytest.raises(ValueError, match="no rows of fid; there are: frechet, kernel"):
        sampler_curves(frame, metric="fid")


def test_one_model_for_all_classes_is_said_by_its_share_and_guidance():
    arms = [("one a class", 1.0, 1.0, 3.0), ("one for all", 0.25, 1.0, 5.0), ("one for all", 0.25, 2.0, 4.0)]
    frame = pd.DataFrame(arms, columns=["model", "share", "guidance", "value"])
    plot = conditional_curves(frame.assign(**{"class": "all", "metric": "frechet"}))
    for words in ("one a class: 3.00 at 100%", "one for all, guidance 1: 5.00 at 25%", "guidance 2: 4.00 at 25%"):
        assert words in plot.alt


def test_rows_of_generators_bear_their_names_and_the_same_draw():
    rows = generator_rows({"Training images": tiles(), "ddpm": tiles(), "gan": tiles()}, n=4)
    assert [(row.title, row.method) for row in rows] == [("Training images", None), ("DDPM", "ddpm"), ("GAN", "gan")]
    assert rows[0].ids == rows[1].ids == rows[2].ids


def test_a_column_shows_the_same_class_in_every_row_however_the_sets_are_ordered():
    turns = tiles(("scratch", "dent", "good"), n=1)
    turns.records = tuple(r for i in range(4) for r in (*tiles(("good",), 4).records[i:i + 1],
                                                       *tiles(("dent",), 4).records[i:i + 1]))  # fmt: skip
    rows = generator_rows({"Real": tiles(), "ddpm": turns}, n=4)
    assert [[name.split()[0] for name in row.ids] for row in rows] == [["dent", "dent", "smooth", "smooth"]] * 2
    few = generator_rows({"Real": tiles(n=1), "ddpm": tiles()}, n=8)
    assert {len(row.images) for row in few} == {4}  # one of each class, for one set has no more
    with pytest.raises(ValueError, match="expected a class that all have, got Real, ddpm without one"):
        generator_rows({"Real": tiles(("dent",)), "ddpm": tiles(("good",))})


def test_real_and_generated_images_alternate_class_by_class():
    rows = real_and_generated(tiles(), tiles(), ("dent", "good"), n=2)
    assert [row.title for row in rows] == ["dent, real", "dent, generated", "smooth, real", "smooth, generated"]
    assert all("dent" in name for name in rows[0].ids)
    assert "smooth, generated (2)" in sample_grid(rows, seed=0).alt
    with pytest.raises(ValueError, match="row 'crack, real': the data set toy has no image to draw"):
        real_and_generated(tiles(), tiles(), ("crack",))


def test_smoke_figures_are_watermarked():
    rows = contrastive_rows({"moco_original": [0.8], "moco_improved": [0.1]}, profile="smoke")
    frame = pd.DataFrame({"sampler": ["ddim"], "steps": [4], "seconds": [0.1], "distance": [1.0]})
    table = pd.DataFrame([[3]], ["good"], ["good"])
    for plot in (
        class_pr_curves(class_curves(seeds=1), "resnet10t", BALANCED, "smoke"),
        confusion_figure({"untrained": [table]}, "smoke"),
        collapse_curves(collapse_history({"moco_original": 0.2}, epochs=1), "smoke"),
        collapse_points(rows, profile="smoke"),
        loss_effect(rows, profile="smoke"),
        sampler_curves(frame, "smoke"),
    ):
        assert SMOKE_TEXT in [text.get_text() for text in plot.figure.texts]
        assert plot.alt.endswith("Smoke profile: not a result.")
