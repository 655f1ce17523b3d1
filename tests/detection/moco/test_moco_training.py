"""The trainer: learns, resumes to the bit, says when it collapses, stops at NaN; probes and baselines on top."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from defectlab.detection.config import ClassifierConfig
from defectlab.detection.moco import (
    MoCoTrainer,
    ProbeReport,
    ProbeSettings,
    probe,
    settings,
    supervised_backbone,
    untrained_backbone,
)
from defectlab.detection.moco.augmentations import PRESETS
from defectlab.detection.moco.keeping import read_backbone, save_backbone
from defectlab.detection.moco.probe import fit_head
from defectlab.detection.moco.training import digest_of
from defectlab.detection.weights import load_backbone

pytestmark = pytest.mark.filterwarnings("ignore:the queue holds")


def smoke(**changes):
    return settings.smoke(backbone="test_resnet", batch_size=4, queue=8, **changes)


def data_views(trainer):
    """The first views that a diagnosis looks at."""
    generator = torch.Generator().manual_seed(0)
    return PRESETS[trainer.settings.augmentation](trainer.images, trainer.settings.size, generator)


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
    numbers = [name for name in whole.history if name not in ("seconds", "left")]
    assert whole.history[numbers].equals(second.history[numbers])
    with (tmp_path / "parts" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    measures = ["alignment", "uniformity", "mean_norm", "effective_rank"]
    columns = ["epoch", "loss", "lr", *measures, *(f"features_{name}" for name in measures)]
    assert list(rows[0]) == [*columns, "collapsed", "seconds", "left"] and rows[2]["left"] == "0:00:00"


def test_epoch_0_is_the_untrained_encoder_and_features_are_measured_beside_embeddings(toy):
    data, chosen = toy(8, 8), smoke(epochs=1)
    trainer = MoCoTrainer(data, chosen, device="cpu")
    embeddings, features = MoCoTrainer(data, chosen, device="cpu").diagnose()
    first = trainer.run().iloc[0]
    assert first["epoch"] == 0 and np.isnan(first["loss"])
    assert first["mean_norm"] == embeddings.mean_norm and first["features_mean_norm"] == features.mean_norm
    # embeddings have 16 dimensions, the features of the backbone 96
    assert embeddings.effective_rank <= 16 and features != embeddings
    views = data_views(trainer)
    expected = torch.nn.functional.normalize(trainer.model.kept.features(views), dim=1).double().mean(0).norm()
    assert trainer.history.iloc[1]["features_mean_norm"] == pytest.approx(expected.item(), rel=1e-5)


def test_an_encoder_without_features_is_at_one_point_and_no_error(toy):
    trainer = MoCoTrainer(toy(4, 4), smoke(epochs=1), device="cpu")
    trainer.model.query.features = lambda images: torch.zeros(len(images), 96)
    assert trainer.diagnose()[1].mean_norm == pytest.approx(1)


def test_the_digest_of_images_sees_every_byte_and_label():
    images = torch.arange(2 * 600 * 3, dtype=torch.int64).remainder(251).to(torch.uint8).view(600, 3, 2, 1)
    labels = torch.zeros(600, dtype=torch.int64)
    digest = digest_of(images, labels)
    assert len(digest) == 16 and digest == digest_of(images.clone(), labels.clone())
    swapped = images.clone()
    swapped[[0, 599]] = images[[599, 0]]  # the same sum
    relabelled = labels.clone()
    relabelled[0] = 1
    assert len({digest, digest_of(swapped, labels), digest_of(images, relabelled)}) == 3


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
    assert list(history["epoch"]) == [0, 1] and np.isfinite(history["loss"][1])


def test_a_collapsed_encoder_says_so(toy):
    trainer = MoCoTrainer(toy(4, 4), smoke(epochs=1), device="cpu")
    epoch = trainer._epoch

    def to_a_point(number):
        loss = epoch(number)
        torch.nn.init.zeros_(trainer.model.query.head[-1].weight)
        torch.nn.init.ones_(trainer.model.query.head[-1].bias)
        return loss

    trainer._epoch = to_a_point
    trainer.run()
    assert trainer.verdict.startswith("collapsed to one point")
    assert trainer.history["collapsed"][0] == ""


def test_a_long_training_says_how_far_it_is_and_the_last_line_comes_always(toy, caplog, monkeypatch):
    monkeypatch.setattr("defectlab.progress.EVERY", 0.0)
    with caplog.at_level("INFO", "defectlab"):
        MoCoTrainer(toy(4, 4), smoke(epochs=2), device="cpu").run()
        supervised_backbone(toy(4, 4), smoke(epochs=1), "cpu")
    first, last, labels = (record.getMessage() for record in caplog.records)
    assert first.startswith("original, test_resnet: epoch 1 of 2, loss ") and first.endswith(" left")
    assert "epoch 2 of 2" in last and ", took 0:00:0" in last
    assert labels.startswith("with labels, test_resnet: epoch 1 of 1, loss ")


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


def test_one_step_of_the_supervised_baseline_whose_loss_is_no_number_stops_it(toy, monkeypatch):
    losses = iter([float("inf"), 0.5, 0.5])
    monkeypatch.setattr(
        "defectlab.detection.moco.baselines.F.cross_entropy",
        lambda outputs, labels: outputs.sum() * 0 + next(losses),
    )
    with pytest.raises(FloatingPointError, match=r"supervised loss became inf in epoch 1: lower lr \(0.03\)"):
        supervised_backbone(toy(6, 6), smoke(epochs=1), "cpu")


@pytest.mark.parametrize("batch_norm", ["plain", "group"])
def test_a_kept_backbone_comes_back_as_it_was(toy, tmp_path, batch_norm):
    chosen = smoke(epochs=1, batch_norm=batch_norm)
    trainer = MoCoTrainer(toy(4, 4), chosen, device="cpu")
    trainer.run()
    folder = save_backbone(trainer.backbone, chosen, tmp_path / "kept")
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(read_backbone(folder).features(images), trainer.backbone.features(images))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    if batch_norm == "plain":  # a classifier takes the same folder
        model, spec, _ = load_backbone(ClassifierConfig(weights=str(folder), backbone="auto"))
        assert spec.architecture == "test_resnet"
        assert torch.equal(model.eval()(trainer.backbone.normalise(images)), trainer.backbone.features(images))
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="holds no backbone of a pretraining"):
        read_backbone(folder)


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
