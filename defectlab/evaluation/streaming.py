"""Localisation metrics of any number of images in bounded memory, each with limits that hold the exact value.

Scores are counted in bins, and scores of a bin count as tied. Within a bin the order of defect and normal pixels is
unknown; the exact value lies between that of the worst order (all normals first) and of the best (all defects first).
Both follow from the counts, so that every number comes with its own limits instead of a promise about the bins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma

from defectlab.evaluation.aupro import FPR_LIMIT, area_under_pro
from defectlab.evaluation.localisation import area_under_roc, table_average_precision, table_best_f1
from defectlab.evaluation.maps import Maps, as_maps
from defectlab.evaluation.pixel_table import PixelTable, require_fpr
from defectlab.evaluation.score_histogram import ScoreHistogram
from defectlab.evaluation.thresholds import OperatingPoint

ROUNDING = 1e-12
"""By how much sums of shares may differ with their order; the limits are widened by it."""


@dataclass(frozen=True)
class Bounded:
    """A number with limits between which the exact one lies.

    Attributes:
        value: with the scores of a bin as ties.
        lower: the exact value is not below.
        upper: the exact value is not above.
    """

    value: float
    lower: float
    upper: float

    @property
    def error(self) -> float:
        """Largest possible distance between ``value`` and the exact number."""
        return max(self.upper - self.value, self.value - self.lower)


@dataclass(frozen=True)
class StreamedLocalisation:
    """As `defectlab.evaluation.localisation.Localisation`, from counts in bins.

    Attributes:
        auroc: pixel AUROC.
        average_precision: step-wise pixel average precision.
        f1: the largest pixel F1.
        best_f1: the edge of a bin with the largest F1; its counts are exact.
        aupro: up to ``fpr_limit``.
        fpr_limit: where the AUPRO ends.
        resolution: width of a bin, in units of the score.
        n_images: images, good ones included.
        n_regions: connected defect regions.
        n_defect: defect pixels.
        n_normal: normal pixels.
    """

    auroc: Bounded
    average_precision: Bounded
    f1: Bounded
    best_f1: OperatingPoint
    aupro: Bounded
    fpr_limit: float
    resolution: float
    n_images: int
    n_regions: int
    n_defect: int
    n_normal: int


class StreamingLocalisation:
    """Takes images as they come, keeps three arrays of ``bins`` numbers, and gives the metrics at any time.

    The result depends neither on the order of the images nor on how they are split into batches or workers
    (`merge`), sums of shares up to rounding.

    Args:
        bins: number of bins, at least 2; between half of them and all are used. With 65536, 1.5 MB are kept.
        fpr_limit: false positive rate in (0, 1] up to which AUPRO integrates.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(self, bins: int = 65536, fpr_limit: float = FPR_LIMIT) -> None:
        require_fpr("fpr_limit", fpr_limit)
        self.fpr_limit = fpr_limit
        self.histogram = ScoreHistogram(bins)

    def update(self, masks: Maps, scores: Maps) -> None:
        """Counts the pixels of some whole images.

        Args:
            masks: ``(n, H, W)`` or n arrays ``(H, W)``; bool, or 0 with 1 or 255; they may all be empty.
            scores: as ``masks``, finite, any range.

        Raises:
            TypeError: if a map is no array of real numbers.
            ValueError: if masks or scores are unfit, see `defectlab.evaluation.maps.as_maps`; nothing is counted then.
        """
        for mask, score in zip(*as_maps(masks, scores), strict=True):
            self.histogram.add(mask, score)

    def merge(self, other: StreamingLocalisation) -> None:
        """Adds the images that another one has counted, such as another worker's.

        Raises:
            ValueError: if it has other bins.
        """
        self.histogram.merge(other.histogram)

    def compute(self) -> StreamedLocalisation:
        """The metrics of the images so far.

        Raises:
            ValueError: if no pixel so far is defective or none is normal.
        """
        table = self.histogram.table()
        worst = replace(table, above=table.above + table.tied, tied=np.zeros_like(table.tied))
        best = replace(table, tied=np.zeros_like(table.tied))
        point = table_best_f1(table)
        return StreamedLocalisation(
            auroc=_bounded(area_under_roc(table), area_under_roc(worst), area_under_roc(best)),
            average_precision=_bounded(
                table_average_precision(table), _worst_average_precision(table), table_average_precision(best)
            ),
            f1=_bounded(point.f1, point.f1, table_best_f1(best).f1),
            best_f1=point,
            aupro=_bounded(*(area_under_pro(each, self.fpr_limit) for each in (table, worst, best))),
            fpr_limit=self.fpr_limit,
            resolution=self.histogram.resolution,
            n_images=self.histogram.n_images,
            n_regions=table.n_regions,
            n_defect=table.n_defect,
            n_normal=table.n_normal,
        )


def _bounded(value: float, lower: float, upper: float) -> Bounded:
    return Bounded(value, max(lower - ROUNDING, 0.0), min(upper + ROUNDING, 1.0))


def _worst_average_precision(table: PixelTable) -> float:
    """Average precision where in every bin the normals come first and then the defects one by one.

    With T defects and F normals flagged once the bin's normals are, the m defects of the bin have precisions
    (T + j) / (T + j + F), j = 1 to m; their sum is m - F (psi(T + F + m + 1) - psi(T + F + 1)), psi being digamma.
    """
    before = np.cumsum(table.defects) - table.defects
    flagged = (table.above + table.tied).astype(np.float64)
    start = before + flagged + 1
    missing = flagged * (digamma(start + table.defects) - digamma(start))
    return float((table.defects - missing).sum() / table.n_defect)
