"""`defectlab fine-tune`: from a folder of images to an adapter, with errors before the long work."""

from __future__ import annotations

import argparse

import pytest
from small_data import write_folder
from tiny_sd import save_tiny_sd

from defectlab import cli
from defectlab.synthesis.dreambooth import Adapter, DreamBoothSettings, finetuning
from defectlab.synthesis.dreambooth.command import instances_of, settings_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_sd(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def images(tmp_path):
    return write_folder(tmp_path / "photos", normal=3, defective=6, masks=False)


def fine_tune(images, tmp_path, *words) -> int:
    return cli.main(["fine-tune", "--images", str(images), "--out", str(tmp_path / "out"), *map(str, words)])


def parsed(*words) -> argparse.Namespace:
    return cli.build_parser("fine-tune").parse_args(["fine-tune", *map(str, words)])


def test_images_become_an_adapter_and_pictures_to_look_at(images, model, tmp_path, capsys):
    words = ("--base", model, "--preset", "smoke", "--max-steps", 1, "--show", 1, "--steps", 1, "--device", "cpu")
    assert fine_tune(images, tmp_path, *words, "--regularisation", "none") == 0
    adapter = Adapter.load(tmp_path / "out")
    printed = capsys.readouterr().out
    assert "3 images as 'skt background'" in printed and adapter.fingerprint in printed
    assert "1 steps of AdamW" in printed
    assert len(list((tmp_path / "out" / "shown").iterdir())) == 2


def test_options_take_the_place_of_the_preset(images, tmp_path):
    words = ("--images", images, "--out", tmp_path, "--regime", "few_shot", "--preset", "paper")
    settings = settings_of(parsed(*words, "--lr", "3e-5", "--epochs", 60))
    assert (settings.lr, settings.epochs, settings.schedule_epochs, settings.merge_ratio) == (3e-5, 60, 60, 0.95)
    assert settings_of(parsed(*words)) == DreamBoothSettings.paper("few_shot")
    assert settings_of(parsed(*words[:4], "--preset", "released")) == DreamBoothSettings.released()


@pytest.mark.parametrize(
    ("words", "n", "label"),
    [((), 3, 0), (("--n", 2), 2, 0), (("--regime", "few_shot"), 5, 1), (("--regime", "full_shot"), 6, 1)],
)
def test_the_regime_says_what_is_learnt_from(images, tmp_path, words, n, label):
    chosen = instances_of(parsed("--images", images, "--out", tmp_path, *words))
    assert len(chosen) == n and set(chosen.labels.tolist()) == {label}


def test_a_folder_of_images_alone_is_learnt_from_as_it_is(images, tmp_path, capsys):
    alone = images / "good"
    for words, n in (((), 3), (("--n", 2), 2), (("--regime", "full_shot"), 3)):
        chosen = instances_of(parsed("--images", alone, "--out", tmp_path, "--size", 16, 24, *words))
        assert len(chosen) == n and tuple(chosen.size) == (16, 24)
    assert fine_tune(alone, tmp_path, "--n", 4) == 2
    assert f"--n: expected 1 to 3, all images of {alone}, got 4" in capsys.readouterr().err
    assert fine_tune(tmp_path / "nowhere", tmp_path) == 2
    assert "expected a folder, found nothing at" in capsys.readouterr().err


def test_more_images_than_there_are_is_an_error_before_a_model_is_loaded(images, tmp_path, capsys):
    assert fine_tune(images, tmp_path, "--regime", "few_shot", "--n", 7) == 2
    assert "--n: expected 1 to 6, the defective images of" in capsys.readouterr().err


def test_a_wrong_setting_is_an_error_before_a_model_is_loaded(images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(finetuning, "finetune", None)
    assert fine_tune(images, tmp_path, "--lr", "-1") == 2
    assert "lr: expected above 0" in capsys.readouterr().err
