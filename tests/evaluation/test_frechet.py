"""Fréchet distance: closed forms, the matrix root of scipy, few images, the floor."""

import time

import numpy as np
import pytest
import scipy.linalg
import torch

from defectlab.evaluation.frechet import frechet_distance, frechet_floor


def features(n: int, d: int = 8, shift: float = 0.0, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def by_matrix_root(a: torch.Tensor, b: torch.Tensor) -> float:
    x, y = a.numpy(), b.numpy()
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2).real
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root))


def test_equal_covariances_leave_the_squared_distance_of_the_means():
    a = features(500)
    assert frechet_distance(a, a + 3.0).distance == pytest.approx(8 * 3.0**2)


def test_scaled_features_have_the_closed_form():
    # S2 = 4 S1: tr(S1) + 4 tr(S1) - 2 tr(2 S1) = tr(S1)
    a = features(300)
    a = a - a.mean(0)
    assert frechet_distance(a, 2 * a).distance == pytest.approx(a.var(0).sum().item())


def test_one_feature_is_the_distance_of_two_normals():
    a, b = features(50, d=1), 3 * features(70, d=1, seed=1) + 1
    expected = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert frechet_distance(a, b).distance == pytest.approx(expected.item())


@pytest.mark.parametrize(("n", "m"), [(300, 200), (50, 9), (9, 50)])
def test_agrees_with_the_matrix_root_of_scipy(n, m):
    a, b = features(n, seed=1), features(m, shift=0.5, seed=2) * 1.3
    assert frechet_distance(a, b).distance == pytest.approx(by_matrix_root(a, b), rel=1e-6)


def test_fewer_images_than_features_stays_real_and_says_so():
    report = frechet_distance(features(5, d=64), features(6, d=64, seed=1))
    assert report.is_rank_deficient and np.isfinite(report.distance)
    assert "fewer images than features" in str(report)
    assert "5 real, 6 synthetic" in str(report)


def test_a_set_has_no_distance_to_itself_and_the_distance_is_symmetric():
    a, b = features(40), features(30, seed=1)
    assert frechet_distance(a, a).distance == pytest.approx(0, abs=1e-12)
    assert frechet_distance(a, b).distance == pytest.approx(frechet_distance(b, a).distance)


def test_a_rotation_of_the_feature_space_changes_nothing():
    a, b = features(40), features(30, shift=1.0, seed=1)
    rotation = torch.linalg.qr(features(8, seed=5)).Q
    assert frechet_distance(a @ rotation, b @ rotation).distance == pytest.approx(frechet_distance(a, b).distance)


def test_a_large_offset_costs_no_digits():
    a, b = features(100), features(100, seed=1)
    assert frechet_distance(a + 1e4, b + 1e4).distance == pytest.approx(frechet_distance(a, b).distance, rel=1e-6)


def test_arrays_and_tensors_of_any_precision_are_read():
    a, b = features(40).float(), features(30, seed=1).float()
    assert frechet_distance(a.numpy(), b.numpy()) == frechet_distance(a, b)


def test_the_floor_is_what_a_perfect_generator_scores_at_half_the_size():
    real, perfect = features(400, seed=1), features(400, seed=2)
    report = frechet_distance(real, perfect)
    assert 0 < report.distance < report.floor  # 400 images a side have less bias than 200
    halves = frechet_distance(features(200, seed=3), features(200, seed=4)).distance
    assert report.floor == pytest.approx(halves, rel=0.5)


def test_the_floor_falls_with_the_number_of_images():
    floors = [frechet_floor(features(n)) for n in (20, 80, 320)]
    assert floors == sorted(floors, reverse=True)


def test_the_floor_is_deterministic_by_seed():
    assert frechet_floor(features(50), seed=1) == frechet_floor(features(50), seed=1)
    assert frechet_floor(features(50), seed=1) != frechet_floor(features(50), seed=2)


def test_three_real_images_have_a_distance_and_no_floor():
    assert np.isnan(frechet_distance(features(3), features(9)).floor)
    assert np.isnan(frechet_distance(features(9), features(9), floor_splits=0).floor)
    with pytest.raises(ValueError, match=r"real features must have shape \(n >= 4, d >= 1\), got \(3, 8\)"):
        frechet_floor(features(3))
    with pytest.raises(ValueError, match="splits must be at least 1, got 0"):
        frechet_floor(features(9), splits=0)


def test_inception_sized_features_take_a_moment_only():
    a, b = features(110, d=2048), features(246, d=2048, seed=1)
    frechet_distance(a, b)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        frechet_distance(a, b, floor_splits=0)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1


@pytest.mark.parametrize(
    ("real", "synthetic", "message"),
    [
        (features(4), features(1), r"synthetic features must have shape \(n >= 2, d >= 1\), got \(1, 8\)"),
        (features(4)[0], features(4), r"real features must have shape .* got \(8,\)"),
        (features(4), features(4, d=7), "feature sizes differ: real has 8, synthetic has 7"),
    ],
)
def test_unfit_features_are_named(real, synthetic, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(real, synthetic)


def test_a_non_finite_feature_is_named_by_its_row():
    bad = features(4)
    bad[2, 0] = float("nan")
    with pytest.raises(ValueError, match="synthetic features contain a non-finite value, first in row 2"):
        frechet_distance(features(4), bad)
