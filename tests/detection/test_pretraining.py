"""Pretraining of the small encoder: views, the contrastive loss by hand, and an encoder that a classifier reads."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from defectlab import cli
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS
from defectlab.detection import pretraining
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.embedding import embed
from defectlab.detection.pretraining import (
    PretrainingSettings,
    Surfaces,
    contrastive_loss,
    describe,
    initial_networks,
    pretrain,
    two_views,
)
from defectlab.detection.weights import load_backbone

TINY = PretrainingSettings(steps=2, surfaces=2, crops=2, side=32)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder") / "pocket"
    pretrain(folder, TINY)
    return folder


def test_the_loss_by_hand():
    first, second = torch.eye(2), torch.eye(2)
    # each embedding meets its other view at similarity 1 and two others at 0: -log(e / (e + 2)) at temperature 1
    assert contrastive_loss(first, second, 1.0).item() == pytest.approx(np.log(np.e + 2) - 1, rel=1e-6)


def test_the_loss_is_small_where_views_agree_and_large_where_they_are_swapped():
    vectors = F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    assert contrastive_loss(vectors, vectors, 0.1) < 0.1 < contrastive_loss(vectors, vectors.roll(1, 0), 0.1)


def test_two_views_are_of_one_crop_and_depend_on_the_generator():
    images = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 160, 160) * 80
    one, two = two_views(images, 2, 64, torch.Generator().manual_seed(0))
    assert one.shape == two.shape == (6, 3, 64, 64)
    means = torch.stack([one.mean(dim=(1, 2, 3)), two.mean(dim=(1, 2, 3))])
    assert (means[:, :2].abs() < 0.02).all() and (means[:, 4:] > means[:, 2:4].max()).all()
    again = two_views(images, 2, 64, torch.Generator().manual_seed(0))
    assert torch.equal(one, again[0]) and torch.equal(two, again[1]) and not torch.equal(one, two)


def test_surfaces_are_of_materials_that_are_not_held_out_and_depend_on_their_number(monkeypatch):
    seen = set()
    make = pretraining.make_scene
    monkeypatch.setattr(pretraining, "make_scene", lambda rng, h, w, name: seen.add(name) or make(rng, h, w, name))
    stream = iter(Surfaces(3))
    drawn = [next(stream) for _ in range(30)]
    assert drawn[0].shape == (3, 160, 160) and drawn[0].dtype == torch.uint8
    assert len(seen) > 4 and not seen & set(HELD_OUT_MATERIALS)
    assert torch.equal(next(iter(Surfaces(3))), drawn[0]) and not torch.equal(next(iter(Surfaces(4))), drawn[0])


def test_networks_of_a_seed_are_the_same_and_the_random_numbers_of_the_caller_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    one, two = initial_networks(1)[0].state_dict(), initial_networks(1)[0].state_dict()
    assert torch.equal(torch.rand(2), expected) and all(torch.equal(one[key], two[key]) for key in one)


def test_a_classifier_reads_the_encoder_that_was_written(encoder):
    model, _spec, report = load_backbone(ClassifierConfig(backbone="auto", weights=str(encoder)))
    assert sum(p.numel() for p in model.parameters()) < 1.4e6 and report.sha256
    assert json.loads(describe(encoder))["steps"] == 2
    with (encoder / "log.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["step", "loss"] and [row[0] for row in rows[1:]] == ["1", "2"]
    assert all(np.isfinite(float(row[1])) for row in rows[1:])


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_embeddings_are_one_row_an_image_and_no_image_depends_on_another(encoder, toy, stride):
    config = ClassifierConfig(backbone="auto", weights=str(encoder), size=(64, 32))
    together = embed(toy(3, 2), config, stride, "cpu")
    alone = torch.cat([embed(toy(3, 2).subset(indices=[i]), config, stride, "cpu") for i in range(5)])
    assert together.shape == (5, {8: 64, 16: 128, 32: 256}[stride]) and together.dtype == torch.float32
    assert torch.equal(together, alone) and len({tuple(row) for row in together.tolist()}) == 5


def test_the_command_trains_and_does_not_overwrite(tmp_path, monkeypatch, capsys):
    given = []

    def write(out, settings, device):
        given.append((settings, device))
        out.mkdir()
        (out / "model.safetensors").write_text("")
        (out / "config.json").write_text('{"training": {"steps": 7}}')

    monkeypatch.setattr(pretraining, "pretrain", write)
    words = ["encoder", "--out", str(tmp_path / "e"), "--steps", "7", "--seed", "2", "--device", "cpu"]
    assert cli.main(words) == 0
    assert given == [(PretrainingSettings(steps=7, seed=2), "cpu")]
    assert cli.main(words) == 2
    assert "holds a model already; choose a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"side": 128}, "side: expected 32 to 127 pixels, got 128"),
        ({"temperature": 0}, "expected temperature and lr above 0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        PretrainingSettings(**changes)
