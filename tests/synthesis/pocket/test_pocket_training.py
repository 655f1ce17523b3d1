"""Training: killed and resumed it ends as an unbroken one, other settings are refused, a bad loss stops it."""

from __future__ import annotations

import json

import pytest
import torch
from plain_pocket import plain_scales
from safetensors.torch import load_file

from defectlab.synthesis.pocket import training
from defectlab.synthesis.pocket.pipeline import PocketPipeline
from defectlab.synthesis.pocket.training import Trainer, TrainingSettings, initial_network, measure_scales

TINY = {"batch_size": 2, "warm_up": 1, "bfloat16": False, "workers": 0}


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(training, "measure_scales", lambda settings: plain_scales())


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
    start = dict(initial_network(0).named_parameters())
    assert any((one[key].float() - start[key]).abs().max() > 1e-4 for key in one)


def test_a_finished_training_is_not_trained_on(tmp_path):
    settings = TrainingSettings(**TINY | {"steps": 1})
    Trainer(tmp_path, settings).run()
    before = (tmp_path / "model" / "model.safetensors").read_bytes()
    Trainer(tmp_path, settings).run()
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before
    assert not list(tmp_path.rglob(".partial-*"))


def test_the_model_that_was_written_is_the_one_the_pipeline_reads(tmp_path):
    Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1})).run()
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["training"]["trained_steps"] == 1 and config["training"]["batch_size"] == 2
    assert config["unet"]["in_channels"] == 48 and config["scheduler"]["prediction_type"] == "v_prediction"
    pipeline = PocketPipeline.from_pretrained(tmp_path / "model")
    assert pipeline.scheduler.config.timestep_spacing == "trailing"


def test_other_settings_in_the_same_folder_are_refused_by_name(tmp_path):
    Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1})).run()
    with pytest.raises(ValueError, match=r"other settings \(asked, found\): {'lr': \(0.1, 0.0006\)}; use a new folder"):
        Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1, "lr": 0.1}))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training_and_nothing_is_saved(tmp_path, monkeypatch, bad):
    trainer = Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 2}))
    monkeypatch.setattr(trainer, "_loss", lambda batch: trainer.net["words"].defect.weight.sum() * 0 + bad)
    with pytest.raises(RuntimeError, match=r"the loss is (nan|inf) at step 0: lower lr"):
        trainer.run()
    assert not trainer.checkpoint.exists()


def test_the_log_of_a_resumed_training_says_each_step_once(tmp_path):
    trainer = Trainer(tmp_path, TrainingSettings(**TINY | {"steps": 1}))
    trainer.run()
    trainer.log.write_text("step,loss,lr,seconds\n1,0.5,1e-3,1\n50,0.4,1e-3,2\n")
    assert Trainer(tmp_path, trainer.settings).log.read_text().splitlines() == ["step,loss,lr,seconds", "1,0.5,1e-3,1"]


def test_a_training_leaves_the_random_numbers_of_the_caller_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    initial_network(0)
    assert torch.equal(torch.rand(3), expected)
    one, two = (initial_network(1).state_dict() for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_scales_bring_layers_and_crops_to_about_unit_variance():
    scales = measure_scales(TrainingSettings(seed=1), count=60)
    assert scales.defect.shape == (7,) and scales.layer.shape == scales.crop.shape == (16,)
    assert scales.defect[0] == 1 and (scales.defect[1:] > 1).all()
    assert all(torch.isfinite(value).all() and (value > 0).all() for value in vars(scales).values())


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"workers": -1}, "workers: expected at least 0, got -1"),
        ({"ema": 1.5}, r"ema: expected a value in \[0, 1\], got 1.5"),
        ({"lr": 0}, "lr: expected above 0, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        TrainingSettings(**changes)
