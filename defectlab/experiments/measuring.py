"""Simulated detectors whose truth is known, to see what a test set can and cannot say of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from defectlab.evaluation import (
    auroc,
    average_precision,
    best_f1_from_validation,
    best_f1_on_test,
    bootstrap_interval,
    operating_point,
    paired_difference,
    precision_recall_curve,
)

_GRID = np.linspace(0, 1, 4001)[1:-1]  # recalls at which integrals over the curve are taken


def simulate_scores(
    rng: np.random.Generator, n_positive: int, n_negative: int, separation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a detector whose scores are normal in both classes, with unit deviation.

    Args:
        rng: draws the scores.
        n_positive: defective images, of mean score ``separation``.
        n_negative: normal images, of mean score 0.
        separation: in deviations.

    Returns:
        Labels int64 and scores float64, both ``(n_positive + n_negative,)``, defective images first.
    """
    labels = (np.arange(n_positive + n_negative) < n_positive).astype(np.int64)
    return labels, rng.standard_normal(len(labels)) + separation * labels


def rank_table(labels: Sequence[int], scores: Sequence[float]) -> pd.DataFrame:
    """One line a threshold, from the strictest down: what is flagged, precision, recall, gain of recall."""
    curve = precision_recall_curve(labels, scores)
    table = pd.DataFrame({
        "threshold": curve.thresholds,
        "TP": curve.true_positives,
        "FP": curve.false_positives,
        "precision": curve.precision[:-1],
        "recall": curve.recall[:-1],
        "gain of recall": -np.diff(curve.recall),
    })  # fmt: skip
    return table.iloc[::-1].reset_index(drop=True)


def true_average_precision(separation: float, base_rate: float) -> float:
    """Step AP of `simulate_scores` on infinitely many images.

    Args:
        separation: in deviations.
        base_rate: share of defective images, in (0, 1).
    """
    threshold = separation - norm.ppf(_GRID)  # the recall there is the grid's
    false_alarms = norm.sf(threshold)
    precision = base_rate * _GRID / (base_rate * _GRID + (1 - base_rate) * false_alarms)  # Eq. prevalence
    return float(precision.mean())


def by_base_rate(separation: float, base_rates: Sequence[float]) -> pd.DataFrame:
    """AP and AUROC of one detector where defects are rarer or more frequent: columns ``base_rate, metric, value``."""
    area = float(norm.cdf(separation / np.sqrt(2)))  # difference of two unit normals
    rows = [(rate, "AP", true_average_precision(separation, rate)) for rate in base_rates]
    rows += [(rate, "AUROC", area) for rate in base_rates]
    rows += [(rate, "AP of a constant score", rate) for rate in base_rates]
    return pd.DataFrame(rows, columns=["base_rate", "metric", "value"])


def best_f_beta(separation: float, base_rate: float, beta: float) -> dict[str, float]:
    """The best F-beta of `simulate_scores` on infinitely many images, and the threshold that reaches it.

    Returns:
        ``beta``, ``threshold``, ``precision``, ``recall``, ``f_beta`` and ``posterior``: the probability of a defect
        of an image that lies on the threshold.
    """
    threshold = separation - norm.ppf(_GRID)
    flagged = base_rate * _GRID + (1 - base_rate) * norm.sf(threshold)
    f = (1 + beta**2) * base_rate * _GRID / (beta**2 * base_rate + flagged)  # Eq. f-beta
    best = int(f.argmax())
    likelihoods = norm.pdf(threshold[best], [separation, 0])
    weighed = likelihoods * [base_rate, 1 - base_rate]
    return {
        "beta": beta,
        "threshold": float(threshold[best]),
        "precision": float(base_rate * _GRID[best] / flagged[best]),
        "recall": float(_GRID[best]),
        "f_beta": float(f[best]),
        "posterior": float(weighed[0] / weighed.sum()),
    }


def threshold_protocols(
    n_positives: Sequence[int], separation: float, base_rate: float, repeats: int, seed: int
) -> pd.DataFrame:
    """F1 at a threshold chosen on the test images, and at one chosen on as many validation images.

    Args:
        n_positives: defective images of the test set, and of the validation set, one after the other.
        separation: in deviations.
        base_rate: share of defective images in both.
        repeats: simulated pairs of sets, at least 4.
        seed: of the simulation.

    Returns:
        Columns ``n_positive, protocol, f1, low, high``: mean over the repeats and the middle 80 %.
    """
    rows: list[tuple[Any, ...]] = []
    for count in n_positives:
        rng = np.random.default_rng((seed, count))
        negatives = round(count * (1 - base_rate) / base_rate)
        found: dict[str, list[float]] = {"chosen on test": [], "chosen on validation": []}
        for _ in range(repeats):
            test = simulate_scores(rng, count, negatives, separation)
            validation = simulate_scores(rng, count, negatives, separation)
            found["chosen on test"].append(best_f1_on_test(*test).f1)
            found["chosen on validation"].append(best_f1_from_validation(*test, *validation).f1)
        rows += [(count, name, np.mean(f1), *np.quantile(f1, [0.1, 0.9])) for name, f1 in found.items()]
    return pd.DataFrame(rows, columns=["n_positive", "protocol", "f1", "low", "high"])


def bootstrap_behaviour(
    n_positives: Sequence[int], separation: float, base_rate: float, repeats: int, n_resamples: int, seed: int
) -> pd.DataFrame:
    """How wide bootstrap intervals of AP are, and how often they hold the truth.

    Args:
        n_positives: defective test images, one after the other.
        separation: in deviations.
        base_rate: share of defective images.
        repeats: simulated test sets a count.
        n_resamples: of each bootstrap.
        seed: of the simulation.

    Returns:
        Columns ``n_positive, half_width, coverage``; half the mean width, share of the intervals that hold the
        AP on infinitely many images.
    """
    truth = true_average_precision(separation, base_rate)
    rows: list[tuple[Any, ...]] = []
    for count in n_positives:
        rng = np.random.default_rng((seed, count))
        negatives = round(count * (1 - base_rate) / base_rate)
        intervals = [
            bootstrap_interval(
                average_precision, *simulate_scores(rng, count, negatives, separation),
                n_resamples=n_resamples, seed=int(rng.integers(2**31)),
            )
            for _ in range(repeats)
        ]  # fmt: skip
        half = np.mean([(interval.high - interval.low) / 2 for interval in intervals])
        rows.append((count, half, np.mean([interval.covers(truth) for interval in intervals])))
    return pd.DataFrame(rows, columns=["n_positive", "half_width", "coverage"])


def paired_and_unpaired(n_seeds: Sequence[int], shared: float, own: float, gap: float, seed: int) -> pd.DataFrame:
    """Intervals of a difference when both methods share their seeds, and when pairs are broken up.

    Args:
        n_seeds: seeds of a comparison, one after the other, each at least 2.
        shared: deviation of what a seed does to both methods alike, such as the split it draws.
        own: deviation of what it does to each of them apart.
        gap: true difference.
        seed: of the simulation.

    Returns:
        Columns ``n_seeds, pairing, difference, low, high, half_width``.
    """
    rows: list[tuple[Any, ...]] = []
    for count in n_seeds:
        rng = np.random.default_rng((seed, count))
        luck = shared * rng.standard_normal(count)
        a, b = luck + gap + own * rng.standard_normal(count), luck + own * rng.standard_normal(count)
        paired = paired_difference(dict(enumerate(a)), dict(enumerate(b))).t
        error = float(np.sqrt(a.var(ddof=1) / count + b.var(ddof=1) / count))
        half = float(student.ppf(0.975, 2 * count - 2)) * error
        mean = float(a.mean() - b.mean())
        rows.append((count, "paired", paired.value, paired.low, paired.high, (paired.high - paired.low) / 2))
        rows.append((count, "unpaired", mean, mean - half, mean + half, half))
    return pd.DataFrame(rows, columns=["n_seeds", "pairing", "difference", "low", "high", "half_width"])


def at_thresholds(labels: np.ndarray, scores: np.ndarray, thresholds: dict[str, float]) -> pd.DataFrame:
    """What a detector does at some thresholds: one line each, counts and rates."""
    points = {name: operating_point(labels, scores, value) for name, value in thresholds.items()}
    rows = [(name, p.threshold, p.tp, p.fp, p.fn, p.precision, p.recall, p.f1) for name, p in points.items()]
    return pd.DataFrame(rows, columns=["threshold for", "at", "TP", "FP", "FN", "precision", "recall", "F1"])


def summary(labels: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """The numbers that papers print of one detector, one line each."""
    both = {
        "AP (step)": average_precision(labels, scores),
        "AP (trapezoid)": average_precision(labels, scores, "trapezoid"),
    }
    values = {
        **both,
        "AUROC": auroc(labels, scores),
        "best F1, threshold from the test set": best_f1_on_test(labels, scores).f1,
    }
    return pd.DataFrame({"metric": list(values), "value": list(values.values())})
