"""Bootstrap intervals: coverage, strata, clusters, determinism."""

import numpy as np
import pytest

from defectlab.evaluation.ranking import auroc, average_precision
from defectlab.evaluation.uncertainty import Interval, bootstrap_difference, bootstrap_interval


def images(seed: int = 0, n_positive: int = 30, n_negative: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [n_positive, n_negative])
    return labels, rng.normal(labels * 1.0)


def prevalence(labels: np.ndarray, scores: np.ndarray) -> float:
    return float(labels.mean())


def mean_score(labels: np.ndarray, scores: np.ndarray) -> float:
    return float(scores.mean())


def test_strata_keep_the_counts_of_both_classes():
    labels, scores = images()
    interval = bootstrap_interval(prevalence, labels, scores, n_resamples=100)
    assert (interval.low, interval.value, interval.high) == (0.2, 0.2, 0.2)


def test_the_interval_of_a_mean_is_the_textbook_one():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=400)
    interval = bootstrap_interval(mean_score, np.ones(400), scores, n_resamples=2000)
    half = 1.96 * scores.std() / 20
    assert interval.low == pytest.approx(scores.mean() - half, abs=0.01)
    assert interval.high == pytest.approx(scores.mean() + half, abs=0.01)


def test_about_95_of_100_intervals_cover_the_true_auroc():
    true_auroc = 0.760250  # Phi(1 / sqrt 2), two unit normals one apart
    covered = sum(
        bootstrap_interval(auroc, *images(seed), n_resamples=100, seed=seed).covers(true_auroc) for seed in range(100)
    )
    assert 87 <= covered <= 100


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    labels, scores = images()
    first, second = (bootstrap_interval(average_precision, labels, scores, seed=3) for _ in range(2))
    assert first == second
    assert bootstrap_interval(average_precision, labels, scores, seed=4) != first


def test_images_of_one_object_are_no_independent_evidence():
    rng = np.random.default_rng(0)
    object_scores = rng.normal(size=20)
    scores, groups = np.repeat(object_scores, 10), np.repeat([f"kos{i:02d}" for i in range(20)], 10)
    labels = np.ones(200)
    by_image = bootstrap_interval(mean_score, labels, scores)
    by_group = bootstrap_interval(mean_score, labels, scores, groups=groups)
    ratio = (by_group.high - by_group.low) / (by_image.high - by_image.low)
    assert ratio == pytest.approx(10**0.5, rel=0.15)
    assert (by_image.n, by_group.n) == (200, 20)
    assert "group" in by_group.method


def test_whole_groups_are_drawn_and_both_classes_stay():
    groups = np.array(["a", "a", "b", "b", "c"], dtype=object)
    labels, scores = np.array([1, 1, 0, 0, 0]), np.array([1.0, 1.0, 2.0, 2.0, 2.0])

    def whole(y: np.ndarray, s: np.ndarray) -> float:
        assert (s == 1).sum() == 2 and y.sum() == 2 and (y == 0).any()
        return auroc(y, s)

    assert bootstrap_interval(whole, labels, scores, groups=groups, n_resamples=100).value == 0.0


def test_a_difference_is_paired_by_image():
    labels, scores = images()
    same = bootstrap_difference(auroc, labels, scores, scores * 2 + 1)
    assert (same.low, same.value, same.high) == (0.0, 0.0, 0.0)
    better = bootstrap_difference(auroc, labels, scores + 3 * labels, scores)
    assert better.sign == 1
    assert better.value == pytest.approx(auroc(labels, scores + 3 * labels) - auroc(labels, scores))


def test_sign_and_cover_of_an_interval():
    interval = Interval(0.5, 0.1, 0.9, 0.95, "by hand", 3)
    assert interval.sign == 1 and interval.covers(0.1) and not interval.covers(0.05)
    assert Interval(-0.5, -0.9, -0.1, 0.95, "by hand", 3).sign == -1
    assert Interval(0.0, -0.1, 0.1, 0.95, "by hand", 3).sign == 0
    assert str(interval) == "0.500 [0.100, 0.900]"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 95}, "level must lie between 0 and 1 .* got 95"),
        ({"n_resamples": 10}, "n_resamples must be at least 100"),
        ({"groups": ["a"]}, r"one entry an image, shape \(150,\), got \(1,\)"),
    ],
)
def test_unfit_parameters_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(auroc, *images(), **options)
