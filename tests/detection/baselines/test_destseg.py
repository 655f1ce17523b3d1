"""DeSTSeg: its losses by hand, two phases that part what learns, and a detector that finds what it never saw."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from squares import SIZE, Squares, masks_of, surfaces

from defectlab.data.combine import concatenate
from defectlab.detection.baselines.destseg import Destseg, DestsegTrainer, smoke
from defectlab.detection.baselines.destseg_network import shrink_mask
from defectlab.detection.saved import load_detector
from defectlab.detection.student_teacher.network import Output
from defectlab.detection.student_teacher.triplets import PairedDataset, gather
from defectlab.evaluation.localisation import localisation_metrics


@pytest.fixture(scope="module")
def triplets():
    normals = surfaces(4)
    return gather(PairedDataset(concatenate(normals, Squares().synthesize(normals, 6, 0))), (32, 32))


@pytest.fixture(scope="module")
def fitted():
    settings = smoke(steps=60, cosine_steps=30, every=20, batch_size=4, lr=0.1, cosine_batch="mean", normal_share=0.3)
    return Destseg(settings, Squares(), n_synthetic=12, device="cpu").fit(surfaces())


def trainer(triplets, folder=None, **changes):
    settings = smoke(**changes)
    return DestsegTrainer(Destseg(settings, device="cpu").make_network()[0], triplets, settings, folder)


def test_the_levels_have_the_shapes_of_the_teachers(triplets):
    network = trainer(triplets).network
    image = torch.rand(2, 3, 48, 32)
    levels = network.teacher(image)
    sizes = [tuple(level.shape[2:]) for level in levels]
    assert [tuple(level.shape) for level in network.student(image, sizes)] == [tuple(t.shape) for t in levels]
    assert network.maps(image, "head").shape == network.maps(image, "features").shape == (2, 1, 48, 32)


def test_the_losses_by_hand(triplets):
    t = torch.zeros(2, 4, 2, 2)
    t[:, 0] = 1
    s = torch.zeros(2, 4, 2, 2)
    s[:, 1] = 1  # at right angles: distance 1 everywhere
    mask = torch.zeros(2, 1, 4, 4)
    mask[:, :, 0, 1] = 1  # one pixel of sixteen is one place of four
    logits = torch.zeros(2, 1, 2, 2)
    losses = trainer(triplets).losses(Output([(t, s), (t, t)], logits), mask)
    assert losses.cosine.item() == 2  # one of two levels, summed over two images
    assert losses.distance.item() == 0.5
    assert losses.focal.item() == pytest.approx(0.5**4 * np.log(2))
    assert trainer(triplets, cosine_batch="mean").losses(Output([(t, s), (t, t)], logits), mask).cosine.item() == 1


def test_a_defect_of_one_pixel_stays_in_the_small_mask():
    mask = torch.zeros(1, 1, 32, 32)
    mask[0, 0, 13, 30] = 1
    small = shrink_mask(mask, (8, 8))
    assert small.sum() == 1 and small[0, 0, 3, 7] == 1


def test_the_student_learns_first_and_the_head_afterwards(triplets):
    training = trainer(triplets, cosine_steps=1)
    network = training.network
    before = {k: v.clone() for k, v in network.state_dict().items()}
    training.train_step(0)
    between = {k: v.clone() for k, v in network.state_dict().items()}
    training.train_step(1)
    after = network.state_dict()
    moved = lambda a, b: {k.split(".")[0] for k in a if not torch.equal(a[k], b[k])}  # noqa: E731
    assert moved(before, between) == {"student"} and moved(between, after) == {"head"}


def test_training_all_at_once_moves_both_and_never_the_teacher(triplets):
    training = trainer(triplets, cosine_steps=0)
    before = {k: v.clone() for k, v in training.network.state_dict().items()}
    losses = training.train_step(0)
    moved = {k.split(".")[0] for k, v in training.network.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {"student", "head"} and losses.total > losses.cosine


def test_a_training_that_was_killed_gives_the_same_weights(triplets, tmp_path):
    whole = trainer(triplets)
    whole.run()
    first = trainer(triplets, tmp_path)
    for step in range(3):
        first.train_step(step)
        first.step = step + 1
    first.save()
    again = trainer(triplets, tmp_path)
    assert again.step == 3
    again.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name


def test_three_rates(triplets):
    rates = [round(0.4 * group["scale"], 6) for group in trainer(triplets).optimiser.param_groups]
    assert rates == [0.4, 0.1, 0.01]


def test_it_finds_and_locates_defects_that_it_never_saw(fitted):
    test = surfaces(6, 6, start=100)
    scores = fitted.score(test)
    assert scores.image[6:].min() > scores.image[:6].max()
    assert scores.pixel.shape == (12, *SIZE) and scores.pixel.min() >= 0 and scores.pixel.max() <= 1
    assert localisation_metrics(masks_of(test), scores.pixel).auroc > 0.85


def test_a_saved_detector_gives_the_same_scores(fitted, tmp_path):
    fitted.save(tmp_path / "destseg.safetensors")
    loaded = load_detector(tmp_path / "destseg.safetensors", "cpu")
    test = surfaces(2, 2, start=30)
    assert isinstance(loaded, Destseg) and loaded.settings == fitted.settings
    np.testing.assert_array_equal(loaded.score(test).pixel, fitted.score(test).pixel)
    np.testing.assert_array_equal(loaded.score(test, "features").pixel, fitted.score(test, "features").pixel)
    assert loaded.history["step"].tolist() == [20, 40, 60]


def test_scores_do_not_depend_on_the_other_images(fitted):
    test = surfaces(5, 2, start=70)
    whole, alone = fitted.score(test), fitted.score(test.subset(indices=[6]))
    np.testing.assert_allclose(alone.pixel[0], whole.pixel[6], atol=1e-5)


def test_misuse_is_refused_with_what_would_mend_it():
    with pytest.raises(ValueError, match="convolutional teacher"):
        Destseg(smoke(backbone="test_vit"), Squares(), device="cpu").fit(surfaces(2))
    with pytest.raises(ValueError, match="no synthetic defect"):
        Destseg(smoke(), device="cpu").fit(surfaces(2))
    with pytest.raises(ValueError, match="batch_size must be at least 2"):
        smoke(batch_size=1)
    with pytest.raises(ValueError, match="cosine_steps"):
        smoke(cosine_steps=4)
    with pytest.raises(ValueError, match="cosine_batch"):
        smoke(cosine_batch="max")
    with pytest.raises(dataclasses.FrozenInstanceError):
        smoke().lr = 1.0
