"""How far a number would move on another draw of test images: bootstrap intervals, by image or by object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from defectlab.evaluation.inputs import Labels, as_ranking

Metric = Callable[[np.ndarray, np.ndarray], float]
"""A number from labels ``(n,)`` and scores ``(n,)``, such as `defectlab.evaluation.ranking.average_precision`."""


@dataclass(frozen=True)
class Interval:
    """A number with its interval.

    Attributes:
        value: the number on all the data.
        low: lower end.
        high: upper end.
        level: nominal coverage, in (0, 1).
        method: how it was made, for the caption.
        n: independent units behind it: images, groups or seeds.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int

    def covers(self, value: float) -> bool:
        """True where ``value``, a paper's perhaps, lies inside; the ends belong to the interval."""
        return self.low <= value <= self.high

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies above or below zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def __str__(self) -> str:
        """Value and ends to three decimals."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_interval(
    metric: Metric,
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a metric under stratified resampling of the test images.

    It speaks of the test set alone: one trained detector, other images. The spread over seeds is
    `defectlab.evaluation.seeds.summarise_seeds`.

    Args:
        metric: function of labels and scores.
        labels: shape ``(n,)``, 0 or 1. Positives and negatives are resampled apart, so that their counts stay.
        scores: shape ``(n,)``, finite.
        groups: shape ``(n,)``, the physical object of each image. Whole objects are then resampled (cluster
            bootstrap): images of one object are no independent evidence.
        n_resamples: at least 100.
        level: nominal coverage, in (0, 1).
        seed: of the resampling.

    Returns:
        The metric on all images with its interval.

    Raises:
        ValueError: if labels, scores, groups or a parameter are unfit.

    Source: Efron and Tibshirani 1993, section 13.3; Davison and Hinkley 1997, section 3.8 (clusters).
    """
    positive, values = as_ranking(labels, scores)

    def evaluate(chosen: npt.NDArray[np.int64]) -> float:
        return metric(positive[chosen].astype(np.int64), values[chosen])

    return _percentile_interval(evaluate, positive, groups, n_resamples, level, seed)


def bootstrap_difference(
    metric: Metric,
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    reference_scores: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of ``metric(scores) - metric(reference_scores)`` on the same resampled images.

    Args:
        metric: function of labels and scores.
        labels: shape ``(n,)``, 0 or 1.
        scores: shape ``(n,)``, of one detector.
        reference_scores: shape ``(n,)``, of the detector it is compared with, same images, same order.
        groups: as in `bootstrap_interval`.
        n_resamples: at least 100.
        level: nominal coverage, in (0, 1).
        seed: of the resampling.

    Returns:
        The difference with its interval.

    Raises:
        ValueError: if labels, scores, groups or a parameter are unfit.
    """
    positive, values = as_ranking(labels, scores)
    _, references = as_ranking(labels, reference_scores)

    def evaluate(chosen: npt.NDArray[np.int64]) -> float:
        drawn = positive[chosen].astype(np.int64)
        return metric(drawn, values[chosen]) - metric(drawn, references[chosen])

    return _percentile_interval(evaluate, positive, groups, n_resamples, level, seed)


def require_level(level: float) -> None:
    """Raises a ValueError where a nominal coverage does not lie between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1 (0.95 for 95 %), got {level}")


def _percentile_interval(
    evaluate: Callable[[npt.NDArray[np.int64]], float],
    positive: Labels,
    groups: npt.ArrayLike | None,
    n_resamples: int,
    level: float,
    seed: int,
) -> Interval:
    require_level(level)
    if n_resamples < 100:
        raise ValueError(f"n_resamples must be at least 100 for the ends of an interval, got {n_resamples}")
    strata = _strata(positive, groups)
    rng = np.random.default_rng(seed)
    drawn = [evaluate(chosen) for chosen in _resamples(strata, n_resamples, rng)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    kind = "image" if groups is None else "group"
    n = sum(len(units) for units in strata)
    return Interval(
        evaluate(np.arange(len(positive))), float(low), float(high), level, f"bootstrap by {kind}, stratified", n
    )


def _strata(positive: Labels, groups: npt.ArrayLike | None) -> list[list[npt.NDArray[np.int64]]]:
    """Units (arrays of positions) by stratum; a stratum is the set of labels that a unit holds.

    With these strata every resample holds both classes wherever the data do: a metric never meets one class alone.
    """
    if groups is None:
        names = np.arange(len(positive))
    else:
        names = np.asarray(groups)
        if names.shape != positive.shape:
            raise ValueError(f"groups must have one entry an image, shape {positive.shape}, got {names.shape}")
    _, unit_of = np.unique(names.astype(str) if names.dtype == object else names, return_inverse=True)
    order = np.argsort(unit_of, kind="stable")
    units = np.split(order, np.flatnonzero(np.diff(unit_of[order])) + 1)
    strata: dict[tuple[bool, bool], list[npt.NDArray[np.int64]]] = {}
    for unit in units:
        strata.setdefault((bool(positive[unit].any()), bool(positive[unit].all())), []).append(unit)
    return [strata[key] for key in sorted(strata)]


def _resamples(
    strata: list[list[npt.NDArray[np.int64]]], n_resamples: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    single = all(len(unit) == 1 for units in strata for unit in units)
    flat = [np.concatenate(units) for units in strata] if single else []  # the same draws, without a list of arrays
    for _ in range(n_resamples):
        if single:
            yield np.concatenate([units[rng.integers(len(units), size=len(units))] for units in flat])
        else:
            yield np.concatenate([units[i] for units in strata for i in rng.integers(len(units), size=len(units))])
