import json

import numpy as np
import pandas as pd
import pytest

from defectlab.evaluation import average_precision
from defectlab.experiments import views
from defectlab.experiments.chapter_parameters import end
from defectlab.experiments.splits import load_splits
from defectlab.report.identity import method
from defectlab.synthesis import store


@pytest.fixture
def setting(prepare):
    """A finished zero-shot run of two seeds whose scores and histories were written by hand."""
    params, splits, synthetics, run = prepare(seeds=[0, 1])
    labels = splits.test.labels
    for arm in params.arms:
        for seed in params.seeds:
            order = np.linspace(0, 1, len(labels)) + (labels if arm == "diag" else 0) + seed / 100
            rows = pd.DataFrame({"split": "test", "label": labels, "score": order})
            held_out = pd.DataFrame({"split": "validation", "label": [0, 1], "score": [0.0, 1.0]})
            run.write_table(f"scores-{arm}-{seed}", pd.concat([held_out, rows]))
            history = {
                "epoch": [1, 2],
                "loss": [0.7, 0.5],
                "lr": 0.1,
                "validation_loss": 1.0,
                "validation_ap": [0.1, 0.9],
            }
            run.write_table(f"history-{arm}-{seed}", pd.DataFrame({**history, "method": arm, "seed": seed}))
            value = 0.9 - seed / 10 if arm == "diag" else 0.5
            run.add(run.result(method=arm, seed=seed, metric="ap_step", value=value))
    return params, splits, synthetics, run


def test_curves_are_of_test_images_one_an_arm_and_seed(setting):
    params, splits, _, run = setting
    curves = views.curves(params, run)
    assert [(curve.method, curve.seed) for curve in curves] == [(a, s) for a in ("memseg", "diag") for s in (0, 1)]
    assert [curve.ap for curve in curves[2:]] == [1.0, 1.0]  # ranked perfectly by hand
    scores = views.test_scores(run, "memseg", 0)
    assert len(scores) == len(splits.test)
    assert curves[0].ap == pytest.approx(average_precision(scores["label"].to_numpy(), scores["score"].to_numpy()))


def test_the_base_rate_is_the_share_of_positives_in_the_test_set(setting):
    splits = setting[1]
    assert views.base_rate(splits) == splits.test.labels.sum() / len(splits.test)


def test_histories_keep_the_loss_and_the_validation_ap(setting):
    history = views.histories(setting[0], setting[3])
    assert set(history.columns) == {"method", "seed", "epoch", "metric", "value"}
    assert set(history["metric"]) == {"Training loss", "Validation AP"} and len(history) == 2 * 2 * 2 * 2


def test_the_figure_has_the_rows_of_the_papers_figure_2(setting):
    params, splits, synthetics, _ = setting
    rows = views.figure_rows(params, splits, synthetics, n=2)
    assert [row.title for row in rows] == ["Negatives", "Positives", "MemSeg", "DIAG", "Masks for DIAG"]
    assert all(len(row.images) == 2 for row in rows) and rows[3].ids == rows[4].ids
    again = views.figure_rows(params, splits, synthetics, n=2)
    assert [row.ids for row in rows] == [row.ids for row in again]


def test_the_figure_does_without_real_positives_where_there_are_none(setting):
    params, splits, synthetics, _ = setting
    splits = type(splits)(splits.normals, splits.validation, splits.test)
    assert "Positives" not in [row.title for row in views.figure_rows(params, splits, synthetics, n=2)]


def test_operating_points_of_the_paper_are_those_of_the_regime_and_count(make_params):
    points = views.paper_points(make_params(n_aug=100))
    assert set(points) == {"memseg", "diag"} and all(0 < p < 1 and 0 < r < 1 for p, r in points.values())
    assert views.paper_points(make_params(n_aug=7)) == {}
    assert "none" not in views.paper_points(make_params(n_aug=100, regime="full_shot"))


def test_differences_are_taken_seed_by_seed(setting):
    params, _, _, run = setting
    table = views.differences_between_arms(params, run.results()).frame
    (line,) = table.to_dict("records")
    assert line["difference"] == f"DIAG - {method('memseg').name}"
    # .4 and .3: mean .35, standard error .05, times Student's 12.706 with one degree of freedom
    assert line["mean"] == "+0.350" and line["95 %"] == "-0.285 to +0.985" and line["seeds"] == "+0.40, +0.30"


def test_one_seed_has_no_interval(setting):
    params, _, _, run = setting
    rows = run.results()
    table = views.differences_between_arms(params, rows[rows["seed"] == 0]).frame
    assert table.empty and list(table.columns) == ["difference", "mean", "95 %", "seeds"]


@pytest.mark.parametrize(
    ("regime", "numerals"), [("zero_shot", ["I"]), ("full_shot", ["II"]), ("few_shot", ["I", "II"])]
)
def test_the_papers_table_is_that_of_the_regime(setting, make_params, regime, numerals):
    tables = views.paper_tables(make_params(regime=regime), setting[3].results())
    assert [table.caption.split("Table ")[1].split()[0] for table in tables] == numerals


def test_records_show_how_the_first_images_were_made(setting):
    table = views.records_table(setting[2]["diag", 0].train, n=2).frame
    assert "changed" in table
    assert views.records_table(setting[2]["diag", 0].train).notes[0].startswith("changed: share of the mask's pixels")
    assert len(table) == 2 and set(table["prompt"]) <= set(setting[0].descriptions) | {"a crack", "a scratch"}


def test_provenance_comes_from_the_run(setting):
    about = end(setting[3])
    assert about.seeds == [0, 1] and about.profile == "smoke" and about.command.startswith("papermill notebooks/diag")


def exported(setting, **changes):
    params, splits, synthetics, _ = setting
    params = type(params)(**{**params.as_dict(), **changes})
    return views.export_images(params, splits, synthetics, params.layout).frame


def test_images_are_exported_where_they_were_asked_for(setting, tmp_path):
    table = exported(setting, out=str(tmp_path / "mine"), layout="coco")
    assert list(table["layout"]) == ["images, masks, records.csv", "coco"] * 2
    made = setting[2]["diag", 1].train
    assert store.load(tmp_path / "mine" / "seed-1").images().equal(made.images())
    annotations = json.loads((tmp_path / "mine" / "seed-0" / "coco" / "annotations.json").read_text())
    assert len(annotations["images"]) == len(made) + len(setting[1].normals)
    assert len({note["image_id"] for note in annotations["annotations"]}) == len(made)


def test_a_second_export_of_the_same_images_changes_nothing_and_of_others_is_refused(setting, tmp_path):
    exported(setting, out=str(tmp_path / "mine"), layout="mvtec")
    exported(setting, out=str(tmp_path / "mine"), layout="mvtec")
    item = setting[2]["diag", 0].train.items[0].image
    item[:] = 255 - item
    with pytest.raises(ValueError, match=r"out: .*seed-0 holds a set of other settings:\n  contents:"):
        exported(setting, out=str(tmp_path / "mine"))


def test_nothing_is_exported_unless_it_is_asked_for(setting):
    assert exported(setting).empty
    params, splits, synthetics, _ = setting
    assert (
        str(views.export_images(params, splits, synthetics))
        == "Images that were written: none.\nSet `-p out FOLDER` to export them."
    )


def test_real_images_are_loaded_as_they_were_for_the_run(setting):
    again = load_splits(setting[0])
    assert [record.id for record in again.train.records] == [record.id for record in setting[1].train.records]
