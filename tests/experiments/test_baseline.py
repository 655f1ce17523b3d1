"""The chapter on a baseline: which images and settings are trained on, and what its tables say."""

import numpy as np
import pandas as pd
import pytest

from defectlab.experiments import baseline
from defectlab.experiments import baseline_views as views
from defectlab.experiments.baseline_parameters import BaselineParameters
from defectlab.params import ParameterError, resolve
from defectlab.runs import Run

SMALL = {"profile": "smoke", "device": "cpu", "counts": [2], "scale": 0.02, "epochs": 2}


def params(**given):
    return resolve(BaselineParameters, SMALL | given)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run.open(tmp_path_factory.mktemp("runs"), "baseline", params())


@pytest.fixture(scope="module")
def trained(run):
    chosen = params()
    splits = baseline.load_images(chosen)
    return chosen, splits, baseline.train(chosen, splits, run, ["frozen"])


def test_seeds_follow_each_other_and_counts_ascend():
    assert params(seed=3, n_seeds=3).seeds == [3, 4, 5]
    with pytest.raises(ParameterError, match="expected ascending numbers, each once"):
        params(counts=[5, 2])


def test_images_are_divided_as_in_the_papers_notebooks_and_too_large_counts_are_refused(trained):
    _, splits, _ = trained
    assert len(splits.positives) == int(splits.train.labels.sum()) > 2
    with pytest.raises(ValueError, match=r"the last point of the curve is all real positives, \d+ here"):
        baseline.load_images(params(counts=[2, 50]))
    with pytest.raises(ValueError, match="n_shot: 60 real positives asked for"):
        baseline.load_images(params(n_shot=60))


def test_settings_differ_in_what_learns_and_nothing_else():
    frozen = baseline.settings(params(), "frozen", 1)
    assert (frozen.finetune, frozen.seed, frozen.legacy_bn_eval) == ("none", 1, False)
    assert frozen.but(finetune="all", lr=1e-4) == baseline.settings(params(), "fine-tuned", 1)
    assert baseline.settings(params(), "fine-tuned, with the bug", 1).legacy_bn_eval
    assert baseline.settings(params(), "frozen, random weights", 1) == frozen
    with pytest.raises(ValueError, match="no setting 'warm'; there are: frozen"):
        baseline.settings(params(), "warm", 0)


def test_a_training_has_a_row_an_epoch_and_the_curve_ends_with_all_positives(trained, run):
    chosen, splits, rows = trained
    assert len(rows) == 4 and rows["positives"].unique().tolist() == [len(splits.positives)]
    curve = baseline.last_epochs(baseline.learning_curve(chosen, splits, run, rows))
    counts, values = baseline.by_positives(curve)
    assert counts == [2, len(splits.positives)] and values.shape == (2, 2)
    assert values[:, 1].tolist() == baseline.last_epochs(rows)["AP"].to_list()


def test_a_training_that_is_stored_is_not_done_again(trained, run, monkeypatch):
    chosen, splits, rows = trained
    monkeypatch.setattr(baseline, "WatchedClassifier", None)
    pd.testing.assert_frame_equal(baseline.train(chosen, splits, run, ["frozen"]), rows)


def epochs():
    made = {"setting": ["frozen"] * 6, "seed": [0] * 3 + [1] * 3, "positives": 8, "epoch": [1, 2, 3] * 2}
    made |= {"validation_ap": [0.5, 0.9, 0.9, 0.7, 0.6, 0.5], "validation_loss": [3, 2, 1, 1, 1, 1]}
    return pd.DataFrame(made | {"test_ap": [0.8, 0.4, 0.6, 0.3, 0.5, 0.2], "seconds": [10.0] * 3 + [4.0] * 3})


def test_three_rules_of_stopping_by_hand():
    found = views.stopping(epochs()).pivot(index="seed", columns="protocol", values="epoch")[list(views.PROTOCOLS)]
    assert found.to_numpy().tolist() == [[3, 3, 1], [3, 1, 2]]
    table = views.stopping_table(views.stopping(epochs())).frame.set_index("rule")
    assert table["mean AP"].to_list() == ["0.400", "0.450", "0.650"]
    assert table["beyond fixed"].to_list() == ["+0.000", "+0.050", "+0.250"]
    assert table.loc[views.PROTOCOLS[0], "95 %"] == "–"


def test_the_best_epoch_on_test_images_never_reports_less():
    rng = np.random.default_rng(0)
    rows = epochs().assign(test_ap=rng.random(6), validation_ap=rng.random(6))
    wide = views.stopping(rows).pivot(index="seed", columns="protocol", values="AP")
    assert (wide[views.PROTOCOLS[2]] >= wide[list(views.PROTOCOLS[:2])].max(axis=1)).all()


def test_tables_show_every_seed_and_the_paired_difference():
    rows = baseline.last_epochs(epochs())
    rows = pd.concat([rows, rows.assign(setting="fine-tuned", AP=rows["AP"] + 0.1)])
    (first, _) = views.seeds_table(rows).frame.to_dict("records")
    assert first["every seed"] == "0.60, 0.20" and first["mean AP"] == "0.400" and first["real positives"] == "8"
    (line,) = views.differences_table(rows, [("fine-tuned", "frozen")]).frame.to_dict("records")
    assert (line["mean"], line["every seed"], line["excludes zero"]) == ("+0.100", "+0.10, +0.10", "yes")


def test_a_study_has_two_arms_and_pays_for_features_once_an_arm():
    assert views.cost(10, 4, 1) == 10 and views.cost(10, 4, 5) == 26
    (line,) = views.budget_table(baseline.last_epochs(epochs()), 0.1).frame.to_dict("records")
    assert (line["first"], line["each further"], line["study, 5 seeds"]) == ("10.0 s", "4.0 s", "52.0 s")
    assert line["study, 1 seed"] == "20.0 s" and int(line["seeds for 10 points"]) > 100


def test_the_chart_of_a_curve_has_every_training_and_a_mean_with_its_interval():
    rows = pd.DataFrame({"seed": [0, 1] * 2, "positives": [2, 2, 8, 8], "AP": [0.2, 0.4, 0.5, 0.5]})
    frame = views.curve_frame(rows)
    mean = frame[frame["shown"] == "mean of the seeds"].set_index("positives")
    assert len(frame) == 6 and mean.loc[2, "AP"] == pytest.approx(0.3)
    assert mean.loc[2, "high"] == pytest.approx(0.3 + 12.706 * 0.1, rel=1e-3)
    (line,) = views.worth_table(rows, 0.05).frame.to_dict("records")
    assert line["a gain is worth"].startswith("too flat to be read") and line["real positives"] == 2


def test_one_seed_has_no_interval():
    rows = pd.DataFrame({"n": [1, 2], "value": [0.5, 0.6]})
    found = views.summary(rows, ["n"], "value")
    assert found["value"].to_list() == [0.5, 0.6] and found[["low", "high"]].isna().all(axis=None)
