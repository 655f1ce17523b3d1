"""Training of `pocket-sd`: killed and resumed it ends as an unbroken one; bad settings and losses stop it."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from tiny_pocket_sd import NARROW

from defectlab import cli
from defectlab.synthesis.pocket_sd import examples, training
from defectlab.synthesis.pocket_sd.storage import read_config, read_pipeline
from defectlab.synthesis.pocket_sd.training import Trainer, TrainingSettings, defect_weights

TINY = {"batch_size": 2, "warm_up": 1, "bfloat16": False, "workers": 0, "channels": NARROW}


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr(examples, "SQUARE", (32, 32))
    monkeypatch.setattr(examples, "TALL", (64, 32))


def killed_after(trainer, steps, monkeypatch):
    """Runs until a step has been saved and the next is under way."""
    step = trainer._train_step

    def train_step(batch):
        if trainer.step == steps:
            trainer.save()
            raise Killed
        return step(batch)

    monkeypatch.setattr(trainer, "_train_step", train_step)
    with pytest.raises(Killed):
        trainer.run()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_killed_and_resumed_training_ends_as_an_unbroken_one(tmp_path, monkeypatch, workers):
    settings = TrainingSettings(**TINY | {"steps": 4, "workers": workers})
    Trainer(tmp_path / "unbroken", settings).run()
    killed_after(Trainer(tmp_path / "broken", settings), 3, monkeypatch)
    again = Trainer(tmp_path / "broken", settings)
    assert again.step == 3
    again.run()
    one, two = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("unbroken", "broken"))
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert not list(tmp_path.rglob(".partial-*"))


def test_the_loss_falls_on_one_batch(tmp_path):
    trainer = Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 60, "lr": 3e-3, "batch_size": 4}))
    batch = examples.BatchStream(0, 4).draw(0)
    losses = []
    for _ in range(40):
        losses.append(trainer._train_step(batch))
        trainer.step += 1
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_the_loss_weighs_defects_and_one_latent_pixel_around_them():
    masks = torch.zeros(2, 1, 16, 20, dtype=torch.bool)
    masks[0, 0, 5, 9] = True  # latent pixel (1, 2)
    weights = defect_weights(masks, 8.0)
    assert weights.shape == (2, 1, 4, 5) and (weights[1] == 1).all()
    assert weights[0, 0].tolist() == [[1, 8, 8, 8, 1], [1, 8, 8, 8, 1], [1, 8, 8, 8, 1], [1, 1, 1, 1, 1]]


def test_the_text_is_trained_too(tmp_path):
    trainer = Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1}))
    before = {name: p.detach().clone() for name, p in trainer.net["text"].named_parameters()}
    trainer._train_step(examples.BatchStream(0, 2).draw(0))
    changed = {name for name, p in trainer.net["text"].named_parameters() if not torch.equal(p, before[name])}
    assert any("token_embedding" in name for name in changed) and any("layers.0" in name for name in changed)


def test_channels_weigh_by_their_deviation_and_one_on_average(tmp_path):
    weight = Trainer(tmp_path, TrainingSettings(**TINY)).channel_weight
    assert weight.mean() == pytest.approx(1) and weight.argmax() == 0
    assert (weight[0, 0] / weight[0, 1]).item() == pytest.approx((1.114 / 0.073) ** 0.5, rel=1e-4)
    even = Trainer(tmp_path / "even", TrainingSettings(**TINY | {"band_power": 0.0})).channel_weight
    assert torch.equal(even, torch.ones(1, 18, 1, 1))


def test_the_rate_warms_up_and_ends_at_a_twentieth(tmp_path):
    trainer = Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 101, "warm_up": 2, "lr": 1.0}))
    rates = []
    for trainer.step in (0, 1, 101):
        trainer._set_rate()
        rates.append(trainer.optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5, 1.0, 0.05], rel=1e-3)


def test_other_settings_in_the_same_folder_are_refused_by_name(tmp_path):
    Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1})).run()
    with pytest.raises(ValueError, match=r"other settings \(asked, found\): {'lr': \(0.1, 0.0006\)}; use a new folder"):
        Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1, "lr": 0.1}))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training_and_nothing_is_saved(tmp_path, monkeypatch, bad):
    trainer = Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 2}))
    monkeypatch.setattr(trainer, "_loss", lambda batch: trainer.net["unet"].conv_in.weight.sum() * 0 + bad)
    with pytest.raises(RuntimeError, match=r"the loss is (nan|inf) at step 0: lower lr"):
        trainer.run()
    assert not trainer.checkpoint.exists()


def test_the_log_of_a_resumed_training_says_each_step_once(tmp_path):
    trainer = Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1}))
    trainer.run()
    trainer.log.write_text("step,loss,lr,seconds\n1,0.5,1e-3,1\n50,0.4,1e-3,2\n")
    assert Trainer(tmp_path, trainer.settings).log.read_text().splitlines() == ["step,loss,lr,seconds", "1,0.5,1e-3,1"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"workers": -1}, "workers: expected at least 0, got -1"),
        ({"empty_captions": 1.5}, r"empty_captions: expected a value in \[0, 1\], got 1.5"),
        ({"lr": 0}, "lr: expected above 0, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        TrainingSettings(**changes)


def test_a_training_is_started_and_gone_on_with_from_the_command_line(capsys, tmp_path, monkeypatch):
    narrow = training.initial_networks
    monkeypatch.setattr(training, "initial_networks", lambda seed, tokenizer, channels: narrow(seed, tokenizer, NARROW))
    words = ["pocket", "train-sd", "--out", str(tmp_path / "run"), "--steps", "1", "--batch-size", "2"]
    words += ["--workers", "0", "--float32", "--device", "cpu"]
    assert cli.main(words) == 0
    assert "pocket-sd: from step 0 to 1, cpu, seed 0" in capsys.readouterr().out
    config = read_config(tmp_path / "run" / "model")["training"]
    assert (config["batch_size"], config["bfloat16"], config["trained_steps"]) == (2, False, 1)
    read_pipeline(tmp_path / "run" / "model")
    assert cli.main(words) == 0
    assert "from step 1 to 1" in capsys.readouterr().out
    assert cli.main([*words, "--lr", "0.5"]) == 2
    assert "other settings (asked, found): {'lr': (0.5, 0.0006)}" in capsys.readouterr().err


def test_a_file_is_no_folder_for_a_training(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert cli.main(["pocket", "train-sd", "--out", str(tmp_path / "file")]) == 2
    assert "is a file; expected a folder" in capsys.readouterr().err
