"""Triplets and training: pairs that fit, steps that repeat to the bit, a stop at NaN."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.data.combine import concatenate
from defectlab.detection.student_teacher import remembered
from defectlab.detection.student_teacher import settings as presets
from defectlab.detection.student_teacher.network import Network
from defectlab.detection.student_teacher.teacher import load_teacher
from defectlab.detection.student_teacher.training import PairTrainer, StudentTeacherTrainer, _order
from defectlab.detection.student_teacher.triplets import PairedDataset, gather
from defectlab.detection.weights import state_digest
from defectlab.synthesis.base import Synthetic, SyntheticSet


def normal_images(n=4, prefix="", size=(32, 32)):
    def read(record):
        generator = torch.Generator().manual_seed(int(record.id.removeprefix(prefix)))
        pixels = torch.randint(80, 170, (3, *size), generator=generator)
        return Sample(pixels / 255, torch.zeros(1, *size, dtype=torch.bool), record.label, record.defect)

    return MappedDataset(read, "toy", "train", [Record(f"{prefix}{i}", 0) for i in range(n)], size)


def with_bars(normals, n=6):
    items = []
    for i in range(n):
        chosen = (i + 1) % len(normals)
        image = (normals[chosen].image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        mask = np.zeros(image.shape[:2], bool)
        mask[4 * i : 4 * i + 3, 5:20] = True
        image[mask] = 0
        items.append(Synthetic(image, mask, {"source": normals.records[chosen].id}))
    return SyntheticSet(items)


@pytest.fixture(scope="module")
def triplets():
    normals = normal_images()
    return gather(PairedDataset(concatenate(normals, with_bars(normals))), (32, 32))


def trainer(triplets, folder=None, **changes):
    settings = presets.smoke(**changes)
    return StudentTeacherTrainer(Network(load_teacher(settings)[0], settings), triplets, settings, folder)


def test_a_triplet_is_equal_outside_the_mask_and_differs_inside(triplets):
    assert len(triplets) == 6
    for normal, anomalous, mask in zip(triplets.normal, triplets.anomalous, triplets.mask, strict=True):
        differs = (normal != anomalous).any(dim=0, keepdim=True)
        assert torch.equal(differs, mask) and mask.sum() == 45


def test_sources_are_found_through_joined_sets_of_equal_names():
    first, second = normal_images(2), normal_images(3)  # both name their images 0, 1, ...
    joined = concatenate(first, second)
    paired = PairedDataset(concatenate(joined, with_bars(joined, 5)))
    assert [normal for normal, _ in paired.pairs] == [1, 2, 3, 4, 0]
    with pytest.raises(ValueError, match="'1', which is the name of 2 of its"):
        PairedDataset(concatenate(first, second, with_bars(second, 1)))


def test_what_makes_no_triplet_is_refused_with_what_would_mend_it():
    normals = normal_images()
    with pytest.raises(ValueError, match="4 normal images and no synthetic defect: give a synthesizer"):
        PairedDataset(normals)
    with pytest.raises(ValueError, match="'other0', which is not among"):
        PairedDataset(concatenate(normals, with_bars(normal_images(1, "other"), 1)))
    real = MappedDataset(lambda record: None, "real", "train", [Record("x", 1, "crack")], (32, 32))
    with pytest.raises(ValueError, match="'x' of 'toy.real' is a real defect"):
        PairedDataset(concatenate(normals, real))
    unlocated = SyntheticSet([Synthetic(np.zeros((32, 32, 3), np.uint8), None, {"source": "0"})])
    with pytest.raises(ValueError, match="has no mask"):
        PairedDataset(concatenate(normals, unlocated))[0]


def test_a_defect_of_one_pixel_survives_a_smaller_size():
    image, mask = torch.zeros(3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[0, 63, 1] = True
    small = gather([(image, image, mask)], (16, 16))
    assert small.mask.sum() == 1 and small.mask[0, 0, 15, 0]
    with pytest.raises(ValueError, match="got none"):
        gather([], (16, 16))


def test_every_pass_shows_every_triplet_once():
    drawn = [i for step in range(9) for i in _order(6, 4, step, seed=0)]
    assert [sorted(drawn[i : i + 6]) for i in range(0, 36, 6)] == [list(range(6))] * 6
    assert drawn[:6] != drawn[6:12]


def test_a_share_of_the_draws_is_normal_with_an_empty_mask(triplets):
    clean, anomalous, mask = trainer(triplets, batch_size=64, normal_share=0.5, flips="hv").batch(3)
    normal = ~mask.flatten(1).any(dim=1)
    assert 16 < normal.sum() < 48
    assert torch.equal(clean[normal], anomalous[normal])
    assert torch.equal((clean != anomalous).any(dim=1, keepdim=True).float(), mask)  # mirrored alike
    assert trainer(triplets, batch_size=64, normal_share=0.0).batch(0)[2].flatten(1).any(dim=1).all()


def test_the_loss_falls_and_the_teacher_stays(triplets, capfd):
    made = trainer(triplets, steps=40, every=10, batch_size=4, lr=3e-3)
    before = state_digest(made.network.teacher)
    history = made.run()
    assert capfd.readouterr() == ("", "")  # no bar unless asked for
    assert history["total"].iloc[-1] < 0.7 * history["total"].iloc[0]
    assert state_digest(made.network.teacher) == before
    assert (history["cosine"] + history["focal"] + history["distance"]).tolist() == pytest.approx(history["total"])


@pytest.mark.parametrize("student", ["shared", "copy"])
def test_a_resumed_training_is_the_uninterrupted_one_to_the_bit(triplets, tmp_path, student):
    whole = trainer(triplets, tmp_path / "whole", student=student, steps=6)
    whole.run()
    first = trainer(triplets, tmp_path / "parts", student=student, steps=6)
    save = first.save

    def stop():
        save()
        raise KeyboardInterrupt

    first.save = stop
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = trainer(triplets, tmp_path / "parts", student=student, steps=6)
    assert second.step == 2
    second.run()
    assert state_digest(second.network) == state_digest(whole.network)
    with (tmp_path / "parts" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4", "6"] and rows[-1]["left"] == "0:00:00"
    assert [float(row["total"]) for row in rows] == whole.history["total"].tolist()


def test_a_checkpoint_of_other_settings_or_images_is_refused(triplets, tmp_path):
    trainer(triplets, tmp_path).run()
    with pytest.raises(ValueError, match=r"other settings \(lr: asked 0.5, found 0.001\)"):
        trainer(triplets, tmp_path, lr=0.5)
    other = gather([(torch.zeros(3, 32, 32), torch.ones(3, 32, 32), torch.ones(1, 32, 32, dtype=bool))], (32, 32))
    with pytest.raises(ValueError, match="triplets: asked"):
        trainer(other, tmp_path)


def test_a_loss_that_is_not_finite_stops_the_training_and_names_the_step(triplets):
    made = trainer(triplets)
    with torch.no_grad():
        made.network.student.bottlenecks[0][1].weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"step 1 .*lower lr \(now 0.001\).*no state before it is kept"):
        made.run()


def test_two_phases_train_the_student_first_and_then_the_head_alone(triplets):
    made = trainer(triplets, steps=4, cosine_steps=2, warm_up=0)
    head = {k: v.clone() for k, v in made.network.head.named_parameters()}
    student = state_digest(made.network.student)
    made.train_step(0)
    assert all(torch.equal(value, head[key]) for key, value in made.network.head.named_parameters())
    assert (student_trained := state_digest(made.network.student)) != student
    made.train_step(2)
    assert state_digest(made.network.student) == student_trained
    assert any(not torch.equal(value, head[key]) for key, value in made.network.head.named_parameters())


@pytest.mark.parametrize("row", presets.ABLATIONS)
def test_every_row_of_table_6_trains_a_step(triplets, row):
    settings = presets.ablation(row, presets.smoke())
    made = StudentTeacherTrainer(Network(load_teacher(settings)[0], settings), triplets, settings)
    before = state_digest(made.network.student)
    assert torch.isfinite(made.train_step(0).total)
    assert state_digest(made.network.student) != before


@pytest.mark.parametrize("most", [2**30, 0])
def test_a_teacher_that_is_asked_once_teaches_what_one_asked_at_every_step_does(
    triplets, monkeypatch, one_thread, most
):
    asked = trainer(triplets, steps=6, warm_up=1)
    expected = PairTrainer.run(asked)  # never remembers
    monkeypatch.setattr(remembered, "MOST", most)
    calls, one = [], trainer(triplets, steps=6, warm_up=1)
    one.network.teacher.register_forward_hook(lambda _module, given, _out: calls.append(len(given[0])))
    history = one.run()
    clock = ["seconds", "left"]
    pd.testing.assert_frame_equal(history.drop(columns=clock), expected.drop(columns=clock), atol=1e-5)
    for name, weights in one.network.trained_state().items():
        torch.testing.assert_close(weights, asked.network.trained_state()[name], atol=1e-4, rtol=1e-3)
    assert sum(calls) == (1 + 2 * len(triplets) if most else 1 + 2 * 6 * one.settings.batch_size)
    assert one.remembered is None  # memory is given back


def test_remembered_features_are_those_of_the_images_that_are_shown(triplets):
    one = trainer(triplets, normal_share=0.5, batch_size=4)
    teacher, known = one.network.teacher, remembered.Remembered.of(one.network.teacher, triplets, 4, one.device)
    for step in range(3):
        clean, anomalous, _ = one.batch(step)
        indices, normal, _ = one.draw(step)
        for levels, images in zip(known.batch(indices, normal), (clean, anomalous), strict=True):
            for level, expected in zip(levels, teacher(images), strict=True):
                torch.testing.assert_close(level, expected, atol=1e-5, rtol=1e-4)


def test_mirrored_images_are_shown_to_the_teacher_at_every_step(triplets, monkeypatch):
    monkeypatch.setattr(remembered.Remembered, "of", lambda *_: pytest.fail("remembered"))
    trainer(triplets, steps=2, warm_up=1, flips="h").run()
