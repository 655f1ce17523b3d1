"""The trainer: learns, resumes to the bit, says when it collapses, stops at NaN; probes and baselines on top."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from defectlab.detection.moco import (
    MoCoTrainer,
    ProbeReport,
    ProbeSettings,
    probe,
    settings,
    supervised_backbone,
    untrained_backbone,
)
from defectlab.detection.moco.probe import fit_head

pytestmark = pytest.mark.filterwarnings("ignore:the queue holds")


def smoke(**changes):
    return settings.smoke(backbone="test_resnet", batch_size=4, queue=8, **changes)


def state(trainer):
    return {k: v.clone() for k, v in trainer.model.state_dict().items()}


def test_a_resumed_training_is_the_uninterrupted_one_to_the_bit(toy, tmp_path):
    data = toy(8, 8)
    whole = MoCoTrainer(data, smoke(), tmp_path / "whole", "cpu")
    whole.run()
    first = MoCoTrainer(data, smoke(), tmp_path / "parts", "cpu")
    save = first.kept.save

    def stop(done: int) -> None:
        save(done)
        raise KeyboardInterrupt

    first.kept.save = stop
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = MoCoTrainer(data, smoke(), tmp_path / "parts", "cpu")
    assert second.epoch == 1
    second.run()
    one, two = state(whole), state(second)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert whole.history["loss"].tolist() == second.history["loss"].tolist()
    with (tmp_path / "parts" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    columns = "epoch loss lr alignment uniformity mean_norm effective_rank collapsed seconds left"
    assert list(rows[0]) == columns.split() and rows[1]["left"] == "0:00:00"


def test_a_checkpoint_of_other_settings_or_images_is_refused(toy, tmp_path):
    MoCoTrainer(toy(4, 4), smoke(epochs=1), tmp_path, "cpu").run()
    with pytest.raises(ValueError, match=r"other settings \(lr: asked 0.01, found 0.03\)"):
        MoCoTrainer(toy(4, 4), smoke(epochs=1, lr=0.01), tmp_path, "cpu")
    with pytest.raises(ValueError, match="images: asked"):
        MoCoTrainer(toy(4, 4, start=50), smoke(epochs=1), tmp_path, "cpu")


def test_the_queue_moves_and_the_key_encoder_follows(toy):
    trainer = MoCoTrainer(toy(4, 4), smoke(epochs=1, m=0.5), device="cpu")
    before = state(trainer)
    trainer.run()
    after = state(trainer)
    assert int(after["queue.added"]) == 8
    assert not torch.equal(before["queue.keys"], after["queue.keys"])
    weight = "head.0.weight"
    assert not torch.equal(after[f"key.{weight}"], before[f"key.{weight}"])
    assert not torch.equal(after[f"key.{weight}"], after[f"query.{weight}"])


@pytest.mark.parametrize("batch_norm", ["shuffled", "group"])
@pytest.mark.parametrize("composition", ["shuffled", "single_class"])
def test_all_switches_train(toy, batch_norm, composition):
    chosen = smoke(epochs=1, batch_norm=batch_norm, batch_composition=composition, loss="improved_mean_logit", keep="k")
    history = MoCoTrainer(toy(4, 4), chosen, device="cpu").run()
    assert len(history) == 1 and np.isfinite(history["loss"]).all()


def test_a_collapsed_encoder_says_so(toy):
    trainer = MoCoTrainer(toy(4, 4), smoke(epochs=1, lr=1e-9), device="cpu")
    for encoder in (trainer.model.query, trainer.model.key):
        torch.nn.init.zeros_(encoder.head[-1].weight)
        torch.nn.init.ones_(encoder.head[-1].bias)
    trainer.run()
    assert trainer.verdict.startswith("collapsed to one point")


def test_a_loss_that_is_no_number_stops_the_run_with_advice(toy, tmp_path):
    trainer = MoCoTrainer(toy(4, 4), smoke(lr=1e30), tmp_path, "cpu")
    with pytest.raises(FloatingPointError, match=r"epoch 1 are \{'loss': nan\}: lower lr \(1e\+30; .*linear scaling"):
        trainer.run()
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_probe_reads_what_features_tell_and_only_the_head_is_trained(toy):
    backbone = untrained_backbone(smoke())
    before = [p.clone() for p in backbone.parameters()]
    report = probe(toy(16, 16), toy(8, 8, start=100), backbone, 32, ProbeSettings(epochs=30))
    assert report.classes == ("good", "line") and report.mean_average_precision > 0.8
    assert all(torch.equal(a, b) for a, b in zip(before, backbone.parameters(), strict=True))
    assert report.confusion.to_numpy().sum() == 16


def test_a_supervised_backbone_trains_with_labels(toy):
    chosen = smoke(epochs=1, lr=0.01)
    backbone = supervised_backbone(toy(4, 4), chosen, "cpu")
    started = untrained_backbone(chosen)
    assert not torch.equal(next(backbone.backbone.parameters()), next(started.backbone.parameters()))
    with pytest.raises(ValueError, match="needs two classes at least"):
        supervised_backbone(toy(8, 0), chosen, "cpu")


def test_average_precision_of_each_class_by_hand_and_by_a_second_library():
    labels = np.array([0, 1, 1, 2])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.4, 0.3], [0.2, 0.6, 0.2]])
    report = ProbeReport(("a", "b", "c"), labels, probabilities)
    # class b: ranked 0.6 (wrong), 0.5, 0.4, 0.2: AP = (1/2 + 2/3) / 2; class c: ranked third: AP = 1/3
    assert report.average_precision == pytest.approx({"a": 1, "b": (1 / 2 + 2 / 3) / 2, "c": 1 / 3})
    expected = [average_precision_score(labels == c, probabilities[:, c]) for c in range(3)]
    assert report.mean_average_precision == pytest.approx(np.mean(expected))
    assert report.confusion.to_numpy().tolist() == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]
    assert report.accuracy == 0.75


def test_a_class_that_the_test_set_lacks_does_not_count():
    report = ProbeReport(("a", "b"), np.array([0, 0]), np.array([[0.9, 0.1], [0.6, 0.4]]))
    assert np.isnan(report.average_precision["b"]) and report.mean_average_precision == 1


@pytest.mark.parametrize("hidden", [0, 8])
def test_a_head_separates_what_is_separable(hidden):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    features = torch.randn(60, 4, generator=generator) * 0.2 + torch.eye(3, 4)[labels] * 3
    predicted = fit_head(features, labels, features, 3, ProbeSettings(hidden=hidden))
    assert (predicted.argmax(1) == labels.numpy()).all() and np.allclose(predicted.sum(1), 1)


def test_a_class_without_training_images_is_refused(toy):
    with pytest.raises(ValueError, match="a head needs two classes"):
        probe(toy(4, 0), toy(4, 2), untrained_backbone(smoke()), 32)
