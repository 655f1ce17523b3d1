"""What several seeds say: their mean and spread, a paired difference, and the difference that k seeds could show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from defectlab.evaluation.power import detectable_noncentrality, t_power
from defectlab.evaluation.uncertainty import Interval, require_level


@dataclass(frozen=True)
class SeedSummary:
    """One number of several training runs.

    Attributes:
        values: every value, in order of the seeds: show them all.
        mean: their mean.
        sd: standard deviation (divisor k - 1); NaN for one seed.
        interval: t-interval of the mean over seeds, for this test set; unbounded for one seed.
    """

    values: tuple[float, ...]
    mean: float
    sd: float
    interval: Interval


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two methods, seed by seed.

    Attributes:
        seeds: the seeds, in order.
        values: method minus reference for each.
        mean: mean difference.
        sd: standard deviation of the differences (divisor k - 1); NaN for one seed.
        t: paired t-interval, unbounded for one seed; the one to judge by.
        bootstrap: percentile interval of resampled differences; too narrow below about ten seeds, shown as a check of
            the normal assumption.
    """

    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    sd: float
    t: Interval
    bootstrap: Interval

    @property
    def sign(self) -> int:
        """1 or -1 where the t-interval lies above or below zero, else 0."""
        return self.t.sign


def summarise_seeds(values: Sequence[float] | npt.NDArray[np.float64], level: float = 0.95) -> SeedSummary:
    """Mean, spread and t-interval of one number over seeds.

    Args:
        values: one a seed, at least one, finite.
        level: nominal coverage, in (0, 1).

    Returns:
        The summary.

    Raises:
        ValueError: if there is no value, one is not finite, or the level is out of range.
    """
    sample = _finite(values)
    sd = float(sample.std(ddof=1)) if len(sample) > 1 else float("nan")
    return SeedSummary(tuple(map(float, sample)), float(sample.mean()), sd, _t_interval(sample, level, "t over seeds"))


def paired_difference(
    values: Mapping[int, float],
    reference: Mapping[int, float],
    *,
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """Difference of two methods trained with the same seeds.

    Args:
        values: metric of the method by seed.
        reference: metric of the reference by seed; the same seeds.
        level: nominal coverage, in (0, 1).
        n_resamples: bootstrap resamples of the seeds.
        seed: of the resampling.

    Returns:
        The differences with both intervals.

    Raises:
        ValueError: if the seeds differ, there is none, a value is not finite, or the level is out of range.
    """
    unpaired = sorted(set(values) ^ set(reference))
    if unpaired:
        raise ValueError(f"paired runs need the same seeds on both sides; seeds on one side only: {unpaired}")
    seeds = tuple(sorted(values))
    gaps = _finite([values[s] for s in seeds]) - _finite([reference[s] for s in seeds])
    chosen = np.random.default_rng(seed).integers(len(gaps), size=(n_resamples, len(gaps)))
    low, high = np.quantile(gaps[chosen].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    mean = float(gaps.mean())
    sd = float(gaps.std(ddof=1)) if len(gaps) > 1 else float("nan")
    t = _t_interval(gaps, level, "paired t over seeds")
    bootstrap = Interval(mean, float(low), float(high), level, "paired bootstrap over seeds", len(gaps))
    return PairedDifference(seeds, tuple(map(float, gaps)), mean, sd, t, bootstrap)


def paired_power(difference: float, sd: float, n_seeds: int, level: float = 0.95) -> float:
    """Chance that a two-sided paired t-interval over ``n_seeds`` excludes zero when the true difference is this one.

    Args:
        difference: true mean difference, in units of the metric.
        sd: standard deviation of the paired differences, above 0, same units.
        n_seeds: number of seeds, at least 2.
        level: nominal coverage, in (0, 1).

    Returns:
        Power in [1 - level, 1].

    Raises:
        ValueError: if a parameter is out of range.

    Source: noncentral t with k - 1 degrees of freedom and noncentrality sqrt(k) difference / sd.
    """
    _require_design(sd, n_seeds, level)
    return t_power(difference / sd * n_seeds**0.5, n_seeds - 1, level)


def minimal_detectable_difference(sd: float, n_seeds: int, *, power: float = 0.8, level: float = 0.95) -> float:
    """Smallest true difference that ``n_seeds`` paired seeds show with the given power.

    Args:
        sd: standard deviation of the paired differences, above 0.
        n_seeds: number of seeds, at least 2.
        power: chance of seeing it, in (1 - level, 1).
        level: nominal coverage, in (0, 1).

    Returns:
        The difference, in units of ``sd``'s metric, above 0.

    Raises:
        ValueError: if a parameter is out of range.
    """
    _require_design(sd, n_seeds, level)
    return detectable_noncentrality(n_seeds - 1, power, level) * sd / n_seeds**0.5


def seeds_needed(
    difference: float, sd: float, *, power: float = 0.8, level: float = 0.95, at_most: int = 1000
) -> int | None:
    """Fewest paired seeds that show a true difference with the given power.

    Args:
        difference: true mean difference, not 0.
        sd: standard deviation of the paired differences, above 0.
        power: chance of seeing it, in (1 - level, 1).
        level: nominal coverage, in (0, 1).
        at_most: where to stop looking.

    Returns:
        The number of seeds, at least 2, or ``None`` where ``at_most`` are not enough.

    Raises:
        ValueError: if a parameter is out of range.
    """
    if difference == 0:
        raise ValueError("difference must not be 0: no number of seeds shows that two methods are equal")
    return next((k for k in range(2, at_most + 1) if paired_power(difference, sd, k, level) >= power), None)


def _t_interval(sample: npt.NDArray[np.float64], level: float, method: str) -> Interval:
    require_level(level)
    mean, k = float(sample.mean()), len(sample)
    if k == 1:
        return Interval(mean, -np.inf, np.inf, level, method, k)
    # mean +- t_{k-1} sd / sqrt(k)
    half = float(stats.t.ppf((1 + level) / 2, k - 1) * sample.std(ddof=1) / k**0.5)
    return Interval(mean, mean - half, mean + half, level, method, k)


def _finite(values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample) or not np.isfinite(sample).all():
        raise ValueError(f"values over seeds must be finite, one a seed and at least one, got {sample.tolist()}")
    return sample


def _require_design(sd: float, n_seeds: int, level: float) -> None:
    require_level(level)
    if not sd > 0:
        raise ValueError(f"sd of the paired differences must be above 0, got {sd}")
    if n_seeds < 2:
        raise ValueError(f"n_seeds must be at least 2 for a spread, got {n_seeds}")
