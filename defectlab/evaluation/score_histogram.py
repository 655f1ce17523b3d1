"""Counts of pixels by score in bounded memory, whatever the range of the scores and however they arrive.

The bins are the intervals [i 2^e, (i + 1) 2^e) for whole i: halving the resolution merges pairs of bins exactly. The
exponent e is the smallest for which the scores seen so far fit into the bins, so that it depends on the lowest and the
highest score alone: neither the order of the images nor their batches can be seen in the counts.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np

from defectlab.evaluation.maps import Mask, ScoreMap
from defectlab.evaluation.pixel_table import Counts, PixelTable, Reals
from defectlab.evaluation.regions import Connectivity, region_shares

SMALLEST = -1000
"""Exponent of the finest bins: near the smallest normal float64."""
MANTISSA = 52
"""No bin is finer than 2^-52 of the largest score, where float64 itself ends."""


class ScoreHistogram:
    """Normal pixels, defect pixels and regional overlap by score.

    Args:
        bins: number of bins, at least 2; three arrays of that length are all that is kept.
        connectivity: neighbours that join pixels to a region.

    Raises:
        ValueError: if there are fewer than 2 bins.
    """

    def __init__(self, bins: int = 65536, connectivity: Connectivity = 8) -> None:
        if bins < 2:
            raise ValueError(f"bins must be at least 2, got {bins}")
        self.bins = bins
        self.connectivity = connectivity
        self.normal: Counts = np.zeros(bins, np.int64)
        self.defects: Counts = np.zeros(bins, np.int64)
        self.overlap: Reals = np.zeros(bins)
        self.n_images = 0
        self.n_regions = 0
        self.low, self.high = math.inf, -math.inf
        self._exponent, self._base = SMALLEST, 0

    @property
    def resolution(self) -> float:
        """Width of a bin, in units of the score."""
        return 2.0**self._exponent

    def add(self, mask: Mask, score: ScoreMap) -> None:
        """Counts the pixels of one image.

        Args:
            mask: bool, shape ``(H, W)``.
            score: float32 or float64, shape ``(H, W)``, finite.
        """
        self._fit(float(score.min()), float(score.max()))
        # a power of two scales exactly, so that the bin of a score does not depend on rounding
        index = np.floor(score.ravel() * np.float64(2.0**-self._exponent)).astype(np.int64) - self._base
        positions, shares, n_regions = region_shares(mask, self.connectivity)
        everything = np.bincount(index, minlength=self.bins)
        if n_regions:
            found = index[positions]
            defects = np.bincount(found, minlength=self.bins)
            self.defects += defects
            self.overlap += np.bincount(found, weights=shares, minlength=self.bins)
            everything -= defects
        self.normal += everything
        self.n_regions += n_regions
        self.n_images += 1

    def merge(self, other: Self) -> None:
        """Adds what another histogram has counted; the other stays as it is.

        Raises:
            ValueError: if it has other bins or another connectivity.
        """
        mine, theirs = (self.bins, self.connectivity), (other.bins, other.connectivity)
        if mine != theirs:
            raise ValueError(f"histograms differ in (bins, connectivity): {mine} and {theirs}")
        if not other.n_images:
            return
        self._fit(other.low, other.high)
        place = self._places(other._exponent, other._base)
        used = (other.normal + other.defects) > 0
        np.add.at(self.normal, place[used], other.normal[used])
        np.add.at(self.defects, place[used], other.defects[used])
        np.add.at(self.overlap, place[used], other.overlap[used])
        self.n_regions += other.n_regions
        self.n_images += other.n_images

    def table(self) -> PixelTable:
        """The counts as a table whose scores are the lower edges of the bins: all scores of a bin count as tied.

        Raises:
            ValueError: if no pixel is defective or none is normal.
        """
        at = np.flatnonzero(self.defects)[::-1]
        at_least = np.cumsum(self.normal[::-1])[::-1]
        return PixelTable(
            scores=(at + self._base) * np.float64(self.resolution),
            defects=self.defects[at],
            overlap=self.overlap[at],
            above=at_least[at] - self.normal[at],
            tied=self.normal[at],
            n_defect=int(self.defects.sum()),
            n_normal=int(self.normal.sum()),
            n_regions=self.n_regions,
        )

    def _fit(self, low: float, high: float) -> None:
        """Makes room for scores from ``low`` to ``high``."""
        low, high = min(low, self.low), max(high, self.high)
        if (low, high) == (self.low, self.high):
            return
        exponent, base = _grid(low, high, self.bins)
        old = self._exponent, self._base
        self.low, self.high, self._exponent, self._base = low, high, exponent, base
        if self.n_images and old != (exponent, base):
            used = np.flatnonzero(self.normal + self.defects)
            place = self._places(*old)[used]
            for name in ("normal", "defects", "overlap"):
                counts = getattr(self, name)
                moved = np.zeros_like(counts)
                np.add.at(moved, place, counts[used])
                setattr(self, name, moved)

    def _places(self, exponent: int, base: int) -> Counts:
        """Where the bins of a finer or equal grid lie in this one; those without a score may lie outside."""
        # i 2^e lies in the bin floor(i / 2^(E - e)) of width 2^E
        return ((np.arange(self.bins) + base) >> min(self._exponent - exponent, 63)) - self._base


def _grid(low: float, high: float, bins: int) -> tuple[int, int]:
    """The smallest exponent for which the bins reach from ``low`` to ``high``, and the number of the first bin."""
    largest = max(abs(low), abs(high))
    exponent = max(math.frexp(largest)[1] - MANTISSA, SMALLEST) if largest else SMALLEST
    spread = high / bins - low / bins
    if spread:
        exponent = max(exponent, math.frexp(spread)[1] - 1)
    while math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) >= bins:
        exponent += 1
    return exponent, math.floor(math.ldexp(low, -exponent))
