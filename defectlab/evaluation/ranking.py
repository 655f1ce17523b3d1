"""How well scores rank defects above normals: precision-recall curve, average precision, AUROC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from defectlab.evaluation.inputs import Labels, Scores, as_ranking

Definition = Literal["step", "trapezoid"]
"""``"step"``: scikit-learn's and DIAG's; ``"trapezoid"``: KSDD2 / mixed-segdec convention, probably In&Out's."""


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision and recall at every distinct score, thresholds ascending.

    Attributes:
        precision: float64, shape ``(k + 1,)``, in [0, 1]; the last value, 1, belongs to no threshold.
        recall: float64, shape ``(k + 1,)``, in [0, 1], falling; the last value is 0.
        thresholds: float64, shape ``(k,)``, the distinct scores, rising; ``score >= threshold`` means defective.
        true_positives: int64, shape ``(k,)``, at each threshold.
        false_positives: int64, shape ``(k,)``, at each threshold.
        n_positive: number of defective images.
        n_negative: number of normal images.
    """

    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]
    true_positives: npt.NDArray[np.int64]
    false_positives: npt.NDArray[np.int64]
    n_positive: int
    n_negative: int

    @property
    def base_rate(self) -> float:
        """Share of positives: the precision, and the step AP, of a constant score."""
        return self.n_positive / (self.n_positive + self.n_negative)


def precision_recall_curve(labels: npt.ArrayLike, scores: npt.ArrayLike) -> PrecisionRecallCurve:
    """Precision and recall at every distinct score.

    Args:
        labels: shape ``(n,)``, 0 or 1, at least one 1.
        scores: shape ``(n,)``, finite, any range.

    Returns:
        The curve, in scikit-learn's order: thresholds ascending, then the point (recall 0, precision 1).

    Raises:
        ValueError: if labels or scores are unfit, see `defectlab.evaluation.inputs.as_ranking`.

    Source: Davis and Goadrich 2006; order of `sklearn.metrics.precision_recall_curve`.
    """
    positive, values = as_ranking(labels, scores)
    thresholds, tp, fp = _counts(positive, values)
    n_positive = int(positive.sum())
    precision = np.append((tp / (tp + fp))[::-1], 1.0)  # P = TP / (TP + FP)
    recall = np.append((tp / n_positive)[::-1], 0.0)  # R = TP / (TP + FN)
    n_negative = len(positive) - n_positive
    return PrecisionRecallCurve(precision, recall, thresholds[::-1], tp[::-1], fp[::-1], n_positive, n_negative)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike, definition: Definition = "step") -> float:
    """Area under the precision-recall curve.

    Say the definition beside the number. With continuous scores they differ by less than .01; with tied scores the
    trapezoid draws a line that no threshold reaches and is far too high (constant scores: above one half, where the
    step gives the base rate).

    Args:
        labels: shape ``(n,)``, 0 or 1, at least one 1.
        scores: shape ``(n,)``, finite, any range.
        definition: ``"step"`` as in scikit-learn and DIAG's released code; ``"trapezoid"`` as in the evaluation of
            KSDD2 (mixed-segdec), which In&Out modified.

    Returns:
        Average precision in [0, 1].

    Raises:
        ValueError: if the definition is unknown, or labels or scores are unfit.

    Source: `sklearn.metrics.average_precision_score`; Božič et al. 2021 (mixed-segdec), ``get_metrics``.
    """
    if definition not in get_args(Definition):
        raise ValueError(f"definition must be 'step' or 'trapezoid', got {definition!r}")
    curve = precision_recall_curve(labels, scores)
    gain = -np.diff(curve.recall)
    if definition == "step":
        return float(gain @ curve.precision[:-1])  # AP = sum_k (R_k - R_{k-1}) P_k
    return float(gain @ (curve.precision[:-1] + curve.precision[1:]) / 2)  # sum_k (R_k - R_{k-1}) (P_k + P_{k-1}) / 2


def auroc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Probability that a defective image scores above a normal one; a tie counts one half.

    Args:
        labels: shape ``(n,)``, 0 or 1, both present.
        scores: shape ``(n,)``, finite, any range.

    Returns:
        Area under the ROC curve in [0, 1]; 0.5 for constant scores.

    Raises:
        ValueError: if labels or scores are unfit, or no label is 0.

    Source: Mann and Whitney 1947; Hanley and McNeil 1982.
    """
    positive, values = as_ranking(labels, scores)
    if positive.all():
        raise ValueError(f"labels hold no negative among {len(positive)}: AUROC compares defects with normals")
    _, tp, fp = _counts(positive, values)
    won = np.diff(tp, prepend=0)  # positives at each distinct score
    met = np.diff(fp, prepend=0)  # negatives at each distinct score
    # U = sum over scores of negatives x (positives above + half the positives tied); twice U is an integer
    twice_u = np.sum(met * (2 * tp - won))
    return float(twice_u / (2 * tp[-1] * fp[-1]))


def _counts(positive: Labels, scores: Scores) -> tuple[Scores, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct scores, falling, and the true and false positives at each: ties enter together."""
    order = np.argsort(scores, kind="stable")[::-1]
    ranked = scores[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    tp = np.cumsum(positive[order], dtype=np.int64)[last_of_tie]
    return ranked[last_of_tie], tp, 1 + last_of_tie - tp
