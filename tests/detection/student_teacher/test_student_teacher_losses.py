"""Losses, alignment, maps and settings: hand-computed numbers, invariants, error texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from defectlab.detection.scoring import resize_map
from defectlab.detection.student_teacher import settings as presets
from defectlab.detection.student_teacher.alignment import align, block_indices, level_groups, mean_levels, normalise
from defectlab.detection.student_teacher.losses import cosine_loss, distance_loss, focal_loss, joint_loss
from defectlab.detection.student_teacher.maps import fuse, level_maps, smooth, top_k_mean
from defectlab.detection.student_teacher.settings import ABLATIONS, StudentTeacherSettings, ablation
from defectlab.evaluation.image_scores import top_k_mean as evaluated_top_k_mean


def features(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_cosine_loss_of_a_hand_computed_map():
    teacher = torch.tensor([[3.0, 0.0], [4.0, 2.0]]).view(1, 2, 1, 2)  # (3, 4) and (0, 2)
    student = torch.tensor([[1.0, 0.0], [0.0, -5.0]]).view(1, 2, 1, 2)  # (1, 0) and (0, -5)
    pairs = align([teacher], [student])  # cosines 0.6 and -1
    assert cosine_loss(pairs).item() == pytest.approx((0.4 + 2.0) / 2)
    assert level_maps(pairs)[0].flatten().tolist() == pytest.approx([0.4, 2.0])


def test_the_cosine_loss_is_the_plain_mean_of_levels_of_different_sizes():
    same, other = features(0, 2, 4, 3, 3), features(1, 2, 4, 6, 6)
    pairs = align([same, other], [same, -other])
    assert cosine_loss(pairs).item() == pytest.approx((0 + 2) / 2, abs=1e-6)


def test_a_student_equal_to_its_teacher_has_loss_and_map_0_whatever_the_magnitude():
    teacher = [features(i, 2, 16, 4, 4) for i in range(3)]
    pairs = align(teacher, [7.5 * level for level in teacher])
    assert cosine_loss(pairs).item() == pytest.approx(0, abs=1e-6)
    assert fuse(level_maps(pairs), (8, 8)).abs().max() < 1e-6


def test_eq_4_agrees_with_torch():
    teacher, student = features(0, 2, 5, 3, 4), features(1, 2, 5, 3, 4)
    expected = 1 - torch.nn.functional.cosine_similarity(teacher, student, dim=1).mean()
    assert cosine_loss(align([teacher], [student])).item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_focal_loss_of_a_hand_computed_pixel():
    logits = torch.tensor([[0.0, math.log(3)]]).view(1, 1, 1, 2)  # p = 1/2 and 3/4
    mask = torch.tensor([[1.0, 0.0]]).view(1, 1, 1, 2)  # p_t = 1/2 and 1/4
    expected = (0.5**4 * math.log(2) + 0.75**4 * math.log(4)) / 2
    assert focal_loss(logits, mask, 4.0).item() == pytest.approx(expected)
    assert focal_loss(logits, mask, 0.0).item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert distance_loss(logits, mask).item() == pytest.approx((0.5 + 0.75) / 2)
    assert distance_loss(logits, mask, "l2").item() == pytest.approx((0.25 + 0.5625) / 2)


def test_an_extreme_logit_gives_a_finite_loss_and_gradient():
    logits = torch.tensor([200.0, -200.0]).view(1, 1, 1, 2).requires_grad_()
    focal_loss(logits, torch.tensor([0.0, 0.0]).view(1, 1, 1, 2)).backward()
    assert torch.isfinite(logits.grad).all()


def test_the_joint_loss_adds_what_the_settings_keep():
    pairs = align([features(0, 1, 4, 2, 2)], [features(1, 1, 4, 2, 2)])
    logits, mask = features(2, 1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    full = joint_loss(pairs, logits, mask, presets.smoke(weight_focal=2.0, weight_distance=0.5))
    parts = cosine_loss(pairs) + 2 * focal_loss(logits, mask) + 0.5 * distance_loss(logits, mask)
    assert full.total.item() == pytest.approx(parts.item())
    bare = joint_loss(pairs, None, mask, ablation("w/o seg", presets.smoke()))
    assert bare.numbers() == pytest.approx(
        {"cosine": (c := cosine_loss(pairs).item()), "focal": 0, "distance": 0, "total": c}
    )
    assert joint_loss(pairs, logits, mask, ablation("w/o cosine", presets.smoke())).cosine.item() == 0
    assert joint_loss(pairs, logits, mask, ablation("w/o focal", presets.smoke())).focal.item() == 0


def test_levels_are_the_middle_two_thirds_in_three_groups():
    assert level_groups(12) == ((2, 3, 4), (5, 6, 7), (8, 9))
    assert level_groups(3) == ((0,), (1,), (2,))
    assert level_groups(3, ((0, 2), (1,))) == ((0, 2), (1,))
    with pytest.raises(ValueError, match=r"blocks \[5\], but the teacher has the blocks 0 to 2"):
        level_groups(3, ((0,), (5,)))
    with pytest.raises(ValueError, match="2 blocks has no 3 levels"):
        level_groups(2)
    with pytest.raises(ValueError, match="at least one block each"):
        level_groups(3, ((0,), ()))


def test_a_level_is_the_mean_of_its_blocks_and_may_share_them():
    groups = ((0, 4), (4,))
    assert block_indices(groups) == [0, 4]
    first, last = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 6.0)
    assert [level.item() for level in mean_levels([first, last], groups)] == [3.0, 6.0]


def test_normalised_features_have_length_1_and_zeros_stay_zero():
    unit = normalise(features(0, 2, 8, 3, 3).half())
    assert unit.dtype == torch.float32 and torch.allclose(unit.norm(dim=1), torch.ones(2, 3, 3))
    assert not normalise(torch.zeros(1, 4, 1, 1)).any()


def test_alignment_brings_the_student_to_the_teachers_size_and_refuses_other_channels():
    ((t, s),) = align([features(0, 1, 4, 4, 4)], [features(1, 1, 4, 2, 2)])
    assert t.shape == s.shape and torch.allclose(s.norm(dim=1), torch.ones(1, 4, 4))
    with pytest.raises(ValueError, match="level 0: teacher"):
        align([features(0, 1, 4, 2, 2)], [features(1, 1, 3, 2, 2)])
    with pytest.raises(ValueError, match="same levels, got 1 and 0"):
        align([features(0, 1, 4, 2, 2)], [])


def test_maps_are_fused_by_mean_or_product_and_enlarged_within_their_range():
    low, high = torch.full((1, 1, 2, 2), 0.2), torch.full((1, 1, 4, 4), 0.6)
    assert torch.allclose(fuse([low, high], (8, 6)), torch.full((1, 1, 8, 6), 0.4))
    assert torch.allclose(fuse([low, high], (8, 6), "product"), torch.full((1, 1, 8, 6), 0.12))
    scores = torch.rand(1, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    large = resize_map(scores, (50, 40))
    assert large.min() >= scores.min() and large.max() <= scores.max()
    with pytest.raises(ValueError, match="mean or product"):
        fuse([low], (4, 4), "sum")


def test_smoothing_keeps_a_flat_map_and_0_changes_nothing():
    flat = torch.full((1, 1, 6, 6), 0.3)
    assert torch.allclose(smooth(flat, 4.0), flat)
    assert smooth(flat, 0.0) is flat


@pytest.mark.parametrize("k", [1, 7, 100, 10_000])
def test_the_top_k_mean_is_that_of_the_evaluation_and_never_above_the_maximum(k):
    scores = torch.rand(3, 1, 20, 16, generator=torch.Generator().manual_seed(k))
    ours = top_k_mean(scores, k)
    np.testing.assert_allclose(ours.numpy(), evaluated_top_k_mean(scores[:, 0].numpy(), k), rtol=1e-12)
    assert (ours <= scores.flatten(1).max(dim=1).values.double()).all()


def test_the_top_k_mean_of_four_pixels():
    scores = torch.tensor([[0.5, 0.25], [1.0, 0.0]]).view(1, 1, 2, 2)
    assert top_k_mean(scores, 2).tolist() == [0.75]
    assert top_k_mean(scores).tolist() == [0.4375]
    with pytest.raises(ValueError, match="at least 1, got 0"):
        top_k_mean(scores, 0)


@pytest.mark.parametrize("row", ABLATIONS)
@pytest.mark.parametrize("preset", [presets.smoke, presets.laptop, presets.paper])
def test_every_row_of_table_6_is_a_valid_change_of_every_preset(row, preset):
    assert isinstance(ablation(row, preset()), StudentTeacherSettings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"student": "twin"}, "student must be one of shared, copy, random"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"normal_share": 1.0}, "normal_share must be in"),
        ({"lr": 0.0}, "lr must be above 0"),
        ({"segmentation": False}, "set focal=False"),
        ({"focal": False, "distance": "none"}, "has no loss"),
        (ABLATIONS["w/o seg"] | {"cosine": False}, "leave no loss"),
        ({"cosine_steps": 4}, "more steps"),
        ({"size": (0, 32)}, "size must be"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_would_mend_them(changes, message):
    with pytest.raises(ValueError, match=message):
        presets.smoke(**changes)
    with pytest.raises(ValueError, match="ablation must be one of"):
        ablation("w/o teacher", presets.smoke())


def test_the_rate_rises_then_falls_to_its_share():
    settings = presets.paper(lr=1.0, warm_up=10, steps=110, final_lr_share=0.1)
    assert settings.rate(0) == pytest.approx(0.1) and settings.rate(9) == settings.rate(10) == 1.0
    assert settings.rate(60) == pytest.approx(0.55) and settings.rate(110) == pytest.approx(0.1)
