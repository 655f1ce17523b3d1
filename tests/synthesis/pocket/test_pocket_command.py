"""`defectlab pocket`: train, info and judge from the command line, with errors before the long work."""

from __future__ import annotations

import json

import pytest
from plain_pocket import plain_scales

from defectlab import cli
from defectlab.synthesis.pocket import judge as judges
from defectlab.synthesis.pocket import training
from defectlab.synthesis.pocket.judge import JudgeSettings
from defectlab.synthesis.pocket.words import DEFECTS


def pocket(*words) -> int:
    return cli.main(["pocket", *map(str, words)])


@pytest.fixture
def quick(monkeypatch, model_folder):
    """A judge that is trained at once, and scales that are not measured."""
    monkeypatch.setattr(training, "measure_scales", lambda settings: plain_scales())
    train = judges.train_judge
    few = JudgeSettings(crops=7, epochs=1, batch_size=7, held_out=7)
    monkeypatch.setattr(judges, "train_judge", lambda settings: train(few))


def test_info_says_what_a_model_is_and_what_it_understands(capsys, model_folder):
    assert pocket("info", "--model", model_folder) == 0
    out = capsys.readouterr().out
    assert "defectlab pocket-layer 1, revision" in out and "parameters" in out and "trained 3 steps" in out
    assert "never on commutator, leather, rolled" in out
    assert all(defect in out for defect in DEFECTS) and "pinhole" in out and "faint" in out


def test_a_training_is_started_and_gone_on_with(capsys, tmp_path, quick):
    words = (
        "train",
        "--out",
        tmp_path,
        "--steps",
        1,
        "--batch-size",
        2,
        "--workers",
        0,
        "--float32",
        "--device",
        "cpu",
    )
    assert pocket(*words) == 0
    assert "from step 0 to 1, cpu, seed 0" in capsys.readouterr().out
    config = json.loads((tmp_path / "model" / "config.json").read_text())["training"]
    assert (config["batch_size"], config["bfloat16"], config["trained_steps"]) == (2, False, 1)
    assert pocket(*words) == 0
    assert "from step 1 to 1" in capsys.readouterr().out
    assert pocket(*words, "--lr", 0.5) == 2
    assert "other settings (asked, found): {'lr': (0.5, 0.0006)}" in capsys.readouterr().err


def test_a_trial_keeps_its_judge_and_prints_the_numbers(capsys, tmp_path, model_folder, quick):
    words = ("judge", "--model", model_folder, "--out", tmp_path, "--images", 1, "--ladders", 1, "--steps", 1)
    assert pocket(*words, "--guidance", 1, "--device", "cpu") == 0
    out = capsys.readouterr().out
    assert "training a judge" in out and "the same to the bit: 100.00%" in out and "border jump" in out
    kept = json.loads((tmp_path / "trial.json").read_text())
    assert kept["model"]["name"] == "random model" and kept["model"]["trained_steps"] == 3
    assert (tmp_path / "judge" / "judge.safetensors").is_file() and (tmp_path / "sheet.png").is_file()
    assert pocket(*words, "--guidance", 1, "--device", "cpu", "--judge", tmp_path / "judge") == 0
    assert "training a judge" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("info", "--model", "nowhere"), "nowhere holds no config.json"),
        (("judge", "--model", "nowhere", "--out", "x"), "nowhere holds no config.json"),
        (("judge", "--out", "x", "--images", 0), "expected at least 1 image"),
        (("train", "--out", "x", "--steps", 0), "steps: expected at least 1, got 0"),
    ],
)
def test_errors_come_as_one_line_before_anything_is_made(capsys, tmp_path, monkeypatch, words, text):
    monkeypatch.chdir(tmp_path)
    assert pocket(*words) == 2
    assert text in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_file_is_no_folder_for_a_training(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert pocket("train", "--out", tmp_path / "file") == 2
    assert "is a file; expected a folder" in capsys.readouterr().err
