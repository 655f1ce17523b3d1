"""Result rows to summaries over seeds: mean, spread, interval; and differences paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

#: Columns of a result row, one metric value each.
COLUMNS = (
    "notebook", "method", "dataset", "regime", "n_aug", "seed", "metric", "value", "profile", "device", "seconds", "commit",
)  # fmt: skip

#: Names of the metrics that the papers' tables need, as result rows spell them.
AP_STEP = "ap"
AP_TRAPEZOID = "ap_trapezoid"
PRECISION = "precision_best_f1"
RECALL = "recall_best_f1"
FID_64 = "fid_64"
FID_192 = "fid_192"

#: What a reader is told beside each metric.
PROTOCOL = {
    AP_STEP: "step AP",
    AP_TRAPEZOID: "trapezoid AP",
    PRECISION: "at the best-F1 threshold of the test set",
    RECALL: "at the best-F1 threshold of the test set",
    "precision_validation": "at a threshold chosen on validation data",
    "recall_validation": "at a threshold chosen on validation data",
    FID_64: "Frechet distance, Inception features of the first max-pool",
    FID_192: "Frechet distance, Inception features of the second max-pool",
}


@dataclass(frozen=True)
class Summary:
    """Values over seeds, with what is needed to read them.

    Attributes:
        values: one a seed, in order of the seeds.
        low: lower end of the 95 % interval of the mean; NaN with fewer than two values.
        high: upper end.
    """

    values: tuple[float, ...]
    low: float
    high: float

    @property
    def n(self) -> int:
        """Number of seeds."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.values))

    @property
    def sd(self) -> float:
        """Standard deviation over seeds (n - 1); NaN for one seed."""
        return float(np.std(self.values, ddof=1)) if self.n > 1 else float("nan")

    def contains(self, value: float) -> bool:
        """True where the interval holds the value; false where there is no interval."""
        return bool(self.low <= value <= self.high)


def summarise(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """Mean and Student interval of the mean.

    Raises:
        ValueError: without values, or with a non-finite one.
    """
    if not len(values):
        raise ValueError("expected at least one value to summarise, got none")
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        raise ValueError(f"expected finite values, got {array.tolist()}")
    if len(array) < 2:
        return Summary(tuple(array.tolist()), float("nan"), float("nan"))
    half = stats.t.ppf((1 + confidence) / 2, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array))
    return Summary(tuple(array.tolist()), float(array.mean() - half), float(array.mean() + half))


def require_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, checked.

    Raises:
        ValueError: naming missing columns, or a value that stands twice for one run.
    """
    needed = ("method", "dataset", "regime", "n_aug", "seed", "metric", "value", "profile")
    missing = [column for column in needed if column not in rows.columns]
    if missing:
        raise ValueError(f"result rows lack the columns {', '.join(missing)}; they have {', '.join(rows.columns)}")
    key = [column for column in needed if column != "value"]
    twice = rows[rows.duplicated(key)]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(
            f"{len(twice)} result rows stand twice, first {first['method']} {first['metric']} seed {first['seed']} on "
            f"{first['dataset']}: pass the rows of one run, or drop the older ones"
        )
    return rows


def by_seed(rows: pd.DataFrame, **where: object) -> pd.Series:
    """Values indexed by seed, sorted, of the rows that match all of ``where``."""
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows.set_index("seed")["value"].astype(float).sort_index()


def paired_difference(left: pd.Series, right: pd.Series) -> Summary | None:
    """Summary of ``left - right`` over the seeds that both have; ``None`` where they share none."""
    shared = left.index.intersection(right.index)
    return summarise((left[shared] - right[shared]).tolist()) if len(shared) else None
