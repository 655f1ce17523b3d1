"""What k seeds can show: power, detectable difference and interval from standard deviations alone, paired or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from defectlab.evaluation.uncertainty import Interval, require_level

NODES = 64
"""Points of the quadrature in each sample variance; twice as many change the power by less than 1e-5."""


@dataclass(frozen=True)
class Design:
    """Two methods, each trained with the same number of seeds, and compared by their means.

    Attributes:
        sd_left: standard deviation of one method over seeds, at least 0, in units of the metric.
        sd_right: that of the other; not both may be 0.
        n_seeds: seeds of each, at least 2.
        correlation: of the two methods over shared seeds, in [-1, 1], where differences are taken seed by seed;
            ``None`` where they are not: then the comparison is Welch's.
        level: nominal coverage of the interval that has to exclude zero, in (0, 1).

    Source: noncentral t for paired seeds. Unpaired, the degrees of freedom of Welch 1947 are themselves estimated from
    few seeds, and a noncentral t with their expected value promises too much: the power is integrated over what the
    two sample deviations may be.
    """

    sd_left: float
    sd_right: float
    n_seeds: int
    correlation: float | None = None
    level: float = 0.95

    def __post_init__(self) -> None:
        require_level(self.level)
        if not (min(self.sd_left, self.sd_right) >= 0 and max(self.sd_left, self.sd_right) < np.inf):
            raise ValueError(f"deviations must be finite and at least 0, got {self.sd_left} and {self.sd_right}")
        if self.n_seeds < 2:
            raise ValueError(f"n_seeds must be at least 2 for a spread, got {self.n_seeds}")
        if self.correlation is not None and not -1 <= self.correlation <= 1:
            raise ValueError(f"correlation must lie in [-1, 1], or be None for unpaired seeds, got {self.correlation}")
        if not self.sd > 0:
            raise ValueError(
                f"the difference has no spread: deviations {self.sd_left} and {self.sd_right}, "
                f"correlation {self.correlation}"
            )

    @property
    def sd(self) -> float:
        """Standard deviation of the difference of one seed of each method."""
        shared = 0.0 if self.correlation is None else self.correlation
        # Var(X - Y) = Var X + Var Y - 2 rho sd X sd Y; rounding may leave it a hair below zero
        return max(self.sd_left**2 + self.sd_right**2 - 2 * shared * self.sd_left * self.sd_right, 0.0) ** 0.5

    @property
    def standard_error(self) -> float:
        """Standard deviation of the difference of the means."""
        return self.sd / self.n_seeds**0.5

    @property
    def df(self) -> float:
        """Degrees of freedom: k - 1 paired; Welch's from k - 1 to 2 (k - 1) unpaired."""
        if self.correlation is not None:
            return self.n_seeds - 1
        return float(_welch_df(self.sd_left**2, self.sd_right**2, self.n_seeds))

    def interval(self, difference: float) -> Interval:
        """t-interval of a difference of means that was observed with these deviations."""
        half = float(stats.t.ppf((1 + self.level) / 2, self.df)) * self.standard_error
        method = "t from deviations, unpaired" if self.correlation is None else "t from deviations, paired"
        return Interval(difference, difference - half, difference + half, self.level, method, self.n_seeds)

    def power(self, difference: float) -> float:
        """Chance that the interval excludes zero when the true difference of the means is this one."""
        if self.correlation is None:
            return _welch_power(self, difference)
        return t_power(difference / self.standard_error, self.df, self.level)

    def detectable(self, power: float = 0.8) -> float:
        """Smallest true difference that the interval excludes zero for with this chance, above 0."""
        if self.correlation is None:
            _require_power(power, self.level)
            return self.standard_error * _first_above(lambda shift: self.power(shift * self.standard_error), power)
        return detectable_noncentrality(self.df, power, self.level) * self.standard_error

    def seeds_needed(self, difference: float, power: float = 0.8, at_most: int = 100_000) -> int | None:
        """Fewest seeds of each method that show a true difference with this chance, ``None`` above ``at_most``.

        Raises:
            ValueError: if the difference is 0, or the power is out of range.
        """
        if difference == 0:
            raise ValueError("difference must not be 0: no number of seeds shows that two methods are equal")
        _require_power(power, self.level)

        def enough(k: int) -> bool:
            return replace(self, n_seeds=k).power(difference) >= power

        # Power grows with k: doubling finds an upper end, halving the first number that is enough.
        high = 2
        while not enough(high):
            if high >= at_most:
                return None
            high = min(2 * high, at_most)
        low = max(high // 2, 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high


def t_power(noncentrality: float, df: float, level: float = 0.95) -> float:
    """Chance that a two-sided t-interval excludes zero.

    Args:
        noncentrality: true difference over its standard error.
        df: degrees of freedom, above 0.
        level: nominal coverage, in (0, 1).

    Returns:
        Power in [1 - level, 1].
    """
    critical = stats.t.ppf((1 + level) / 2, df)
    # P(T > c) + P(T < -c); the second as the upper tail of -T, as scipy's lower tail is NaN where it is tiny
    return float(stats.nct.sf(critical, df, abs(noncentrality)) + stats.nct.sf(critical, df, -abs(noncentrality)))


def detectable_noncentrality(df: float, power: float = 0.8, level: float = 0.95) -> float:
    """Difference, in standard errors, that is shown with the given power.

    Raises:
        ValueError: if the power does not lie between 1 - level and 1.
    """
    _require_power(power, level)
    return _first_above(lambda shift: t_power(shift, df, level), power)


def average_sd(deviations: Sequence[float], correlation: float = 0.0) -> float:
    """Standard deviation over seeds of an average of several settings, from the deviation of each.

    With correlation 1 (each seed moves all settings alike) it is the mean of the deviations, which is its largest
    possible value; below that it is smaller.

    Args:
        deviations: one a setting, at least one, at least 0.
        correlation: between any two settings over seeds, in [0, 1].

    Raises:
        ValueError: if there is no deviation, one is negative or not finite, or the correlation is out of range.
    """
    sds = np.asarray(deviations, dtype=np.float64)
    if not len(sds) or not np.isfinite(sds).all() or (sds < 0).any():
        raise ValueError(f"deviations must be finite and at least 0, at least one, got {list(deviations)}")
    if not 0 <= correlation <= 1:
        raise ValueError(f"correlation must lie in [0, 1], got {correlation}")
    # Var(mean of X_i) = (sum_i s_i^2 + rho sum_{i != j} s_i s_j) / m^2
    squares = float(np.square(sds).sum())
    return float((squares + correlation * (float(sds.sum()) ** 2 - squares)) ** 0.5 / len(sds))


def _welch_df(left: npt.ArrayLike, right: npt.ArrayLike, n_seeds: int) -> npt.NDArray[np.float64]:
    """Degrees of freedom from two variances: (v1 + v2)^2 (k - 1) / (v1^2 + v2^2)."""
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    ratio = np.minimum(a, b) / np.maximum(a, b)  # so that tiny variances do not underflow
    return (1 + ratio) ** 2 / (1 + ratio**2) * (n_seeds - 1)


@cache
def _sample_variances(n_seeds: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sample variances in units of the true one, and their weights: Gauss-Legendre on the quantiles of chi^2."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return stats.chi2.ppf((nodes + 1) / 2, n_seeds - 1) / (n_seeds - 1), weights / 2


def _welch_power(design: Design, difference: float) -> float:
    """P(|D| > t_nu sqrt((S1^2 + S2^2) / k)), integrated over the sample variances S1^2 and S2^2."""
    k = design.n_seeds
    variances, weights = _sample_variances(k)
    left, right = design.sd_left**2 * variances[:, None], design.sd_right**2 * variances[None, :]
    # Quantiles of t interpolated over the degrees of freedom that can occur: exact ones would take a thousand times
    # as long and change the power by less than 1e-5.
    degrees = np.geomspace(k - 1, 2 * (k - 1), 200)
    quantiles = np.interp(_welch_df(left, right, k), degrees, stats.t.ppf((1 + design.level) / 2, degrees))
    critical = quantiles * np.sqrt((left + right) / k)
    error, gap = design.standard_error, abs(difference)
    # The mean difference is normal and independent of the sample variances.
    seen = special.ndtr((gap - critical) / error) + special.ndtr((-critical - gap) / error)
    return float(weights @ seen @ weights)


def _first_above(power_of: Callable[[float], float], power: float) -> float:
    """Where a power that grows with its argument reaches a level."""
    upper = 1.0
    while power_of(upper) < power:
        upper *= 2
    return float(optimize.brentq(lambda shift: power_of(shift) - power, 0.0, upper))


def _require_power(power: float, level: float) -> None:
    if not 1 - level < power < 1:
        raise ValueError(f"power must lie between {1 - level:.3g} and 1, got {power}")
