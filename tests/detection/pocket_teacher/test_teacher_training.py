"""The pocket teacher: what it sees and must fill in; it learns, goes on after a stop, and serves as a teacher."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from defectlab.cli import main
from defectlab.data.surfaces import HELD_OUT_MATERIALS
from defectlab.detection.pocket_teacher import TeacherSettings, TeacherTrainer
from defectlab.detection.pocket_teacher.autoencoder import (
    MaskedAutoencoder,
    feature_loss,
    patches,
    pixel_loss,
    sine_positions,
)
from defectlab.detection.pocket_teacher.images import make_images, paste_leaves, visible
from defectlab.detection.student_teacher import smoke
from defectlab.detection.student_teacher.teacher import load_teacher

SMALL = {"steps": 4, "scenes": 2, "side": 64, "warm_up": 1}


def test_images_depend_on_settings_and_step_alone_and_leaves_change_some():
    settings = TeacherSettings(**SMALL, leaves=0.5)
    images = make_images(settings, 3)
    assert images.shape == (4, 3, 64, 64) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert torch.equal(images, make_images(settings, 3)) and not torch.equal(images, make_images(settings, 2))
    assert not set(settings.materials) & set(HELD_OUT_MATERIALS)


def test_leaves_are_pasted_from_the_other_images_and_the_rest_stays():
    image, others = np.zeros((64, 64, 3), np.float32), np.ones((1, 64, 64, 3), np.float32)
    pasted = paste_leaves(np.random.default_rng(0), image, others)
    assert 0 < (pasted > 0).mean() < 1 and not image.any() and pasted.max() <= 1


def test_a_quarter_of_the_places_is_seen_each_once_and_every_image_has_its_own():
    seen = visible(TeacherSettings(), 0, images=3, places=256)
    assert seen.shape == (3, 64)
    assert all(len(set(row.tolist())) == 64 and row.max() < 256 for row in seen)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen, visible(TeacherSettings(), 0, 3, 256))


def test_patches_are_rows_of_the_image():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert patches(image, 2).tolist() == [[[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]]


def test_the_pixel_loss_counts_hidden_places_alone_and_normalises_each():
    image = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.5]).view(1, 1, 2, 4)  # two equal patches
    target = patches(image, 2)
    assert target[0, 0].tolist() == [0, 1, 0.5, 0.5]  # mean 0.5, variance 0.125
    seen = torch.tensor([[1]])
    assert float(pixel_loss(torch.zeros(1, 2, 4), image, seen, 2, 1e-9)) == pytest.approx(1.0)  # variance by itself
    assert float(pixel_loss(torch.zeros(1, 2, 4), image, seen, 2, 0.125**0.5)) == pytest.approx(0.5)  # floor as large
    right = (target - 0.5) / 0.125**0.5
    assert float(pixel_loss(right, image, seen, 2, 1e-9)) == pytest.approx(0.0, abs=1e-6)
    nine, other = torch.full((1, 2, 4), 9.0), torch.tensor([[0]])
    assert float(pixel_loss(nine, image, other, 2, 0.1)) == pytest.approx(81 + 0.125 / (0.125 + 0.01))


def test_the_feature_loss_is_zero_at_the_normalised_target():
    target = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    assert float(feature_loss(torch.nn.functional.layer_norm(target, (8,)), target)) == pytest.approx(0.0, abs=1e-7)


def test_positions_differ_between_all_places_and_tell_rows_and_columns_apart():
    waves = sine_positions(4, 16)
    assert waves.shape == (16, 16) and len({tuple(row.tolist()) for row in waves}) == 16
    torch.testing.assert_close(waves[1, 8:], waves[5, 8:])  # one column
    torch.testing.assert_close(waves[4, :8], waves[5, :8])  # one row
    with pytest.raises(ValueError, match="width: expected a multiple of 4, got 6"):
        sine_positions(2, 6)


def test_hidden_places_do_not_reach_the_encoder():
    settings = TeacherSettings(**SMALL)
    network = MaskedAutoencoder(settings).eval()
    images = make_images(settings, 0)
    seen = visible(settings, 0, len(images), network.places)
    hidden = torch.ones(len(images), network.places).scatter(1, seen, 0).view(-1, 1, 8, 8)
    noisy = images + torch.nn.functional.interpolate(hidden, scale_factor=8.0)
    with torch.no_grad():
        torch.testing.assert_close(network(images, seen).pixels, network(noisy, seen).pixels)


def test_a_stopped_training_goes_on_to_the_same_weights_and_the_model_is_a_teacher(tmp_path, monkeypatch):
    monkeypatch.setattr(TeacherTrainer, "interval", 2)
    settings = TeacherSettings(**SMALL, bfloat16=False)
    whole = TeacherTrainer(tmp_path / "whole", settings)
    whole.run()
    first = TeacherTrainer(tmp_path / "parts", settings)
    monkeypatch.setattr(first, "numbers", _stops_at(3, first.numbers))
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = TeacherTrainer(tmp_path / "parts", settings)
    assert second.step == 2
    second.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
    assert [row["step"] for row in second.rows] == [2, 4]
    with pytest.raises(ValueError, match=r"other settings \(seed: asked 1, found 0\)"):
        TeacherTrainer(tmp_path / "parts", TeacherSettings(**SMALL, bfloat16=False, seed=1))

    model = tmp_path / "whole" / "model"
    assert json.loads((model / "config.json").read_text())["training"]["steps_done"] == 4
    assert (model / "model.safetensors").stat().st_size < 15e6
    teacher, report = load_teacher(smoke(teacher="vit_tiny_patch16_224", weights=str(model)))
    maps = teacher(torch.rand(1, 3, 32, 32))
    assert [m.shape for m in maps] == [(1, 192, 4, 4)] * 3 and "local file" in report.note


def test_losses_of_a_seed_are_those_that_they_always_were(tmp_path):
    trainer = TeacherTrainer(tmp_path, TeacherSettings(**SMALL | {"steps": 3}, features=1.0))
    trainer.run()
    expected = {"pixels": 0.76401, "features": 0.48891, "spread": 0.43232}
    assert {name: trainer.rows[-1][name] for name in expected} == pytest.approx(
        expected, rel=0.1
    )  # releases of torch differ by 6 %
    assert trainer.rows[-1]["lr"] == pytest.approx(7.5e-4)


def test_the_loss_falls(tmp_path):
    trainer = TeacherTrainer(tmp_path, TeacherSettings(**SMALL | {"steps": 100}, lr=2e-3, bfloat16=False))
    losses = [trainer.numbers(0)["pixels"] for _ in range(8)]
    assert losses[-1] < 0.95 * losses[0]


def test_features_of_the_pocket_encoder_can_be_a_target_too(tmp_path):
    trainer = TeacherTrainer(tmp_path, TeacherSettings(**SMALL, features=1.0, bfloat16=False))
    assert trainer.target is not None and trainer.target.channels == 64 + 128
    losses = trainer.numbers(0)
    assert losses["features"] > 0 and not any(p.requires_grad for p in trainer.target.parameters())


def test_the_command_trains_and_says_where_the_model_is(tmp_path, capsys):
    assert main(["teacher", "--out", str(tmp_path), "--steps", "1", "--scenes", "2", "--device", "cpu"]) == 0
    assert str(tmp_path / "model") in capsys.readouterr().out
    assert (tmp_path / "model" / "log.csv").read_text().startswith("step,pixels,spread,lr,seconds,left\n1,")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"side": 100}, "side: expected a multiple of 32 from 64 on, got 100"),
        ({"hidden": 1.0}, r"hidden: expected a share in \(0, 1\), got 1.0"),
        ({"leaves": 2}, r"leaves: expected a share in \[0, 1\], got 2"),
        ({"lr": 0}, "expected floor and lr above 0"),
        ({"materials": ("leather",)}, "materials: expected some of .*, got "),
        ({"looks": 3}, "looks: expected 1 or 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        TeacherSettings(**options)


def _stops_at(step, numbers):
    def stops(current):
        if current == step:
            raise KeyboardInterrupt
        return numbers(current)

    return stops
