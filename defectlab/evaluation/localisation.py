"""How well anomaly maps locate defects: pixel AUROC, pixel average precision, best F1 and AUPRO, exact.

The pixels of all images are pooled. Scores are never rescaled; each number is free of the range of the scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from defectlab.evaluation.aupro import FPR_LIMIT, area_under_pro
from defectlab.evaluation.maps import Maps, as_maps
from defectlab.evaluation.pixel_table import PixelTable, pixel_table, require_fpr
from defectlab.evaluation.thresholds import OperatingPoint


@dataclass(frozen=True)
class Localisation:
    """The localisation metrics of one category, with what is needed to read them.

    Attributes:
        auroc: pixel AUROC in [0, 1]: probability that a defect pixel scores above a normal one, ties one half.
        average_precision: step-wise pixel average precision in [0, 1], scikit-learn's.
        best_f1: the threshold on pixels with the largest F1, chosen on this very set (an oracle's), with its counts.
        aupro: as `defectlab.evaluation.aupro.aupro`, in [0, 1].
        fpr_limit: where the AUPRO ends.
        n_images: images, good ones included.
        n_regions: 8-connected defect regions.
        n_defect: defect pixels.
        n_normal: normal pixels.
    """

    auroc: float
    average_precision: float
    best_f1: OperatingPoint
    aupro: float
    fpr_limit: float
    n_images: int
    n_regions: int
    n_defect: int
    n_normal: int


def localisation_metrics(masks: Maps, scores: Maps, fpr_limit: float = FPR_LIMIT) -> Localisation:
    """All localisation metrics from one sorting of the pixels.

    Args:
        masks: ``(n, H, W)`` or n arrays ``(H, W)``; bool, or 0 with 1 or 255; at least one defect pixel and one normal.
        scores: as ``masks``, finite, any range; higher means more defective.
        fpr_limit: false positive rate in (0, 1] up to which AUPRO integrates.

    Returns:
        The metrics.

    Raises:
        TypeError: if a map is no array of real numbers.
        ValueError: if the limit, masks or scores are unfit, see `defectlab.evaluation.maps.as_maps`.
    """
    require_fpr("fpr_limit", fpr_limit)
    mask_list, score_list = as_maps(masks, scores)
    table = pixel_table(mask_list, score_list)
    return Localisation(
        auroc=area_under_roc(table),
        average_precision=table_average_precision(table),
        best_f1=table_best_f1(table),
        aupro=area_under_pro(table, fpr_limit),
        fpr_limit=fpr_limit,
        n_images=len(mask_list),
        n_regions=table.n_regions,
        n_defect=table.n_defect,
        n_normal=table.n_normal,
    )


def pixel_auroc(masks: Maps, scores: Maps) -> float:
    """Probability that a defect pixel scores above a normal one, over all images; a tie counts one half.

    Args:
        masks: as in `localisation_metrics`.
        scores: as in `localisation_metrics`.

    Returns:
        Area under the pixel ROC curve in [0, 1].

    Raises:
        TypeError: as in `localisation_metrics`.
        ValueError: as in `localisation_metrics`.

    Source: Mann and Whitney 1947.
    """
    return area_under_roc(pixel_table(masks, scores))


def pixel_average_precision(masks: Maps, scores: Maps) -> float:
    """Area under the pixel precision-recall curve by steps, over all images.

    Args:
        masks: as in `localisation_metrics`.
        scores: as in `localisation_metrics`.

    Returns:
        Average precision in [0, 1]; the share of defect pixels for constant scores.

    Raises:
        TypeError: as in `localisation_metrics`.
        ValueError: as in `localisation_metrics`.

    Source: `sklearn.metrics.average_precision_score`.
    """
    return table_average_precision(pixel_table(masks, scores))


def pixel_best_f1(masks: Maps, scores: Maps) -> OperatingPoint:
    """The lowest threshold with the largest pixel F1, chosen on this very set: what an oracle would reach.

    Args:
        masks: as in `localisation_metrics`.
        scores: as in `localisation_metrics`.

    Returns:
        Threshold (``score >= threshold`` is defect) and counts of pixels.

    Raises:
        TypeError: as in `localisation_metrics`.
        ValueError: as in `localisation_metrics`.
    """
    return table_best_f1(pixel_table(masks, scores))


def area_under_roc(table: PixelTable) -> float:
    """Pixel AUROC of a complete table of counts."""
    _require_complete(table)
    below = table.n_normal - table.above - table.tied
    # U = sum over defect pixels of normals below + half the normals tied; twice U is an integer
    twice_u = int(table.defects @ (2 * below + table.tied))
    return twice_u / (2 * table.n_defect * table.n_normal)


def table_average_precision(table: PixelTable) -> float:
    """Step-wise pixel average precision of a complete table of counts."""
    _require_complete(table)
    tp = np.cumsum(table.defects)
    precision = tp / (tp + table.above + table.tied)
    area = float(table.defects @ precision) / table.n_defect  # AP = sum_k (R_k - R_{k-1}) P_k
    return min(area, 1.0)


def table_best_f1(table: PixelTable) -> OperatingPoint:
    """Best pixel F1 of a complete table of counts; it always lies at the score of a defect pixel."""
    _require_complete(table)
    tp, fp = np.cumsum(table.defects), table.above + table.tied
    f1 = 2 * tp / (tp + fp + table.n_defect)  # F1 = 2 TP / (2 TP + FP + FN)
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))  # of equal F1 the lowest threshold, as in best_f1_index
    found, alarms = int(tp[best]), int(fp[best])
    return OperatingPoint(
        protocol="test_best_f1",
        threshold=float(table.scores[best]),
        strict=False,
        tp=found,
        fp=alarms,
        fn=table.n_defect - found,
        tn=table.n_normal - alarms,
    )


def _require_complete(table: PixelTable) -> None:
    if table.max_fpr < 1:
        raise ValueError(f"the table ends at a false positive rate of {table.max_fpr}; this metric needs all of it")
