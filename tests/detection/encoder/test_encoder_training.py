"""The encoder's losses by hand, a resume to the bit, and an encoder that a classifier reads."""

from __future__ import annotations

import json
import math

import pytest
import torch
import torch.nn.functional as F

from defectlab import cli
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.embedding import embed
from defectlab.detection.encoder import EncoderSettings, EncoderTrainer
from defectlab.detection.encoder.objective import balanced_bce, cells, pooled, recognise
from defectlab.detection.encoder.training import initial_networks
from defectlab.detection.weights import load_backbone

SMALL = EncoderSettings(steps=2, scenes=2, side=64, warm_up=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    trainer = EncoderTrainer(folder, SMALL)
    trainer.run()
    return trainer


def test_twelve_defective_pixels_make_a_cell_wholly_defective_at_every_stride():
    mask = torch.zeros(1, 1, 32, 32)
    mask[0, 0, 0, :6] = 1
    for stride in (8, 16, 32):
        target = cells(mask, stride)
        assert target.shape == (1, 32 // stride, 32 // stride) and target[0, 0, 0].item() == pytest.approx(0.5)
    mask[0, 0, :4, :8] = 1
    assert cells(mask, 16).flatten().tolist() == [1, 0, 0, 0]


def test_defective_cells_weigh_as_much_as_normal_ones_however_few():
    logits, target = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    logits[0, 0, 0], target[0, 0, 0] = 1.0, 1.0
    # one defective cell: softplus(-1); fifteen normal ones: softplus(0) = log 2
    assert balanced_bce(logits, target).item() == pytest.approx((math.log1p(math.exp(-1)) + math.log(2)) / 2)


def test_a_region_that_is_not_there_pools_to_zero():
    features, weight = torch.arange(8.0).view(1, 2, 2, 2), torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    assert pooled(features, weight).tolist() == [[0.5, 4.5]]
    assert pooled(features, torch.zeros(1, 2, 2)).tolist() == [[0, 0]]


def test_recognition_by_hand_and_a_region_without_partner_is_a_negative_only():
    embeddings = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    loss = recognise(embeddings, torch.tensor([0, 0, 1]), 1.0)
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1)))
    assert recognise(embeddings, torch.tensor([0, 1, 2]), 1.0).item() == 0


def test_recognition_is_simclrs_where_all_regions_have_partners():
    x = F.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    similarity = (x @ x.T / 0.2).fill_diagonal_(-torch.inf)
    expected = F.cross_entropy(similarity, torch.tensor([3, 4, 5, 0, 1, 2]))
    assert recognise(x, torch.arange(3).repeat(2), 0.2).item() == pytest.approx(expected.item(), rel=1e-5)


def test_networks_of_a_seed_are_the_same_and_the_random_numbers_of_the_caller_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    one, two = initial_networks(SMALL)[0].state_dict(), initial_networks(SMALL)[0].state_dict()
    assert torch.equal(torch.rand(2), expected) and all(torch.equal(one[key], two[key]) for key in one)


def test_a_resumed_training_is_the_uninterrupted_one_to_the_bit(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(EncoderTrainer, "interval", 1)
    first = EncoderTrainer(tmp_path, SMALL)
    step = first.numbers
    first.numbers = lambda at: step(at) if at == 0 else (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = EncoderTrainer(tmp_path, SMALL)
    assert second.step == 1
    second.run()
    one, two = trained.encoder.state_dict(), second.encoder.state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert [row["step"] for row in second.rows] == [1, 2]


def test_a_folder_of_other_settings_is_refused(trained):
    with pytest.raises(ValueError, match=r"other settings \(steps: asked 3, found 2\)"):
        EncoderTrainer(trained.folder, EncoderSettings(steps=3, scenes=2, side=64, warm_up=1))


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path):
    trainer = EncoderTrainer(tmp_path, SMALL)
    trainer.numbers = lambda step: {"locate": math.nan if step else 1.0}
    trainer.every = 1
    with pytest.raises(FloatingPointError, match=r"step 2 are .*nan.*lower lr \(now 0.002\); the last good state is"):
        trainer.run()
    assert trainer.kept.checkpoint.exists() and EncoderTrainer(tmp_path, SMALL).step == 1


def test_a_classifier_reads_the_encoder_that_was_written(trained):
    folder = trained.folder / "model"
    model, _spec, report = load_backbone(ClassifierConfig(backbone="auto", weights=str(folder)))
    assert sum(p.numel() for p in model.parameters()) < 3e6 and report.sha256
    assert (folder / "model.safetensors").stat().st_size < 10e6
    facts = json.loads((folder / "config.json").read_text())["training"]
    assert facts["steps_done"] == 2 and "leather" not in facts["materials"]
    assert (folder / "log.csv").read_text().startswith("step,locate,detect,name,contrast,lr,seconds,left\n2,")


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_embeddings_are_one_row_an_image_and_no_image_depends_on_another(trained, toy, stride):
    config = ClassifierConfig(backbone="auto", weights=str(trained.folder / "model"), size=(64, 32))
    together = embed(toy(2, 1), config, stride, "cpu")
    alone = torch.cat([embed(toy(2, 1).subset(indices=[i]), config, stride, "cpu") for i in range(3)])
    assert together.shape == (3, {8: 64, 16: 128, 32: 256}[stride])
    assert torch.equal(together, alone) and len({tuple(row) for row in together.tolist()}) == 3


def test_the_command_hands_its_settings_on_and_goes_on_with_a_folder(tmp_path, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(EncoderTrainer, "run", lambda self: ran.append((self.folder, self.settings)))
    words = ["encoder", "--out", str(tmp_path), "--steps", "7", "--seed", "2", "--float32", "--device", "cpu"]
    assert cli.main(words) == 0
    assert ran == [(tmp_path, EncoderSettings(steps=7, seed=2, bfloat16=False))]
    assert "encoder: from step 0 to 7, cpu, seed 2" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert cli.main(["encoder", "--out", str(tmp_path / "file")]) == 2


def test_losses_of_a_seed_are_those_that_they_always_were(tmp_path, one_thread):
    trainer = EncoderTrainer(tmp_path, EncoderSettings(steps=3, scenes=2, side=64, warm_up=1))
    trainer.run()
    expected = {"locate": 0.51228, "detect": 0.98843, "name": 0.68974, "contrast": 1.53628}
    assert {name: trainer.rows[-1][name] for name in expected} == pytest.approx(expected, rel=0.01)
    assert trainer.rows[-1]["lr"] == pytest.approx(0.001) and trainer.rows[-1]["left"] == "0:00:00"
