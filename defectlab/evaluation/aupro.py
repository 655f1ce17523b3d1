"""AUPRO: area under the per-region overlap against the false positive rate, exact, as MVTec AD defines it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from defectlab.evaluation.maps import Maps
from defectlab.evaluation.pixel_table import PixelTable, Reals, pixel_table, require_fpr

FPR_LIMIT = 0.3
"""False positive rate up to which MVTec AD integrates."""


@dataclass(frozen=True)
class ProCurve:
    """Mean overlap of the regions against the false positive rate; the points in between lie on straight lines.

    Attributes:
        fpr: float64, shape ``(p,)``, in [0, 1], rising from 0 to 1: flagged share of all normal pixels.
        pro: float64, shape ``(p,)``, in [0, 1], rising from 0 to 1: flagged share of a region, mean over all regions.
        n_regions: connected regions of all masks.
        n_normal: normal pixels of all images.
    """

    fpr: Reals
    pro: Reals
    n_regions: int
    n_normal: int

    def at(self, fpr: float) -> float:
        """Overlap at a false positive rate, the highest where the curve rises upright there."""
        return float(np.interp(fpr, self.fpr, self.pro))


def aupro(masks: Maps, scores: Maps, fpr_limit: float = FPR_LIMIT) -> float:
    """Area under the PRO curve up to a false positive rate, divided by that rate; exact.

    Regions join at corners (8-connected) and are pooled over all images, each with the same weight whatever its size;
    the false positive rate is over the normal pixels of all images, good images and those of defective images alike.
    Every distinct score is a threshold, ties enter together, and the curve is cut at exactly ``fpr_limit``. Other
    definitions in use give other numbers, see `defectlab.evaluation.aupro_definitions`.

    Args:
        masks: ``(n, H, W)`` or n arrays ``(H, W)``; bool, or 0 with 1 or 255; at least one defect pixel and one normal.
        scores: as ``masks``, finite, any range.
        fpr_limit: in (0, 1].

    Returns:
        AUPRO in [0, 1]; ``fpr_limit / 2`` for constant scores.

    Raises:
        TypeError: if a map is no array of real numbers.
        ValueError: if the limit, masks or scores are unfit, see `defectlab.evaluation.maps.as_maps`.

    Source: Bergmann et al. 2021 (MVTec AD, IJCV), section 5.1 and the evaluation code released with it.
    """
    require_fpr("fpr_limit", fpr_limit)
    return area_under_pro(pixel_table(masks, scores, max_fpr=fpr_limit), fpr_limit)


def pro_curve(masks: Maps, scores: Maps) -> ProCurve:
    """The PRO curve with a corner wherever it bends, exact.

    Args:
        masks: as in `aupro`.
        scores: as in `aupro`.

    Returns:
        The curve from (0, 0) to (1, 1).

    Raises:
        TypeError: as in `aupro`.
        ValueError: as in `aupro`.
    """
    table = pixel_table(masks, scores)
    after = np.minimum(np.cumsum(table.overlap) / table.n_regions, 1.0)  # a sum of shares may exceed 1 by rounding
    before = np.concatenate([[0.0], after[:-1]])
    # at each defect score the curve is at (normals above, overlap so far) and goes straight to (with ties, overlap)
    fpr = np.stack([table.above, table.above + table.tied], axis=1).ravel() / table.n_normal
    pro = np.stack([before, after], axis=1).ravel()
    ends = np.concatenate([[0.0], fpr, [1.0]]), np.concatenate([[0.0], pro, [1.0]])
    return ProCurve(*ends, n_regions=table.n_regions, n_normal=table.n_normal)


def area_under_pro(table: PixelTable, fpr_limit: float = FPR_LIMIT) -> float:
    """AUPRO of a table of counts.

    A defect pixel raises the curve by its share of its region from where it is flagged to the limit; where it ties
    with normal pixels, it does so along a straight line from ``a`` to ``b``.

    Raises:
        ValueError: if the limit is not in (0, 1] or the table ends before it.
    """
    require_fpr("fpr_limit", fpr_limit)
    if fpr_limit > table.max_fpr:
        raise ValueError(f"the table ends at a false positive rate of {table.max_fpr}, before the limit {fpr_limit}")
    a = table.above / table.n_normal
    b = (table.above + table.tied) / table.n_normal
    rise = np.minimum(b, fpr_limit) - np.minimum(a, fpr_limit)
    slope = np.divide(1.0, b - a, out=np.zeros_like(a), where=b > a)
    # where [v] = min(v, L): integral over [0, L] of min(max((x - a) / (b - a), 0), 1) dx
    #     = L - [b] + ([b] - [a])^2 / (2 (b - a))
    area = fpr_limit - np.minimum(b, fpr_limit) + rise**2 * slope / 2
    return min(float(table.overlap @ area) / (table.n_regions * fpr_limit), 1.0)
