"""What every localisation metric needs to know: how many normal pixels lie above, and at, each defect pixel.

Normal pixels between two neighbouring defect scores change no recall and no overlap, so the curves are straight lines
there, and their areas follow from these counts alone. Defect pixels are few (one in a hundred), so that sorting them
and counting normals beside them replaces the sorting of every pixel with its mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from defectlab.evaluation.maps import Maps, Mask, ScoreMap, as_maps
from defectlab.evaluation.regions import Connectivity, region_shares

Counts = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PixelTable:
    """Distinct scores of defect pixels, falling, with what lies at and above each; k of them.

    Attributes:
        scores: float64, shape ``(k,)``, in units of the score, strictly falling.
        defects: shape ``(k,)``, defect pixels at the score, at least 1.
        overlap: shape ``(k,)``, sum over those pixels of 1 / (pixels of their region).
        above: shape ``(k,)``, normal pixels with a strictly higher score.
        tied: shape ``(k,)``, normal pixels with that very score.
        n_defect: defect pixels of all images.
        n_normal: normal pixels of all images, those of defective images included.
        n_regions: connected regions of all masks.
        max_fpr: the table is complete up to this false positive rate, in (0, 1]; lower scores may be left out.
    """

    scores: Reals
    defects: Counts
    overlap: Reals
    above: Counts
    tied: Counts
    n_defect: int
    n_normal: int
    n_regions: int
    max_fpr: float = 1.0

    def __post_init__(self) -> None:
        require_both(self.n_defect, self.n_normal)


def pixel_table(masks: Maps, scores: Maps, *, max_fpr: float = 1.0, connectivity: Connectivity = 8) -> PixelTable:
    """Counts of normal pixels above and at each distinct defect score, exact.

    Args:
        masks: see `defectlab.evaluation.maps.as_maps`.
        scores: likewise.
        max_fpr: false positive rate, in (0, 1], up to which the counts are needed; below 1 the head of the scores
            alone is sorted, which is several times as fast.
        connectivity: neighbours that join pixels to a region.

    Returns:
        The table.

    Raises:
        TypeError: see `as_maps`.
        ValueError: if masks or scores are unfit, no pixel is defective or none is normal, or ``max_fpr`` is not in
            (0, 1].
    """
    require_fpr("max_fpr", max_fpr)
    mask_list, score_list = as_maps(masks, scores)
    values, shares, n_regions = defect_pixels(mask_list, score_list, connectivity)
    pool = np.concatenate([score.ravel() for score in score_list])
    n_defect, n_normal = len(values), len(pool) - len(values)
    require_both(n_defect, n_normal)
    distinct, defects, overlap = _merge_ties(values, shares)
    higher, equal, kept = _ranks(pool, distinct, n_defect + int(np.ceil(max_fpr * n_normal)) + 1)
    defects_above = (np.cumsum(defects) - defects)[:kept]
    return PixelTable(
        scores=distinct[:kept].astype(np.float64),
        defects=defects[:kept],
        overlap=overlap[:kept],
        above=higher - defects_above,
        tied=equal - defects[:kept],
        n_defect=n_defect,
        n_normal=n_normal,
        n_regions=n_regions,
        max_fpr=max_fpr,
    )


def defect_pixels(
    masks: list[Mask], scores: list[ScoreMap], connectivity: Connectivity = 8
) -> tuple[np.ndarray, Reals, int]:
    """Scores of all defect pixels, 1 / (pixels of the region) of each, and the number of regions."""
    values, shares, n_regions = [], [], 0
    for mask, score in zip(masks, scores, strict=True):
        positions, share, count = region_shares(mask, connectivity)
        values.append(score.ravel()[positions])
        shares.append(share)
        n_regions += count
    return np.concatenate(values), np.concatenate(shares), n_regions


def require_both(n_defect: int, n_normal: int) -> None:
    """Stop where there is nothing to find or nothing to mistake for it.

    Raises:
        ValueError: if either number of pixels is 0.
    """
    if not n_defect:
        raise ValueError("masks hold no defect pixel in any image: localisation needs at least one defect region")
    if not n_normal:
        raise ValueError("masks hold no normal pixel in any image: a false positive rate needs at least one")


def require_fpr(name: str, value: float) -> None:
    """Stop where a false positive rate is not in (0, 1].

    Raises:
        ValueError: naming the value.
    """
    if not 0 < value <= 1:
        raise ValueError(f"{name} must lie in (0, 1], got {value}")


def _merge_ties(values: np.ndarray, shares: Reals) -> tuple[np.ndarray, Counts, Reals]:
    """Distinct scores, falling, with the number of pixels and the sum of their shares at each."""
    order = np.argsort(values, kind="stable")[::-1]
    ranked = values[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    return ranked[first], np.diff(first, append=len(ranked)), np.add.reduceat(shares[order], first)


def _ranks(pool: np.ndarray, distinct: np.ndarray, head: int) -> tuple[Counts, Counts, int]:
    """Pixels above and at each distinct score, for those among the ``head`` highest pixels; sorts ``pool`` in place.

    Returns:
        Pixels strictly above, pixels equal, and how many of ``distinct`` (falling) lie in the head.
    """
    rest = max(len(pool) - head, 0)
    if rest:
        pool.partition(rest)
    top = pool[rest:]
    top.sort()
    kept = int(np.searchsorted(-distinct, -top[0], side="right"))
    rising = distinct[:kept][::-1]  # sorted queries keep the searches in the cache
    right = np.searchsorted(top, rising, side="right")[::-1]
    equal = right - np.searchsorted(top, rising, side="left")[::-1]
    if kept and distinct[kept - 1] == top[0]:
        equal[-1] += np.count_nonzero(pool[:rest] == top[0])  # a tie may reach below the head
    return len(top) - right, equal, kept
