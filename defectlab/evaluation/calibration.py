"""Whether a score is a probability: reliability, calibration error, and two repairs, of the prior and of the scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from defectlab.evaluation.inputs import as_ranking

Floats = npt.NDArray[np.float64]
COLDEST, HOTTEST = 0.05, 50.0
"""Temperatures that are looked at: where logits part the classes without an error the best one would be zero."""


@dataclass(frozen=True)
class Reliability:
    """Images by predicted probability, in bins of equal width that are not empty.

    Attributes:
        count: int64, shape ``(k,)``, images in the bin.
        confidence: float64, shape ``(k,)``, mean predicted probability of a defect.
        frequency: float64, shape ``(k,)``, share of defective images.
    """

    count: npt.NDArray[np.int64]
    confidence: Floats
    frequency: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: mean gap between confidence and frequency, weighed by images; in [0, 1]."""
        return float(self.count @ np.abs(self.frequency - self.confidence) / self.count.sum())  # Eq. ECE


def reliability(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = 10) -> Reliability:
    """Predicted against observed shares.

    Args:
        labels: shape ``(n,)``, 0 or 1, at least one 1.
        probabilities: shape ``(n,)``, of a defect, in [0, 1].
        bins: of equal width.

    Raises:
        ValueError: if labels or probabilities are unfit, or there is no bin.

    Source: Guo et al. 2017, section 2, with the probability of a defect as confidence (as torchmetrics does for two
    classes) and not that of the class chosen.
    """
    positive, predicted = _probabilities(labels, probabilities)
    if bins < 1:
        raise ValueError(f"bins: expected at least 1, got {bins}")
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    means = [np.bincount(place, values, bins)[filled] / count[filled] for values in (predicted, positive)]
    return Reliability(count[filled], means[0], means[1])


def calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = 10) -> float:
    """Expected calibration error; see `Reliability.error`."""
    return reliability(labels, probabilities, bins).error


def calibration_floor(probabilities: npt.ArrayLike, bins: int = 10, repeats: int = 200, seed: int = 0) -> float:
    """Mean calibration error of labels that really are drawn with these probabilities: above zero, for bins are small.

    Args:
        probabilities: shape ``(n,)``, in [0, 1].
        bins: as in `calibration_error`.
        repeats: draws of all labels.
        seed: of the draws.
    """
    predicted = np.asarray(probabilities, dtype=float)
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    drawn = np.random.default_rng(seed).random((repeats, len(predicted))) < predicted
    gaps = np.stack([np.bincount(place, labels - predicted, bins) for labels in drawn])
    return float(np.abs(gaps).sum(1).mean() / len(predicted))


def brier_score(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Mean squared distance of probability and label, in [0, 1].

    Source: Brier 1950, in the form for two classes.
    """
    positive, predicted = _probabilities(labels, probabilities)
    return float(np.mean((predicted - positive) ** 2))  # Eq. Brier


def log_loss(labels: npt.ArrayLike, logits: npt.ArrayLike) -> float:
    """Mean negative logarithm of the probability given to the label, at least 0; from logits, so it never overflows."""
    positive, values = as_ranking(labels, logits)
    return float(np.mean(np.logaddexp(0, np.where(positive, -values, values))))


def prior_shift(learnt: float, met: float) -> float:
    """What is added to a logit when defects are met at another rate than they were learnt at.

    Args:
        learnt: share of defective images among those that training drew, in (0, 1).
        met: share where the detector is used, in (0, 1).

    Raises:
        ValueError: if a share is not inside (0, 1).

    Source: Saerens et al. 2002, Eq. 4, for two classes.
    """
    for name, share in {"learnt": learnt, "met": met}.items():
        if not 0 < share < 1:
            raise ValueError(f"{name}: expected a share inside (0, 1), got {share}")
    return float(logit(met) - logit(learnt))  # Eq. prior shift


def fit_temperature(labels: npt.ArrayLike, logits: npt.ArrayLike, shift: float = 0.0) -> float:
    """The temperature ``T`` at which ``sigmoid(logit / T + shift)`` gives the labels the highest probability.

    Args:
        labels: shape ``(n,)``, 0 or 1, of images that were neither trained nor tested on.
        logits: shape ``(n,)``.
        shift: of `prior_shift`, from training to these images.

    Returns:
        Between `COLDEST` and `HOTTEST`; above 1 the classifier was too sure of itself.

    Source: Guo et al. 2017, section 4.2; the shift is ours.
    """
    positive, values = as_ranking(labels, logits)
    found = minimize_scalar(
        lambda log_t: log_loss(positive, values / math.exp(log_t) + shift),  # Eq. temperature
        bounds=(math.log(COLDEST), math.log(HOTTEST)),
        method="bounded",
    )
    return float(math.exp(found.x))


def probability(logits: npt.ArrayLike, temperature: float = 1.0, shift: float = 0.0) -> Floats:
    """``sigmoid(logit / T + shift)``, float64 of the shape of the logits."""
    return np.asarray(expit(np.asarray(logits, dtype=float) / temperature + shift))


def _probabilities(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], Floats]:
    positive, predicted = as_ranking(labels, probabilities)
    outside = (predicted < 0) | (predicted > 1)
    if outside.any():
        at = int(outside.argmax())
        raise ValueError(f"probabilities must lie in [0, 1], got {predicted[at]} at position {at}: pass no logits")
    return positive, predicted
