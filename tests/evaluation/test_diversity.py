"""Diversity: mean distances by hand."""

import pytest
import torch

from defectlab.evaluation.diversity import mean_pairwise_distance


def features(n: int, d: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_the_mean_distance_of_three_points_by_hand():
    assert mean_pairwise_distance(torch.tensor([[0.0, 0], [3, 4], [0, 8]])) == pytest.approx((5 + 8 + 5) / 3)


def test_one_repeated_image_has_no_diversity_and_doubled_features_twice_as_much():
    assert mean_pairwise_distance(torch.ones(5, 3)) == 0
    a = features(30)
    assert mean_pairwise_distance(2 * a) == pytest.approx(2 * mean_pairwise_distance(a))
