"""How a result grows with the number of synthetic images, where the growth ends, and whether there is any."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from defectlab.evaluation.uncertainty import Interval, require_level

Floats = npt.NDArray[np.float64]
LEAST = 5
"""Counts at least: three numbers are fitted, one count is left out to be predicted, and one must be left over."""
GRID = 400
"""Rates that are tried before the fit is refined."""


@dataclass(frozen=True)
class Saturation:
    """The curve ``value(n) = level - gain * exp(-n / scale)``.

    Attributes:
        level: that it ends at.
        gain: from ``n = 0`` to there; below zero where images do harm.
        scale: images after which a share ``1 - 1/e`` of the gain is reached.
        bounds: of the scale: a curve that bends before the first count, or after the last, cannot be seen.
    """

    level: float
    gain: float
    scale: float
    bounds: tuple[float, float] = (0.0, math.inf)

    def __call__(self, n: npt.ArrayLike) -> Floats:
        """Values at counts ``n``, of any shape."""
        return np.asarray(self.level - self.gain * np.exp(-np.asarray(n, dtype=float) / self.scale))  # Eq. saturation

    def count_for(self, share: float) -> float:
        """Images at which a share of the gain is reached, in (0, 1)."""
        return -self.scale * math.log(1 - share)  # Eq. share of the gain

    @property
    def is_bounded(self) -> bool:
        """True where the scale lies on a bound: the bend is not among the counts that were tried."""
        low, high = self.bounds
        return not 1.001 * low < self.scale < 0.999 * high


@dataclass(frozen=True)
class SaturationReport:
    """A fit with what is known of it.

    Attributes:
        fit: to the means over seeds.
        gain: with a bootstrap interval over seeds.
        count: images for 95 % of the gain, with such an interval.
        p_value: share of the shufflings of counts within each seed that a curve fits as much better than a constant.
        predicted: value at the largest count, of a curve fitted without it.
        flat: the same, by a forecast of no further gain: the mean at the count before.
        observed: mean value at the largest count.
        level: of the intervals; ``1 - level`` is the limit of the p-value too.
    """

    fit: Saturation
    gain: Interval
    count: Interval
    p_value: float
    predicted: float
    flat: float
    observed: float
    level: float = 0.95

    @property
    def is_told_from_a_constant(self) -> bool:
        """True where counts matter more than chance among equal counts explains."""
        return self.p_value <= 1 - self.level + 1e-12


def fit_saturation(counts: npt.ArrayLike, values: npt.ArrayLike) -> Saturation:
    """The curve of least squares.

    For a given scale it is linear in level and gain, so scales are tried on a grid with the best of both, and the best
    of all is refined.

    Args:
        counts: shape ``(k,)``, at least four, rising, from 0 on.
        values: shape ``(k,)`` or ``(seeds, k)``; of several seeds the mean is fitted, which gives the same curve.

    Raises:
        ValueError: if the shapes do not go together, there are too few counts, or a value is not finite.
    """
    n, table = _checked(counts, values, LEAST - 1)
    mean, scales = table.mean(0), _scales(n)
    squares, solved = _solve(n, mean[None], scales)
    best = int(squares[0].argmin())
    bounds = float(scales[0]), float(scales[-1])
    # equal weights: sum over n of (value(n) - level + gain exp(-n / scale))^2
    found = least_squares(
        lambda p: mean - Saturation(p[0], p[1], math.exp(p[2]))(n),
        [*solved[0, best], math.log(scales[best])],
        bounds=([-np.inf, -np.inf, math.log(bounds[0]) - 1e-9], [np.inf, np.inf, math.log(bounds[1]) + 1e-9]),
        x_scale=[0.1, 0.1, 1.0],
    )
    level, gain, log_scale = found.x
    return Saturation(float(level), float(gain), float(np.clip(math.exp(log_scale), *bounds)), bounds)


def saturation_report(
    counts: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    n_resamples: int = 300,
    n_shuffles: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> SaturationReport:
    """The fit, its intervals, a test against a constant, and a forecast of the largest count.

    The interval resamples seeds, whole curves at a time. With few seeds it is too narrow. The test needs no interval:
    where counts do not matter, the values of a seed may stand at any count, so shuffling them within each seed must
    not spoil the fit. The p-value counts the given order among the shufflings.

    Args:
        counts: shape ``(k,)``, at least five, rising, from 0 on.
        values: shape ``(seeds, k)``, at least two seeds.
        n_resamples: of the bootstrap.
        n_shuffles: of the test.
        level: of the intervals, in (0, 1).
        seed: of both.

    Raises:
        ValueError: if the shapes do not go together, there are too few counts or seeds, or a value is not finite.
    """
    require_level(level)
    n, table = _checked(counts, values, LEAST)
    if len(table) < 2:
        raise ValueError(f"values: expected two seeds at least, shape (seeds, counts), got {np.shape(values)}")
    rng = np.random.default_rng(seed)
    fit, short = fit_saturation(n, table), fit_saturation(n[:-1], table[:, :-1])
    drawn = table[rng.integers(len(table), size=(n_resamples, len(table)))].mean(1)
    scales = _scales(n)
    squares, solved = _solve(n, drawn, scales)
    best = squares.argmin(1)
    gains, reached = solved[np.arange(len(best)), best, 1], -scales[best] * math.log(1 - 0.95)
    return SaturationReport(
        fit=fit,
        gain=_interval(fit.gain, gains, level, len(table)),
        count=_interval(fit.count_for(0.95), reached, level, len(table)),
        p_value=_shuffled(n, table, n_shuffles, rng),
        predicted=float(short(n[-1])),
        flat=float(table[:, -2].mean()),
        observed=float(table[:, -1].mean()),
        level=level,
    )


def _shuffled(n: Floats, table: Floats, n_shuffles: int, rng: np.random.Generator) -> float:
    """Share of shufflings within seeds that a saturation fits as well or better, the true order among them."""
    shuffled = rng.permuted(np.tile(table, (n_shuffles, 1, 1)), axis=2).mean(1)
    curves = np.concatenate([table.mean(0)[None], shuffled])
    squares, _ = _solve(n, curves, _scales(n))
    gained = ((curves - curves.mean(1, keepdims=True)) ** 2).sum(1) - squares.min(1)
    return float((gained >= gained[0] * (1 - 1e-9) - 1e-15).mean())


def _scales(n: Floats) -> Floats:
    """Scales that counts can tell apart: from a third of the first step to the last count, where 63 % are reached."""
    return np.geomspace(n[n > 0].min() / 3, n.max(), GRID)


def _solve(n: Floats, curves: Floats, scales: Floats) -> tuple[Floats, Floats]:
    """Sum of squares ``(m, scales)`` and best level and gain ``(m, scales, 2)`` of each curve ``(m, k)`` and scale."""
    bends = -np.exp(-n / scales[:, None])  # (scales, k); the curve is level + gain * bend, a straight line in it
    parted, centred = bends - bends.mean(1, keepdims=True), curves - curves.mean(1, keepdims=True)
    gains = centred @ parted.T / (parted**2).sum(1)
    levels = curves.mean(1, keepdims=True) - gains * bends.mean(1)
    squares = (centred**2).sum(1, keepdims=True) - gains**2 * (parted**2).sum(1)
    return np.maximum(squares, 0.0), np.stack([levels, gains], 2)


def _interval(value: float, drawn: Floats, level: float, seeds: int) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, "bootstrap over seeds", seeds)


def _checked(counts: npt.ArrayLike, values: npt.ArrayLike, least: int) -> tuple[Floats, Floats]:
    n, table = np.asarray(counts, dtype=float), np.atleast_2d(np.asarray(values, dtype=float))
    if n.ndim != 1 or table.ndim != 2 or table.shape[1] != len(n):
        raise ValueError(f"expected values (seeds, counts) for counts (counts,), got {table.shape} and {n.shape}")
    if len(n) < least or n[0] < 0 or (np.diff(n) <= 0).any():
        raise ValueError(f"counts: expected at least {least}, rising from 0 on, got {n.tolist()}")
    if not np.isfinite(table).all():
        raise ValueError("values: expected finite numbers, one a seed and count")
    return n, table
