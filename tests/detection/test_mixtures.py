"""What a mixture draws, and heads on features that are computed once."""

import numpy as np
import pytest
import torch

from defectlab.detection import Classifier
from defectlab.detection.frozen_heads import FrozenHeads, join, pick
from defectlab.detection.mixtures import NORMAL, REAL, SYNTHETIC, Stages, mixed_order

KINDS = torch.tensor([NORMAL] * 10 + [REAL] * 2 + [SYNTHETIC] * 6)


def drawn(share, draws=40, seed=0):
    return KINDS[mixed_order(KINDS, draws, share, 1, seed).indices]


def test_normal_and_defective_images_take_turns():
    assert ((drawn(0.5, 41) > 0) == (torch.arange(41) % 2 == 1)).all()


@pytest.mark.parametrize(("share", "synthetic"), [(0.0, 0), (0.25, 5), (0.5, 10), (1.0, 20)])
def test_the_share_of_synthetic_draws_is_kept_whatever_the_number_of_images(share, synthetic):
    assert int((drawn(share) == SYNTHETIC).sum()) == synthetic
    assert int((drawn(share) == REAL).sum()) == 20 - synthetic


def test_without_a_share_no_defective_image_is_drawn_twice_more_often_than_another():
    counts = torch.bincount(mixed_order(KINDS, 40, None, 1, 0).indices, minlength=18)[10:]
    assert counts.sum() == 20 and counts.max() - counts.min() <= 1


def test_a_draw_follows_from_its_seed():
    first, again, other = (mixed_order(KINDS, 40, 0.5, 4, seed) for seed in (3, 3, 4))
    assert first.indices.equal(again.indices) and first.variants.equal(again.variants)
    assert not first.indices.equal(other.indices)


def test_a_kind_without_images_cannot_be_drawn():
    with pytest.raises(ValueError, match="10 synthetic images are to be drawn, and there are none"):
        mixed_order(KINDS[:12], 40, 0.5, 1, 0)


@pytest.mark.parametrize(("draws", "shares"), [(1, (0.5,)), (4, ()), (4, (1.2,))])
def test_stages_that_cannot_be_are_refused(draws, shares):
    with pytest.raises(ValueError, match="expected"):
        Stages(draws, shares)


@pytest.fixture
def heads(tiny):
    return FrozenHeads(tiny, "cpu")


def test_features_are_those_of_the_classifier(toy, tiny, heads):
    classifier = Classifier(tiny, "cpu")
    classifier.prepare()
    inputs = heads.features(toy(3, 2))
    assert inputs.data[4, 0].equal(classifier._frozen.features((toy(3, 2)[4].image * 255).round().byte()))
    assert inputs.labels.tolist() == [0, 0, 0, 1, 1]


def test_a_head_learns_from_a_part_and_depends_on_the_seed_alone(toy, heads):
    inputs = heads.features(toy(12, 6))
    kinds = torch.tensor([NORMAL] * 12 + [REAL] * 3 + [SYNTHETIC] * 3)
    stages = Stages(32, (1.0, 0.0))
    first, again, other = (heads.logits(heads.train(inputs, kinds, stages, seed), inputs) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.allclose(first, other)
    assert first[12:].mean() > first[:12].mean()


def test_the_order_of_stages_changes_the_head(toy, heads):
    inputs = heads.features(toy(12, 6))
    kinds = torch.tensor([NORMAL] * 12 + [REAL] * 3 + [SYNTHETIC] * 3)
    forth, back = (heads.logits(heads.train(inputs, kinds, Stages(32, s), 0), inputs) for s in ((1.0, 0.0), (0.0, 1.0)))
    assert not np.allclose(forth, back)


def test_parts_are_picked_in_order_and_joined(toy, heads):
    inputs = heads.features(toy(3, 2))
    some = pick(inputs, [4, 0])
    assert some.labels.tolist() == [1, 0] and some.data[0].equal(inputs.data[4])
    both = join([some, inputs])
    assert len(both.labels) == 7 and both.data[2].equal(inputs.data[0])


def test_stages_are_as_many_as_kinds_have_images(toy, heads):
    with pytest.raises(ValueError, match="expected 1 stages and 5 kinds, got 1 and 4"):
        heads.train(heads.features(toy(3, 2)), torch.tensor([0, 0, 0, 1]), Stages(4, (None,)), 0)


def test_a_backbone_that_is_trained_has_no_features_to_keep(tiny):
    with pytest.raises(ValueError, match="finetune: .* got 'all'"):
        FrozenHeads(tiny.but(finetune="all"), "cpu")
