"""Memorisation and diversity: planted copies, held-out control, hand-computed ratios."""

import numpy as np
import pytest
import torch

from defectlab.evaluation.diversity import mean_pairwise_distance, memorisation


def features(n: int, d: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_ratios_on_a_line_by_hand():
    train = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    report = memorisation(train, torch.tensor([[7.5], [2.9], [-2.0]]), held_out=torch.tensor([[5.0]]))
    # to 7: .5 over 4; to 3: .1 over 2; to 0: 2 over 1; held out, 5 to 3: 2 over 2
    assert report.ratios.tolist() == pytest.approx([0.125, 0.05, 2.0])
    assert report.control_ratios.tolist() == pytest.approx([1.0])
    assert report.median_ratio == pytest.approx(0.125) and report.control_median_ratio == pytest.approx(1.0)
    assert [(pair.synthetic, pair.train) for pair in report.pairs] == [(1, 2), (0, 3), (2, 0)]
    assert report.pairs[0].distance == pytest.approx(0.1)


def test_planted_copies_are_found_and_the_control_stays_clean():
    train, held_out = features(1000), features(500, seed=1)
    generated = torch.cat([features(60, seed=2), train[:40] + 1e-4])
    report = memorisation(train, generated, held_out=held_out)
    assert report.share_close == pytest.approx(0.4, abs=0.05)
    assert report.control_share_close <= 0.05
    assert all(pair.synthetic >= 60 and pair.train == pair.synthetic - 60 for pair in report.pairs)
    assert (report.ratios[60:] < 0.01).all()


def test_new_images_look_like_the_control():
    report = memorisation(features(300), features(200, seed=1), held_out=features(200, seed=2))
    assert report.median_ratio == pytest.approx(report.control_median_ratio, rel=0.2)
    assert report.control_median_ratio == pytest.approx(1, abs=0.4)


def test_an_exact_copy_is_zero_even_where_the_training_set_holds_duplicates():
    train = torch.tensor([[0.0], [0.0], [1.0], [2.0]])
    report = memorisation(train, torch.tensor([[0.0], [-0.5], [2.0]]), held_out=torch.tensor([[5.0]]))
    assert report.ratios.tolist() == [0.0, np.inf, 0.0]
    assert report.share_close == pytest.approx(2 / 3)


def test_copies_at_a_large_offset_are_exactly_zero():
    train = features(50, d=512) + 1000
    assert memorisation(train, train[:5], held_out=features(5, d=512)).ratios.tolist() == [0.0] * 5


def test_no_more_pairs_than_asked_for():
    assert len(memorisation(features(9), features(20, seed=1), held_out=features(3), n_pairs=7).pairs) == 7


def test_sets_of_different_sizes_are_named():
    with pytest.raises(ValueError, match="feature sizes differ: .*'held-out': 3"):
        memorisation(features(9), features(9), held_out=features(9, d=3))
    with pytest.raises(ValueError, match=r"train features must have shape \(n >= 3"):
        memorisation(features(2), features(9), held_out=features(9))
    with pytest.raises(ValueError, match="held-out features must have shape"):
        memorisation(features(5), features(9), held_out=features(0))


def test_the_mean_distance_of_three_points_by_hand():
    assert mean_pairwise_distance(torch.tensor([[0.0, 0], [3, 4], [0, 8]])) == pytest.approx((5 + 8 + 5) / 3)


def test_one_repeated_image_has_no_diversity_and_doubled_features_twice_as_much():
    assert mean_pairwise_distance(torch.ones(5, 3)) == 0
    a = features(30)
    assert mean_pairwise_distance(2 * a) == pytest.approx(2 * mean_pairwise_distance(a))
