import pytest
import torch

from defectlab.detection.backbones import BackboneSpec, create, cut

IMAGE = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))
UNIT = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "test_byobnet"])
@pytest.mark.parametrize("finetune", ["all", "end"])
def test_both_parts_in_a_row_are_the_features_of_timm(name, finetune):
    spec = BackboneSpec(name, **UNIT)
    model = create(spec, seed=0).eval()
    backbone = cut(model, spec, 16, finetune)
    ours = backbone.end(backbone.front(IMAGE))
    index = [stage["reduction"] for stage in model.feature_info].index(16)
    theirs = model.forward_intermediates(IMAGE, indices=[index], intermediates_only=True)[0]
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert ours.shape[1] == backbone.channels and backbone.stride == 16


def test_the_end_is_the_last_stage_alone():
    spec = BackboneSpec("test_resnet", **UNIT)
    model = create(spec, seed=0)
    backbone = cut(model, spec, None, "end")
    assert list(backbone.end.children()) == [model.layer4]


def test_a_resnet_50_with_one_logit_is_that_of_the_paper():
    spec = BackboneSpec("resnet50.tv_in1k")
    backbone = cut(create(spec, seed=0), spec, None, "all")
    assert (backbone.channels, backbone.stride) == (2048, 32)
    assert sum(p.numel() for p in backbone.front.parameters()) == 23_508_032  # torchvision's without its fc


def test_the_input_is_normalised_as_the_weights_expect():
    spec = BackboneSpec("test_resnet", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    model = create(spec, seed=0).eval()
    scaled = cut(model, spec, 16, "all").front(IMAGE)
    plain = cut(model, BackboneSpec("test_resnet", **UNIT), 16, "all").front(IMAGE * 2 - 1)
    assert torch.allclose(scaled, plain, atol=1e-5)


def test_a_vision_transformer_is_frozen_whole_but_has_no_end():
    spec = BackboneSpec("test_vit", {"dynamic_img_size": True})
    model = create(spec, seed=0).eval()
    assert cut(model, spec, 16, "none").front(IMAGE).shape == (2, 64, 4, 3)
    with pytest.raises(ValueError, match="'test_vit' is no chain of stages"):
        cut(model, spec, 16, "end")


def test_random_weights_depend_on_the_seed_alone_and_leave_torch_s_generator_be():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, two, other = (create(BackboneSpec("test_resnet"), seed).layer1[0].conv1.weight for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_backbone_is_answered_with_near_names():
    with pytest.raises(ValueError, match="'resnet10' is not a model of timm .* near it: .*resnet10"):
        create(BackboneSpec("resnet10"), 0)


def test_a_stride_that_is_not_there_is_answered_with_those_that_are():
    spec = BackboneSpec("test_resnet")
    with pytest.raises(ValueError, match=r"has features of stride \[2, 4, 8, 16, 32\], none of stride 12"):
        cut(create(spec, 0), spec, 12, "all")
