"""Kernel distance: by hand, by torchmetrics, unbiased."""

import warnings

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

from defectlab.evaluation.kernel import kernel_distance, squared_mmd


def features(n: int, d: int = 6, shift: float = 0.0, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def by_torchmetrics(real: Tensor, synthetic: Tensor, subsets: int, subset_size: int, seed: int) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it keeps all features in memory, as it must
        metric = KernelInceptionDistance(feature=nn.Identity(), subsets=subsets, subset_size=subset_size)
    metric.update(real, real=True)
    metric.update(synthetic, real=False)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        mean, sd = metric.compute()
    return float(mean), float(sd)


def test_two_images_a_side_by_hand():
    x, y = torch.tensor([[1.0], [2.0]]).double(), torch.tensor([[0.0], [1.0]]).double()
    # k = (a b + 1)^3: within x 27, within y 1, across (1 + 8 + 1 + 27) / 4
    assert squared_mmd(x, y, degree=3, gamma=1.0, coef=1.0) == pytest.approx(27 + 1 - 2 * 37 / 4)


@pytest.mark.parametrize("seed", [0, 7])
def test_mean_and_spread_equal_torchmetrics_at_the_same_seed(seed):
    real, synthetic = features(60), features(45, shift=0.3, seed=1)
    ours = kernel_distance(real, synthetic, subsets=20, subset_size=30, seed=seed)
    assert (ours.mean, ours.sd) == pytest.approx(by_torchmetrics(real, synthetic, 20, 30, seed), rel=1e-9)


def test_whole_sets_as_subsets_equal_torchmetrics_whatever_the_seed():
    real, synthetic = features(30), features(30, shift=0.3, seed=1)
    ours = kernel_distance(real, synthetic, subsets=3, subset_size=30, seed=5)
    assert ours.mean == pytest.approx(by_torchmetrics(real, synthetic, 3, 30, seed=9)[0], rel=1e-9)
    assert ours.sd == pytest.approx(0, abs=1e-12)
    assert ours.whole == pytest.approx(ours.mean)


def test_equal_distributions_average_to_zero_at_any_sample_size():
    for n in (10, 40):
        values = [
            kernel_distance(features(n, seed=2 * s), features(n, seed=2 * s + 1), subsets=1).whole for s in range(200)
        ]
        sample = torch.tensor(values)
        assert abs(sample.mean()) < 3 * sample.std() / len(values) ** 0.5
        assert (sample < 0).any()


def test_a_shift_is_seen_and_grows():
    values = [kernel_distance(features(80), features(80, shift=s, seed=1)).mean for s in (0.0, 0.5, 1.0)]
    assert values == sorted(values) and values[2] > 10 * abs(values[0])


def test_the_default_subset_is_half_of_the_smaller_set():
    report = kernel_distance(features(60), features(41, seed=1))
    assert (report.subset_size, report.subsets, report.n_real, report.n_synthetic, report.dim) == (20, 100, 60, 41, 6)
    assert report.sd > 0
    assert "100 subsets of 20" in str(report)


def test_the_same_seed_gives_the_same_subsets():
    a, b = features(20), features(20, seed=1)
    assert kernel_distance(a, b, seed=1) == kernel_distance(a, b, seed=1)
    assert kernel_distance(a, b, seed=1).mean != kernel_distance(a, b, seed=2).mean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subset_size": 1000}, r"subset_size must lie in \[2, 9\] for 20 real and 9 synthetic, got 1000"),
        ({"subset_size": 1}, r"subset_size must lie in \[2, 9\]"),
        ({"subsets": 0}, "need subsets >= 1"),
        ({"gamma": 0.0}, "gamma > 0"),
    ],
)
def test_unfit_parameters_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(features(20), features(9), **options)
