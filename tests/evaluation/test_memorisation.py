"""Memorisation: planted copies, held-out control, hand-computed ratios and distances."""

import numpy as np
import pytest
import scipy.stats
import torch

from defectlab.evaluation.memorisation import NearestDistances, memorisation, nearest_distances


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


def test_nearest_distances_on_a_line_by_hand():
    train = torch.tensor([[0.0], [4.0], [10.0]])
    report = nearest_distances(torch.tensor([[1.0], [9.5], [4.0], [20.0]]), train, torch.tensor([[5.0], [2.0]]))
    assert report.distances.tolist() == [1, 0.5, 0, 10] and report.nearest.tolist() == [0, 2, 1, 2]
    assert report.control.tolist() == [1, 2]
    # below 1 and 2: tie and yes, yes and yes, yes and yes, no and no
    assert report.closer_than_real == pytest.approx((0.5 + 1 + 2 + 2 + 0) / 8)
    assert report.copies == 0.5 and report.median_over_control == pytest.approx(0.75 / 1.5)
    assert report.closest(2).tolist() == [2, 1] and report.dim == 1


def test_samples_like_new_images_are_as_far_off_as_new_images():
    report = nearest_distances(features(400, seed=1), features(300), features(400, seed=2))
    assert report.closer_than_real == pytest.approx(0.5, abs=0.05) and report.copies < 0.02


def test_copies_are_closer_than_every_new_image_and_noise_is_farther_than_all():
    train, held_out = features(100, 16), features(50, 16, seed=1)
    copied = nearest_distances(train[:20] + 1e-6, train, held_out)
    assert copied.closer_than_real == copied.copies == 1 and copied.nearest.tolist() == list(range(20))
    assert nearest_distances(features(20, 16) + 100, train, held_out).closer_than_real == 0


def test_the_probability_agrees_with_the_rank_test_of_scipy():
    samples, control = np.random.default_rng(0).normal(1, 1, 40).round(1), np.random.default_rng(1).normal(size=30)
    report = NearestDistances(samples, np.zeros(40, np.int64), control.round(1), 1)
    expected = scipy.stats.mannwhitneyu(control.round(1), samples).statistic / (40 * 30)
    assert report.closer_than_real == pytest.approx(expected)


def test_distances_do_not_depend_on_the_batch_and_bytes_are_taken_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12), dtype=np.uint8)
    whole = nearest_distances(pixels[:5], pixels[5:8], pixels[8:])
    parts = nearest_distances(pixels[:5], pixels[5:8], pixels[8:], batch_size=2)
    assert whole.distances.tolist() == parts.distances.tolist() and whole.nearest.tolist() == parts.nearest.tolist()
    expected = np.linalg.norm(pixels[:5, None].astype(float) - pixels[5:8].astype(float), axis=2).min(axis=1)
    assert whole.distances.tolist() == pytest.approx(expected.tolist())


def test_sets_that_do_not_fit_each_other_are_named():
    with pytest.raises(ValueError, match=r"one d, got \{'samples': \(5, 4\), 'train': \(5, 3\)"):
        nearest_distances(features(5), features(5, d=3), features(5))
    with pytest.raises(ValueError, match="held-out features must have shape"):
        nearest_distances(features(5), features(5), features(0))
    bad = features(5)
    bad[3, 0] = float("inf")
    with pytest.raises(ValueError, match="samples features contain a non-finite value"):
        nearest_distances(bad, features(5), features(5))
