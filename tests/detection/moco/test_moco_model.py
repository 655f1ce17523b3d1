"""Settings and encoders: presets of the papers, normalisations, shuffled halves, refused values."""

from __future__ import annotations

import math

import pytest
import timm
import torch
from torch import nn

from defectlab.detection.moco import settings as presets
from defectlab.detection.moco.model import MoCo, check_backbone, has_batch_norm, make_backbone, to_group_norm
from defectlab.detection.moco.settings import MoCoSettings


def smoke(**changes: object) -> MoCoSettings:
    return presets.smoke(backbone="test_resnet", **changes)


def test_the_papers_settings():
    paper = presets.paper()
    assert (paper.queue, paper.m, paper.temperature) == (16384, 0.999, 0.07)
    assert (paper.batch_size, paper.lr, paper.epochs, paper.keep) == (32, 0.03, 200, "k")
    assert (presets.v1().head, presets.v1().temperature, presets.v1().schedule) == ("linear", 0.07, "step")
    assert (presets.v2().head, presets.v2().temperature, presets.v2().schedule) == ("mlp", 0.2, "cosine")


def test_the_rate_is_equation_8_by_epochs():
    settings = presets.paper()
    assert settings.rate(0) == 0.03 and settings.rate(100) == pytest.approx(0.015)
    assert settings.rate(150) == pytest.approx(0.03 * 0.5 * (1 + math.cos(math.pi * 0.75)))
    steps = [presets.v1().rate(epoch) for epoch in (0, 119, 120, 159, 160)]
    assert steps == pytest.approx([0.03, 0.03, 0.003, 0.003, 0.0003])


def test_a_queue_as_large_as_the_data_set_is_warned_of():
    with pytest.warns(UserWarning, match="holds 16384 keys, the data set 16000 images.*queue=4000 or less"):
        presets.paper().check_queue(16000)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"loss": "improved"}, "loss must be one of original, improved_mean_logit"),
        ({"batch_norm": "sync"}, "batch_norm must be one of plain, shuffled, group"),
        ({"queue": 4}, "queue must hold a batch: got queue=4, batch_size=8"),
        ({"temperature": 0}, "temperature and lr must be above 0"),
        ({"m": 1.5}, "m must be in"),
        ({"batch_size": 3, "batch_norm": "shuffled"}, "batch_size must be at least 4, got 3"),
        ({"backbone": "resnet51"}, "'resnet51' is not a model of timm"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        make_backbone(presets.smoke(**changes))


def test_both_encoders_start_equal_and_only_the_query_encoder_learns():
    model = MoCo(smoke())
    pairs = zip(model.query.parameters(), model.key.parameters(), strict=True)
    assert all(torch.equal(q, k) and q.requires_grad and not k.requires_grad for q, k in pairs)
    slow = MoCo(smoke(keep="k"))
    assert model.kept is model.query and slow.kept is slow.key and slow.kept is not slow.query
    assert len(model.query.head) == 3 and len(MoCo(smoke(head="linear")).query.head) == 1


def test_networks_depend_on_the_seed_and_leave_the_callers_random_numbers_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one, two, other = (MoCo(smoke(seed=s)).state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert not torch.equal(one["query.head.0.weight"], other["query.head.0.weight"])


def test_embeddings_are_unit_vectors():
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    embeddings = MoCo(smoke()).query(images)
    assert embeddings.shape == (4, 16) and torch.allclose(embeddings.norm(dim=1), torch.ones(4), atol=1e-5)


@pytest.mark.parametrize("backbone", ["test_vit", "test_efficientnet", "test_convnext"])
def test_other_families_of_backbones_fit(backbone):
    settings = presets.smoke(backbone=backbone, size=32)
    assert MoCo(settings).query(torch.rand(2, 3, 32, 32)).shape == (2, 16)


@pytest.mark.parametrize("name", ["mixer_s16_224", "eva02_tiny_patch14_224", "efficientvit_b0", "levit_128s"])
def test_a_model_that_has_to_know_its_images_size_is_told_it(name):
    settings = presets.smoke(backbone=name, size=32)
    check_backbone(settings)
    model = MoCo(settings).eval()
    assert model.query(torch.rand(2, 3, 32, 32)).shape == (2, 16)


def test_normalisation_is_asked_of_the_model_and_not_of_its_name():
    with_batch_norm = ("test_resnet", "test_efficientnet", "efficientvit_b0", "mobilevit_xxs", "repvit_m0_9")
    assert all(map(has_batch_norm, with_batch_norm))
    assert not any(map(has_batch_norm, ("test_vit", "test_convnext", "mixer_s16_224")))
    group = make_backbone(presets.smoke(backbone="mobilevit_xxs", batch_norm="group"))
    assert any(isinstance(module, nn.GroupNorm) for module in group.modules())
    with pytest.raises(ValueError, match="place of BatchNorm2d only, 'levit_128s' has BatchNorm1d too"):
        make_backbone(presets.smoke(backbone="levit_128s", batch_norm="group"))


def test_images_that_a_backbone_cannot_take_are_refused_before_any_training():
    with pytest.raises(ValueError, match="'crossvit_tiny_240' cannot take images of 32 x 32 .*another image_size"):
        check_backbone(presets.smoke(backbone="crossvit_tiny_240", size=32))


def test_shuffled_keys_come_back_in_order_and_their_statistics_are_of_halves():
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model = MoCo(smoke(batch_norm="shuffled"))
    model.eval()  # without batch statistics the way through halves must change nothing
    assert torch.allclose(model.keys(images, torch.Generator().manual_seed(0)), model.key(images), atol=1e-5)
    model.train()
    one, two = (model.keys(images, torch.Generator().manual_seed(s)) for s in (0, 1))
    assert not torch.allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_group_normalisation_leaves_no_batch_norm_and_makes_images_independent(name):
    model = to_group_norm(timm.create_model(name, num_classes=0))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    model.train()
    if name == "test_resnet":  # no stochastic depth
        assert torch.allclose(model(images)[:1], model(images[:1]), atol=1e-5)
