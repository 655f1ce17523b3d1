"""The classifier under watch trains as it does alone, and the bug shows in its averages."""

import numpy as np
import pytest
import torch

from defectlab.data import load_dataset
from defectlab.detection import config as presets
from defectlab.detection.classifier import Classifier
from defectlab.evaluation import average_precision
from defectlab.experiments.watched import WatchedClassifier

SMALL = presets.smoke(weights="none", backbone="test_resnet", size=(64, 32), epochs=3, lr=1e-3)


@pytest.fixture(scope="module")
def parts():
    train = load_dataset("surfaces", "train", size=(64, 32), scale=0.01)
    return train, train, load_dataset("surfaces", "test", size=(64, 32), scale=0.02)


@pytest.fixture(scope="module")
def healthy(parts):
    return WatchedClassifier(SMALL.but(finetune="all"), "cpu").watch(*parts)


def test_watching_changes_nothing_that_is_learnt(parts, healthy):
    train, validation, test = parts
    alone = Classifier(SMALL.but(finetune="all"), "cpu").fit(train, validation)
    assert healthy["loss"].to_list() == alone.history["loss"].to_list()
    assert healthy["validation_ap"].to_list() == alone.history["validation_ap"].to_list()
    ap = average_precision(test.labels, alone.score(test).image)
    assert healthy["test_ap"].iloc[-1] == pytest.approx(ap)
    assert (healthy["seconds"] > 0).all() and healthy["seconds"].nunique() == 1


def test_averages_move_in_every_epoch_and_with_the_bug_in_the_first_alone(parts, healthy):
    assert (healthy["step"] > 0).all() and healthy["moved"].iloc[0] == 0 and healthy["moved"].iloc[-1] > 0
    stuck = WatchedClassifier(SMALL.but(finetune="all", legacy_bn_eval=True), "cpu").watch(*parts)
    assert stuck["step"].iloc[0] > 0 and (stuck["step"].iloc[1:] == 0).all() and (stuck["moved"] == 0).all()
    assert stuck["loss"].iloc[0] == healthy["loss"].iloc[0]


def test_a_head_on_frozen_features_has_no_averages_that_could_move(parts, tmp_path):
    rows = WatchedClassifier(SMALL, "cpu", tmp_path).watch(*parts)
    assert rows["moved"].isna().all() and len(rows) == 3 and any(tmp_path.rglob("*.npy"))


def test_shuffled_weights_are_those_of_the_seed_and_not_of_the_encoder():
    config = presets.smoke(size=(64, 32), backbone="auto")
    networks = [
        WatchedClassifier(config.but(seed=seed), "cpu", shuffled=shuffled)
        for seed, shuffled in ((0, False), (0, True), (0, True), (1, True))
    ]
    for network in networks:
        network.prepare()
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 64, 32), dtype=np.uint8))
    known, first, again, other = (network._frozen.features(image) for network in networks)
    assert torch.equal(first, again)
    assert not torch.equal(first, known) and not torch.equal(first, other) and known.shape == first.shape


def test_a_part_of_one_class_is_refused_before_anything_is_trained(parts):
    train, validation, test = parts
    with pytest.raises(ValueError, match="test needs normal and defective images"):
        WatchedClassifier(SMALL, "cpu").watch(train, validation, test.subset(defective=False))
