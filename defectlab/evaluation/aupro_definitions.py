"""The other numbers that are called AUPRO: what the released codes compute, by name, so that the difference shows.

Only ``mvtec_ad`` is the metric; the others are here to read published tables, see `aupro_by_definition`. anomalib from
2.3 on computes ``mvtec_ad``; before, it resampled one curve a region, which agrees to about 1e-5 on ordinary maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from defectlab.choices import unknown_choice
from defectlab.evaluation.aupro import FPR_LIMIT, area_under_pro
from defectlab.evaluation.maps import Maps, Mask, ScoreMap, as_maps
from defectlab.evaluation.pixel_table import Reals, defect_pixels, pixel_table, require_both, require_fpr

THRESHOLDS = 200
DILATION = 5

Form = Callable[[list[Mask], list[ScoreMap], float], float]


@dataclass(frozen=True)
class Definition:
    """One way to compute a number called AUPRO.

    Attributes:
        form: from masks, maps and the FPR limit to the number.
        differs: what differs from the metric of MVTec AD, in words.
        used_by: codes that compute it.
    """

    form: Form
    differs: str
    used_by: str


def aupro_by_definition(masks: Maps, scores: Maps, name: str = "mvtec_ad", fpr_limit: float = FPR_LIMIT) -> float:
    """A number called AUPRO, as one of the codes in use computes it.

    Args:
        masks: as in `defectlab.evaluation.aupro.aupro`.
        scores: likewise.
        name: one of `DEFINITIONS`.
        fpr_limit: in (0, 1]; ``no_limit`` pays no heed to it.

    Returns:
        The number. NaN where a form with 200 thresholds finds no false positive rate between 0 and the limit, for it
        divides by the largest of them.

    Raises:
        TypeError: if a map is no array of real numbers.
        ValueError: if the name is unknown, or masks, scores or the limit are unfit.
    """
    if name not in DEFINITIONS:
        raise unknown_choice("definition of AUPRO", name, DEFINITIONS)
    require_fpr("fpr_limit", fpr_limit)
    mask_list, score_list = as_maps(masks, scores)
    n_defect = sum(int(mask.sum()) for mask in mask_list)
    require_both(n_defect, sum(mask.size for mask in mask_list) - n_defect)
    return DEFINITIONS[name].form(mask_list, score_list, fpr_limit)


def aupro_by_every_definition(masks: Maps, scores: Maps, fpr_limit: float = FPR_LIMIT) -> dict[str, float]:
    """Every number called AUPRO of the same maps, by name; see `aupro_by_definition`."""
    mask_list, score_list = as_maps(masks, scores)
    return {name: aupro_by_definition(mask_list, score_list, name, fpr_limit) for name in DEFINITIONS}


def _mvtec_ad(masks: list[Mask], scores: list[ScoreMap], fpr_limit: float) -> float:
    return area_under_pro(pixel_table(masks, scores, max_fpr=fpr_limit), fpr_limit)


def _four_connected(masks: list[Mask], scores: list[ScoreMap], fpr_limit: float) -> float:
    return area_under_pro(pixel_table(masks, scores, max_fpr=fpr_limit, connectivity=4), fpr_limit)


def _no_limit(masks: list[Mask], scores: list[ScoreMap], fpr_limit: float) -> float:
    return area_under_pro(pixel_table(masks, scores), 1.0)


def _mvtec_3d(masks: list[Mask], scores: list[ScoreMap], fpr_limit: float) -> float:
    """100 thresholds at even steps through the sorted normal pixels, and straight lines between."""
    normal = np.sort(_normal_pixels(masks, scores))
    position = np.linspace(0, len(normal) - 1, num=100, dtype=int)[::-1]
    fpr = np.append(1 - (position + 1) / len(normal), 1.0)
    pro = np.append(_overlap_above(masks, scores, normal[position]), 1.0)
    kept = fpr < fpr_limit
    fpr, pro = np.append(fpr[kept], fpr_limit), np.append(pro[kept], _interpolate(fpr_limit, fpr, pro))
    return float(np.trapezoid(pro, fpr) / fpr_limit)


def _pooled_200(masks: list[Mask], scores: list[ScoreMap], fpr_limit: float) -> float:
    fpr, pro = _curve_200(masks, scores, scores)
    kept = fpr < fpr_limit
    return _stretched(fpr[kept], pro[kept])


def _rd4ad(masks: list[Mask], scores: list[ScoreMap], fpr_limit: float) -> float:
    """The mean over defective images of the area of each one's own curve."""
    areas = [
        _pooled_200([mask], [score], fpr_limit) if not mask.all() else np.nan
        for mask, score in zip(masks, scores, strict=True)
        if mask.any()
    ]
    return float(np.mean(areas))


def _glass(masks: list[Mask], scores: list[ScoreMap], fpr_limit: float) -> float:
    """Overlap of the decision dilated by 5 x 5 pixels, false positives of the decision as it is."""
    # dilating the decision at every threshold is the decision on the maximum over 5 x 5 pixels
    dilated = [maximum_filter(score, DILATION, mode="nearest") for score in scores]
    fpr, pro = _curve_200(masks, scores, dilated)
    kept = fpr < fpr_limit
    return _stretched(fpr[kept] - fpr[-1], pro[kept])  # falling: the last is the smallest


def _curve_200(masks: list[Mask], scores: list[ScoreMap], overlapping: list[ScoreMap]) -> tuple[Reals, Reals]:
    """FPR and overlap at 200 thresholds at even steps from the lowest score up; FPR falling."""
    low, high = min(float(s.min()) for s in scores), max(float(s.max()) for s in scores)
    thresholds = low + (high - low) / THRESHOLDS * np.arange(THRESHOLDS)
    normal = _normal_pixels(masks, scores)
    # pixels above threshold j are those whose first threshold not below them is a later one
    step = np.bincount(np.searchsorted(thresholds, normal, side="left"), minlength=THRESHOLDS + 1)
    fpr = 1 - np.cumsum(step)[:-1] / len(normal)
    return fpr, _overlap_above(masks, overlapping, thresholds)


def _overlap_above(masks: list[Mask], scores: list[ScoreMap], thresholds: np.ndarray) -> Reals:
    """Mean over the regions of the share strictly above each threshold."""
    values, shares, n_regions = defect_pixels(masks, scores)
    order = np.argsort(values)
    below = np.append(0.0, np.cumsum(shares[order]))[np.searchsorted(values[order], thresholds, side="right")]
    return np.maximum(1 - below / n_regions, 0.0)


def _normal_pixels(masks: list[Mask], scores: list[ScoreMap]) -> np.ndarray:
    return np.concatenate([score[~mask] for mask, score in zip(masks, scores, strict=True)])


def _stretched(fpr: Reals, pro: Reals) -> float:
    """Area of what was kept of a curve, FPR falling, its largest FPR taken for 1."""
    if not len(fpr) or fpr[0] == 0:
        return float("nan")
    return float(-np.trapezoid(pro, fpr / fpr[0]))


def _interpolate(x: float, xs: Reals, ys: Reals) -> float:
    """The curve at x, where xs rise and may repeat."""
    right = int(np.searchsorted(xs, x, side="left"))
    left = right - 1
    return float(ys[left] + (ys[right] - ys[left]) * (x - xs[left]) / (xs[right] - xs[left]))


DEFINITIONS: Mapping[str, Definition] = {
    "mvtec_ad": Definition(
        _mvtec_ad, "nothing: exact, 8-connected regions, cut at the limit", "MVTec AD, anomalib >= 2.3"
    ),
    "four_connected": Definition(
        _four_connected,
        "pixels that touch at a corner are regions of their own",
        "codes on scipy.ndimage.label's default",
    ),
    "mvtec_3d": Definition(_mvtec_3d, "100 thresholds over all false positive rates", "MVTec 3D-AD, AnomalyDiffusion"),
    "pooled_200": Definition(
        _pooled_200,
        "200 thresholds; the last segment before the limit dropped and the rest stretched",
        "Dinomaly, CFLOW-AD",
    ),
    "rd4ad": Definition(
        _rd4ad, "as pooled_200, but one curve an image with its own false positive rate, then their mean", "RD4AD"
    ),
    "glass": Definition(_glass, "as pooled_200, but the overlap is of the decision dilated by 5 x 5", "GLASS"),
    "no_limit": Definition(_no_limit, "integrated over all false positive rates", "MemSeg (unofficial), PyramidFlow"),
}
"""By name, the metric first."""
