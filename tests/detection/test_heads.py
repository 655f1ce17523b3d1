import pytest
import torch

from defectlab.detection import ClassifierConfig
from defectlab.detection.heads import GapHead, PatchHead, make_head, mean_of_top


def test_the_image_score_is_the_mean_of_the_highest_patches():
    logits = torch.tensor([[[1.0, 5.0], [3.0, -2.0]], [[0.0, 0.0], [8.0, 4.0]]])
    assert mean_of_top(logits, 2).tolist() == [4.0, 6.0]  # (5 + 3) / 2 and (8 + 4) / 2


def test_the_highest_of_one_is_the_maximum_and_of_too_many_the_mean():
    logits = torch.tensor([[[1.0, 5.0], [3.0, -1.0]]])
    assert mean_of_top(logits, 1).item() == 5.0
    assert mean_of_top(logits, 9).item() == 2.0


def test_a_gradient_reaches_the_highest_patches_alone():
    logits = torch.tensor([[[1.0, 5.0], [3.0, -2.0]]], requires_grad=True)
    mean_of_top(logits, 2).sum().backward()
    assert logits.grad.tolist() == [[[0.0, 0.5], [0.5, 0.0]]]


def test_gap_is_a_linear_layer_on_the_mean():
    head = GapHead(2)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[2.0, -1.0]]))
        head.linear.bias.fill_(0.5)
    features = torch.tensor([[[[1.0, 3.0]], [[0.0, 4.0]]]])  # means 2 and 2
    assert head(features).item() == pytest.approx(2 * 2 - 2 + 0.5)


def test_the_image_score_of_a_patch_head_follows_from_its_map():
    head = PatchHead(3, hidden=4, k=2).eval()
    features = torch.randn(5, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    maps = head.maps(features)
    assert maps.shape == (5, 4, 2)
    assert torch.equal(head(features), mean_of_top(maps, 2))


def test_without_a_hidden_layer_a_patch_head_is_linear():
    head = make_head(ClassifierConfig(head="patch", hidden=0), 3)
    assert sum(p.numel() for p in head.parameters()) == 3 + 1


def test_frozen_features_give_the_gradient_of_the_whole_map():
    head = PatchHead(3, hidden=4, k=2)
    features = torch.randn(5, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    head.calibrate(features)
    head(features).square().sum().backward()
    quick = [p.grad.clone() for p in head.parameters()]
    head.zero_grad()
    mean_of_top(head.maps(features), 2).square().sum().backward()
    assert all(torch.allclose(a, p.grad, atol=1e-6) for a, p in zip(quick, head.parameters(), strict=True))


def test_calibration_makes_the_head_blind_to_the_scale_of_the_features():
    features = torch.randn(5, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    head = PatchHead(3, hidden=4, k=2).eval()
    head.calibrate(features)
    before = head.maps(features)
    head.calibrate(100 * features + 7)
    assert torch.allclose(head.maps(100 * features + 7), before, atol=1e-4)
