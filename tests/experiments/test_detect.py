from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score

from defectlab.detection.base import Scores
from defectlab.detection.training import Training
from defectlab.experiments import detect as module
from defectlab.experiments.contents import contents
from defectlab.experiments.detect import classifier_config, detect, make_fold

METRICS = {
    *("ap_step", "ap_trapezoid", "precision_best_f1", "recall_best_f1", "precision_validation", "recall_validation"),
}


class Counter:
    """Stands in for the classifier: notes what it is trained on and scores by the mean of the image."""

    trained: list[str] = []  # noqa: RUF012 - shared by all instances on purpose
    stop_before: int | None = None
    sha256 = "weights"

    def __init__(self, config, device="auto", cache=None, checkpoint=None):
        self.checkpoint = checkpoint

    def prepare(self):
        return SimpleNamespace(sha256=self.sha256)

    def fit(self, train, validation=None):
        if len(self.trained) == self.stop_before:
            raise KeyboardInterrupt
        self.trained.append(contents(train))
        self.checkpoint.touch()
        self.history = pd.DataFrame({"epoch": [1], "loss": [0.5], "validation_ap": [1.0]})
        return self

    def score(self, dataset):
        return Scores(np.array([-float(dataset[i].image.mean()) for i in range(len(dataset))]))


@pytest.fixture
def counter(monkeypatch):
    """The stand-in, with nothing noted yet."""
    monkeypatch.setattr(module, "Classifier", Counter)
    monkeypatch.setattr(Counter, "trained", [])
    monkeypatch.setattr(Counter, "stop_before", None)
    return Counter


def counts(fold):
    names = [record.path.split("/")[0] for record in fold.train.records if record.label]
    synthetic = sum(name in ("diag", "memseg") for name in names)
    return int((fold.train.labels == 0).sum()), len(names) - synthetic, synthetic


@pytest.mark.parametrize(
    ("regime", "arm", "real", "synthetic"),
    [
        ("zero_shot", "memseg", 0, 3),
        ("zero_shot", "diag", 0, 3),
        ("few_shot", "none", 2, 0),
        ("few_shot", "diag", 2, 3),
        ("full_shot", "none", "all", 0),
        ("full_shot", "diag", "all", 3),
    ],
)
def test_a_fold_trains_on_all_normals_and_on_the_positives_of_its_regime_and_arm(prepare, regime, arm, real, synthetic):
    params, splits, synthetics, _ = prepare(regime=regime, n_shot=2)
    fold = make_fold(params, splits, synthetics, arm, 0)
    real = len(splits.positives) if real == "all" else real
    assert counts(fold) == (len(splits.normals), real, synthetic)


@pytest.mark.parametrize(
    ("regime", "arm", "is_real"),
    [
        ("zero_shot", "memseg", False),
        ("zero_shot", "diag", False),
        ("few_shot", "none", False),
        ("few_shot", "diag", False),
        ("full_shot", "none", True),
        ("full_shot", "memseg", True),
    ],
)
def test_thresholds_are_chosen_on_real_positives_only_in_full_shot(prepare, regime, arm, is_real):
    params, splits, synthetics, _ = prepare(regime=regime, n_shot=2)
    held_out = make_fold(params, splits, synthetics, arm, 0).validation
    positives = {record.id for record in held_out.subset(normal=False).records}
    real = {record.id for record in splits.validation.subset(normal=False).records}
    assert (positives == real) == is_real and (is_real or not positives & real)
    normals = {record.id for record in held_out.subset(defective=False).records}
    assert normals == {record.id for record in splits.validation.subset(defective=False).records}


def test_no_image_that_chooses_a_threshold_was_trained_on(prepare):
    params, splits, synthetics, _ = prepare(regime="few_shot", n_shot=2)
    for arm in params.arms:
        fold = make_fold(params, splits, synthetics, arm, 0)
        shown, held_out = ({part[i].image.numpy().tobytes() for i in range(len(part))} for part in vars(fold).values())
        assert not shown & held_out, arm


def test_test_images_are_in_no_fold(prepare):
    params, splits, synthetics, _ = prepare(regime="full_shot")
    tested = {record.id for record in splits.test.records}
    for arm in params.arms:
        fold = make_fold(params, splits, synthetics, arm, 0)
        assert not tested & {record.id for record in (*fold.train.records, *fold.validation.records)}


def test_arms_of_a_seed_share_their_real_positives(prepare):
    params, splits, synthetics, _ = prepare(regime="few_shot", n_shot=2)
    drawn = [
        {record.id for record in make_fold(params, splits, synthetics, arm, 0).train.records if "defect/" in record.id}
        for arm in params.arms
    ]
    assert len(drawn[0]) == 2 and drawn[0] == drawn[1] == drawn[2]


def test_the_rows_are_complete(prepare, counter):
    params, splits, synthetics, run = prepare(regime="full_shot", seeds=[0, 1])
    rows = detect(params, splits, synthetics, run)
    keys = {(row.method, row.seed, row.metric) for row in rows.itertuples()}
    assert keys == {(arm, seed, metric) for arm in ("none", "memseg", "diag") for seed in (0, 1) for metric in METRICS}
    assert len(rows) == len(keys) and rows["value"].between(0, 1).all()
    assert set(rows["n_aug"][rows["method"] == "none"]) == {0} and set(rows["n_aug"][rows["method"] == "diag"]) == {3}
    assert set(rows["regime"]) == {"full_shot"} and set(rows["dataset"]) == {"folder"}
    assert len(counter.trained) == 6


def test_metrics_are_those_of_scikit_learn_on_the_stored_scores(prepare, counter):
    params, splits, synthetics, run = prepare()
    rows = detect(params, splits, synthetics, run)
    scores = run.read_table("scores-diag-0")
    values = rows[rows["method"] == "diag"].set_index("metric")["value"]
    test = scores[scores["split"] == "test"]
    assert values["ap_step"] == pytest.approx(average_precision_score(test["label"], test["score"]))
    f1 = {}
    for threshold in test["score"]:
        chosen = test["score"] >= threshold
        pair = precision_score(test["label"], chosen), recall_score(test["label"], chosen)
        f1[pair] = 2 * pair[0] * pair[1] / (pair[0] + pair[1]) if sum(pair) else 0
    assert f1[values["precision_best_f1"], values["recall_best_f1"]] == max(f1.values())
    assert set(scores["split"]) == {"validation", "test"} and len(test) == len(splits.test)
    assert list(test["id"]) == [record.id for record in splits.test.records]


def test_each_kind_of_defect_is_measured_against_all_normals(prepare, counter):
    params = {"dataset": "surfaces", "data_root": "", "height": 32, "width": 32, "scale": 0.05, "masks": "lines"}
    params, splits, synthetics, run = prepare(**params)
    rows = detect(params, splits, synthetics, run).set_index(["method", "metric"])["value"]
    kinds = {name.removeprefix("ap_step_") for _, name in rows.index if name.startswith("ap_step_")}
    assert kinds == set(splits.test.defects) and len(kinds) > 1
    test = run.read_table("scores-diag-0").query("split == 'test' and defect in ['good', 'crack']")
    assert rows["diag", "ap_step_crack"] == pytest.approx(average_precision_score(test["label"], test["score"]))


def test_a_second_call_trains_nothing(prepare, counter):
    setting = prepare(seeds=[0, 1])
    first = detect(*setting)
    assert len(counter.trained) == 4
    second = detect(*setting)
    assert len(counter.trained) == 4
    pd.testing.assert_frame_equal(first, second)


def test_a_run_that_was_killed_between_arms_goes_on_with_the_next_one(prepare, counter, monkeypatch):
    setting = prepare(seeds=[0, 1])
    monkeypatch.setattr(counter, "stop_before", 3)
    with pytest.raises(KeyboardInterrupt):
        detect(*setting)
    assert set(setting[3].results()["method"]) == {"memseg", "diag"} and len(setting[3].results()) == 3 * len(METRICS)
    monkeypatch.setattr(counter, "stop_before", None)
    rows = detect(*setting)
    assert len(counter.trained) == 4 and len(set(counter.trained)) == len(counter.trained)
    assert len(rows) == 4 * len(METRICS)


def test_other_weights_train_again(prepare, counter, monkeypatch):
    setting = prepare()
    detect(*setting)
    monkeypatch.setattr(counter, "sha256", "other weights")
    detect(*setting)
    assert len(counter.trained) == 4


def test_other_synthetic_images_train_their_arm_again_and_no_other(prepare, painter, counter):
    detect(*prepare(painter("first")))
    setting = prepare(painter("second"))
    diag = setting[2]["diag", 0].train.items[0].image
    diag[:] = 255 - diag  # what another model paints
    rows = detect(*setting)
    assert len(counter.trained) == 3 and len(set(counter.trained)) == 3
    assert len(rows) == 2 * len(METRICS)


def test_a_finished_training_leaves_no_checkpoint(prepare, counter):
    setting = prepare()
    detect(*setting)
    assert not list(setting[3].folder("checkpoints").iterdir())


def test_a_training_that_was_killed_goes_on_after_its_last_whole_epoch(prepare, monkeypatch):
    setting = prepare(epochs=2)
    epochs = []
    epoch = Training._epoch

    def counted(self, number):
        epochs.append(number)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return epoch(self, number)

    monkeypatch.setattr(Training, "_epoch", counted)
    with pytest.raises(KeyboardInterrupt):
        detect(*setting)
    assert len(detect(*setting)) == 2 * len(METRICS)
    assert epochs == [0, 1, 1, 0, 1]  # the second arm from its beginning


def test_the_classifier_trains_for_real_and_leaves_a_history(prepare):
    setting = prepare(epochs=2, regime="full_shot")
    rows = detect(*setting)
    assert np.isfinite(rows["value"]).all() and (rows["seconds"] > 0).all()
    history = setting[3].read_table("history-none-0")
    assert list(history["epoch"]) == [1, 2] and set(history["method"]) == {"none"}


def test_the_profile_gives_the_classifier_and_parameters_change_it(make_params, make_mixed):
    smoke = classifier_config(make_params(), seed=4)
    assert (smoke.seed, smoke.size, smoke.weights, smoke.epochs) == (4, (64, 32), "none", 1)
    paper = classifier_config(make_params(profile="paper", weights=None, backbone=None, epochs=None), seed=0)
    assert (paper.backbone, paper.weights, paper.epochs, paper.batch_size) == ("resnet50.tv_in1k", "imagenet", 50, 32)
    assert (paper.optimiser, paper.lr, paper.head) == ("adam", 1e-4, "gap")
    mixed = classifier_config(make_mixed(profile="paper", weights=None, backbone=None, epochs=None), seed=0)
    assert (mixed.optimiser, mixed.lr, mixed.batch_size, mixed.epochs) == ("sgd", 0.01, 5, 50)  # In&Out, section 5.1
    assert classifier_config(make_params(profile="laptop"), 0).flips == "h"
