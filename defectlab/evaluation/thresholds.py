"""From a ranking to a decision: the best-F1 threshold, and where it was chosen.

The papers choose the threshold on the test set that they then report (protocol ``test_best_f1``): precision and recall
are those of an oracle. A plant has no test labels; ``validation_best_f1`` chooses on data that training may see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from defectlab.evaluation.inputs import as_ranking
from defectlab.evaluation.ranking import PrecisionRecallCurve, precision_recall_curve

Protocol = Literal["test_best_f1", "validation_best_f1", "given"]


@dataclass(frozen=True)
class F1Convention:
    """How a released code finds its threshold.

    Attributes:
        name: what it is called in tables.
        epsilon: added to ``P + R`` in the denominator of F1, at least 0. With 0 the counts are used, so that equal F1
            are equal numbers and the first maximum is well defined.
        midpoint: the threshold lies halfway to the next lower score and decisions are ``score > threshold``;
            otherwise it is a score and decisions are ``score >= threshold``. Both flag the same images of the set it
            was chosen on; on other images they differ.
    """

    name: str
    epsilon: float
    midpoint: bool

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon < 1e-3:
            raise ValueError(f"epsilon must lie in [0, 1e-3), got {self.epsilon}: it only guards against 0 / 0")


EXACT = F1Convention("exact", 0.0, midpoint=False)
MIXED_SEGDEC = F1Convention("mixed_segdec", 1e-8, midpoint=False)
DIAG = F1Convention("diag", 1e-10, midpoint=True)


@dataclass(frozen=True)
class OperatingPoint:
    """What a detector does at one threshold.

    Attributes:
        protocol: where the threshold was chosen: ``"test_best_f1"`` (on the set it is reported on, as in the papers),
            ``"validation_best_f1"`` (honest) or ``"given"``.
        threshold: in units of the score.
        strict: decisions are ``score > threshold``; otherwise ``score >= threshold``.
        tp: defects found.
        fp: false alarms.
        fn: defects missed.
        tn: normals passed.
    """

    protocol: Protocol
    threshold: float
    strict: bool
    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def precision(self) -> float:
        """TP / (TP + FP) in [0, 1]; 0 where nothing was flagged."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def recall(self) -> float:
        """TP / (TP + FN) in [0, 1]."""
        return self.tp / (self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN) in [0, 1]."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn)

    @property
    def false_alarm_rate(self) -> float:
        """FP / (FP + TN) in [0, 1]; NaN where there is no normal image."""
        return self.fp / (self.fp + self.tn) if self.fp + self.tn else float("nan")


def best_f1_index(curve: PrecisionRecallCurve, convention: F1Convention = EXACT) -> int:
    """Position of the first (lowest) threshold with the largest F1.

    Args:
        curve: precision and recall, thresholds ascending.
        convention: gives epsilon.

    Returns:
        Index into ``curve.thresholds``.

    Source: mixed-segdec ``get_metrics`` (epsilon 1e-8); DIAG ``evaluate`` (1e-10, called F2 in its comment).
    """
    if convention.epsilon == 0:
        # F1 = 2 TP / (2 TP + FP + FN), with 2 TP + FP + FN = (TP + FP) + positives
        flagged = curve.true_positives + curve.false_positives
        return int(np.argmax(2 * curve.true_positives / (flagged + curve.n_positive)))
    p, r = curve.precision, curve.recall
    return int(np.argmax(2 * p * r / (p + r + convention.epsilon)))  # F = 2PR / (P + R + eps)


def best_f1_threshold(labels: npt.ArrayLike, scores: npt.ArrayLike, convention: F1Convention = EXACT) -> float:
    """Threshold with the largest F1 on these images.

    The released DIAG code wraps round to the highest score where the lowest one is best; here the midpoint then lies
    just below the lowest score, so that everything is flagged, as the curve says.

    Args:
        labels: shape ``(n,)``, 0 or 1, at least one 1.
        scores: shape ``(n,)``, finite, any range.
        convention: which code's rule.

    Returns:
        The threshold, in units of the score; to be used with ``strict=convention.midpoint``.

    Raises:
        ValueError: if labels or scores are unfit.
    """
    curve = precision_recall_curve(labels, scores)
    best = best_f1_index(curve, convention)
    upper = curve.thresholds[best]
    if not convention.midpoint:
        return float(upper)
    if best == 0:
        return float(np.nextafter(upper, -np.inf))
    lower = curve.thresholds[best - 1]
    middle = lower / 2 + upper / 2  # DIAG: (thr[ix] + thr[ix - 1]) / 2, without overflow
    return float(middle if lower <= middle < upper else lower)  # neighbouring floats have no midpoint


def operating_point(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    threshold: float,
    *,
    strict: bool = False,
    protocol: Protocol = "given",
) -> OperatingPoint:
    """Counts at a threshold.

    Args:
        labels: shape ``(n,)``, 0 or 1, at least one 1.
        scores: shape ``(n,)``, finite, any range.
        threshold: in units of the score; infinite flags all or nothing.
        strict: flag ``score > threshold`` instead of ``score >= threshold``.
        protocol: where the threshold comes from.

    Returns:
        The operating point.

    Raises:
        ValueError: if labels or scores are unfit, or the threshold is NaN.
    """
    positive, values = as_ranking(labels, scores)
    if np.isnan(threshold):
        raise ValueError("threshold must be a number, got NaN")
    flagged = values > threshold if strict else values >= threshold
    tp, fp = int((flagged & positive).sum()), int((flagged & ~positive).sum())
    fn = int(positive.sum()) - tp
    return OperatingPoint(protocol, float(threshold), strict, tp, fp, fn, len(positive) - tp - fp - fn)


def best_f1_on_test(labels: npt.ArrayLike, scores: npt.ArrayLike, convention: F1Convention = EXACT) -> OperatingPoint:
    """The papers' protocol, ``test_best_f1``: threshold chosen and reported on the same images, an oracle's choice.

    Args:
        labels: test labels, shape ``(n,)``.
        scores: test scores, shape ``(n,)``.
        convention: which code's rule.

    Returns:
        The operating point; precision and recall are those of the curve at the best F1.

    Raises:
        ValueError: if labels or scores are unfit.

    Source: mixed-segdec, In&Out and DIAG (papers' tables of precision and recall).
    """
    threshold = best_f1_threshold(labels, scores, convention)
    return operating_point(labels, scores, threshold, strict=convention.midpoint, protocol="test_best_f1")


def best_f1_from_validation(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    validation_labels: npt.ArrayLike,
    validation_scores: npt.ArrayLike,
    convention: F1Convention = DIAG,
) -> OperatingPoint:
    """The honest protocol, ``validation_best_f1``: threshold chosen on validation images, reported on test images.

    Args:
        labels: test labels, shape ``(n,)``.
        scores: test scores, shape ``(n,)``.
        validation_labels: shape ``(k,)``, at least one 1.
        validation_scores: shape ``(k,)``, of the same trained detector.
        convention: which code's rule; the midpoint is the fairer one here, as test scores fall between validation's.

    Returns:
        The operating point on the test images.

    Raises:
        ValueError: if any labels or scores are unfit.
    """
    threshold = best_f1_threshold(validation_labels, validation_scores, convention)
    return operating_point(labels, scores, threshold, strict=convention.midpoint, protocol="validation_best_f1")
