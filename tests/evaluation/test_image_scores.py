"""Scores of images from anomaly maps: Eq. 6 by hand, beside torch, and where they end."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from defectlab.evaluation.image_scores import maximum, smoothed_maximum, top_k_mean

MAPS = np.random.default_rng(0).normal(size=(5, 30, 40)).astype(np.float32)


def test_the_mean_of_the_largest_by_hand():
    assert top_k_mean(np.array([[[1, 5, 3], [4, 2, 0]]]), k=3).tolist() == [4.0]


def test_the_default_is_a_hundred_pixels_and_equals_torch():
    expected = torch.from_numpy(MAPS).double().flatten(1).topk(100).values.mean(dim=1)
    np.testing.assert_allclose(top_k_mean(MAPS), expected.numpy(), rtol=1e-12)


def test_fewer_pixels_than_k_give_the_mean_of_all():
    np.testing.assert_allclose(top_k_mean(MAPS, k=10**6), MAPS.mean(axis=(1, 2), dtype=np.float64), rtol=1e-12)


def test_one_pixel_is_the_maximum_and_more_are_no_higher():
    assert top_k_mean(MAPS, k=1).tolist() == maximum(MAPS).tolist()
    scores = [top_k_mean(MAPS, k=k) for k in (1, 2, 10, 100, 1200)]
    assert all((higher >= lower).all() for higher, lower in pairwise(scores))


def test_the_smoothed_maximum_equals_average_pooling_of_torch():
    pooled = torch.nn.functional.avg_pool2d(torch.from_numpy(MAPS).double()[:, None], 21, stride=1, padding=10)
    np.testing.assert_allclose(smoothed_maximum(MAPS), pooled.amax(dim=(1, 2, 3)).numpy(), atol=1e-12)
    np.testing.assert_allclose(smoothed_maximum(MAPS, 1), maximum(MAPS), atol=1e-12)


@pytest.mark.parametrize("score", [top_k_mean, maximum, smoothed_maximum])
def test_one_image_alone_and_maps_of_different_sizes_score_the_same(score):
    together = score(MAPS)
    np.testing.assert_array_equal(np.concatenate([score(MAPS[i : i + 1]) for i in range(5)]), together)
    np.testing.assert_array_equal(score([*MAPS, MAPS[0, :25, :30]])[:5], together)


@pytest.mark.parametrize("score", [top_k_mean, maximum, smoothed_maximum])
def test_unfit_maps_are_named(score):
    with pytest.raises(ValueError, match="finite, got nan at image 0"):
        score(np.full((1, 3, 3), np.nan))
    with pytest.raises(ValueError, match="n >= 1 images, got none"):
        score([])


def test_unfit_arguments_are_named():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        top_k_mean(MAPS, k=0)
    with pytest.raises(ValueError, match="window must be odd and at least 1, got 20"):
        smoothed_maximum(MAPS, window=20)
