"""A learning curve read backwards: what a gain is worth, in images of which there are few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from defectlab.evaluation.seeds import summarise_seeds

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """Further images that raise a metric by a gain, with an interval.

    Attributes:
        start: images that training has already.
        gain: of the metric, above 0.
        value: further images with which the mean curve first is higher by the gain; infinite where it never is.
        low: fewest further images that are compatible with the gain; infinite where no measured number is.
        high: most further images that are; infinite where the measured ones do not bound it.
        most: further images up to which the curve was measured.
        flat: true where no measured number of images is told from ``start``: there is nothing to read.
        level: nominal coverage of the interval, in (0, 1).
    """

    start: float
    gain: float
    value: float
    low: float
    high: float
    most: float
    flat: bool
    level: float

    def __str__(self) -> str:
        """The reading in words, with whole images."""
        if self.flat:
            return f"too flat to be read: {self.most:.0f} further are not told from none"
        if math.isinf(self.low):
            return f"more than {self.most:.0f} further"
        if math.isinf(self.value):
            return f"more than {self.low:.0f} further; the mean curve does not rise so far"
        if math.isinf(self.high):
            return f"{self.value:.0f} further, at least {self.low:.0f}; no upper end within {self.most:.0f}"
        return f"{self.value:.0f} further [{self.low:.0f}, {self.high:.0f}]"


def images_worth(
    counts: Sequence[int], values: npt.ArrayLike, gain: float, start: int | None = None, level: float = 0.95
) -> Reading:
    """Inverts a learning curve: how many further images raise the metric by ``gain``.

    Rises are taken seed by seed, from the value of the same seed at ``start``, so that the uncertainty of both ends is
    in one interval. The mean rise and the ends of its t-interval are joined by straight lines over the logarithm of the
    count. The interval of the reading holds the counts at which the gain lies between those ends.

    Args:
        counts: images in training, ascending, at least 2 of them, each at least 1.
        values: metric, shape ``(seeds, len(counts))``, at least 2 seeds, finite.
        gain: of the metric, above 0.
        start: count to read from, one of ``counts`` but the last; ``None`` for the first.
        level: nominal coverage, in (0, 1).

    Returns:
        The reading.

    Raises:
        ValueError: if counts, values, gain or start are none of these.
    """
    table = _table(counts, values)
    start = counts[0] if start is None else start
    if start not in counts[:-1]:
        raise ValueError(
            f"start must be a count with another behind it, {', '.join(map(str, counts[:-1]))}; got {start}"
        )
    if not gain > 0:
        raise ValueError(f"gain must be above 0, got {gain}: a loss is not worth any image")
    first = list(counts).index(start)
    rises = table[:, first:] - table[:, [first]]
    summaries = [summarise_seeds(column, level) for column in rises.T]
    mean = np.array([summary.mean for summary in summaries])
    low, high = (np.array([getattr(summary.interval, end) for summary in summaries]) for end in ("low", "high"))
    places = np.log(np.array(counts[first:], dtype=float))
    return Reading(
        start=start,
        gain=gain,
        value=_first_reaching(places, mean, gain) - start,
        low=_first_reaching(places, high, gain) - start,
        high=_staying_above(places, low, gain) - start,
        most=counts[-1] - start,
        flat=bool((low[1:] <= 0).all()),
        level=level,
    )


def _table(counts: Sequence[int], values: npt.ArrayLike) -> Reals:
    table = np.asarray(values, dtype=float)
    if len(counts) < 2 or counts[0] < 1 or any(b <= a for a, b in pairwise(counts)):
        raise ValueError(f"counts: expected at least 2, ascending, from 1 on; got {list(counts)}")
    if table.ndim != 2 or table.shape[1] != len(counts) or len(table) < 2:
        raise ValueError(f"values: expected shape (at least 2 seeds, {len(counts)} counts), got {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("values: expected finite numbers, one a seed and count")
    return table


def _first_reaching(places: Reals, heights: Reals, gain: float) -> float:
    """Count at which a broken line first is at ``gain``; infinite where it never is."""
    for i in range(len(places) - 1):
        if heights[i + 1] >= gain:
            return crossing(places, heights, i, gain)
    return math.inf


def _staying_above(places: Reals, heights: Reals, gain: float) -> float:
    """Count from which on a broken line stays at or above ``gain``; infinite where its end is below."""
    if heights[-1] < gain:
        return math.inf
    below = int(np.flatnonzero(heights < gain)[-1])  # the first is: a rise from the start to itself is 0
    return crossing(places, heights, below, gain)


def crossing(places: Reals, heights: Reals, i: int, gain: float) -> float:
    """Count at which the straight line from point ``i`` to the next is at ``gain``; ``places`` are logarithms."""
    share = (gain - heights[i]) / (heights[i + 1] - heights[i])
    return math.exp(places[i] + share * (places[i + 1] - places[i]))  # Eq. inverse
