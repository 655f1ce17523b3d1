"""Result rows made ready for a table: metric names, checks, values by seed, differences paired by seed."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference, SeedSummary, paired_difference, summarise_seeds

#: Names of the metrics that the papers' tables need, as result rows spell them.
AP_STEP = "ap_step"
AP_TRAPEZOID = "ap_trapezoid"
PRECISION = "precision_best_f1"
RECALL = "recall_best_f1"
PRECISION_HONEST = "precision_validation"
RECALL_HONEST = "recall_validation"
FID_64 = "fid_64"
FID_192 = "fid_192"
IMAGE_AUROC = "image_auroc"
IMAGE_AUROC_MAX = "image_auroc_max"
PIXEL_AUROC = "pixel_auroc"
PIXEL_AP = "pixel_ap"
PIXEL_F1 = "pixel_best_f1"
AUPRO = "aupro"

#: What a reader is told beside each metric.
PROTOCOL = {
    AP_STEP: "step AP",
    AP_TRAPEZOID: "trapezoid AP",
    PRECISION: "best-F1 threshold, test set",
    RECALL: "best-F1 threshold, test set",
    PRECISION_HONEST: "threshold from validation",
    RECALL_HONEST: "threshold from validation",
    FID_64: "Inception, first max-pool",
    FID_192: "Inception, second max-pool",
    IMAGE_AUROC: "image AUROC, mean of the 100 largest pixels",
    IMAGE_AUROC_MAX: "image AUROC, largest pixel",
    PIXEL_AUROC: "pixel AUROC",
    PIXEL_AP: "pixel AP, step",
    PIXEL_F1: "pixel F1, best threshold on the test set",
    AUPRO: "AUPRO, exact, FPR up to 0.3",
    "map_step": "mean step AP of the classes",
    "fid": "FID, Inception, final pool",
    "inception_score": "Inception score",
    "frechet": "Frechet distance, features at hand, not FID",
    "kid": "KID, Inception, final pool",
    "kernel": "kernel distance, features at hand, not KID",
}


#: Short names, for the words of an ordering.
PLAIN = {
    AP_STEP: "step AP",
    AP_TRAPEZOID: "trapezoid AP",
    PRECISION: "precision at best F1",
    RECALL: "recall at best F1",
    PRECISION_HONEST: "precision, validation threshold",
    RECALL_HONEST: "recall, validation threshold",
    FID_64: "FID, 64 features",
    FID_192: "FID, 192 features",
    IMAGE_AUROC: "image AUROC",
    PIXEL_AUROC: "pixel AUROC",
    PIXEL_AP: "pixel AP",
    AUPRO: "AUPRO",
    "map_step": "mean step AP",
    "frechet": "Fréchet distance",
}


def plain(metric: str) -> str:
    """A metric in the words of a reader; of one class (``"ap_step_dent"``) with the class; unknown ones as they are."""
    if metric in PLAIN:
        return PLAIN[metric]
    stems = [known for known in PLAIN if metric.startswith(f"{known}_")]
    if not stems:
        return metric
    stem = max(stems, key=len)
    name = metric.removeprefix(f"{stem}_")
    return f"{PLAIN[stem]} of {'normal' if name == 'good' else name}"


def protocol(metric: str) -> str:
    """What a reader is told of a metric; of one class (``"ap_step_dent"``) what stands for all; else its name."""
    stems = [known for known in PROTOCOL if metric == known or metric.startswith(f"{known}_")]
    return PROTOCOL[max(stems, key=len)] if stems else metric


_NEEDED = ("method", "dataset", "regime", "n_aug", "seed", "metric", "value", "profile")


def require_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, checked; rows whose value is undefined are left out.

    Args:
        rows: as `defectlab.results.to_frame` gives them.

    Raises:
        ValueError: naming missing columns, or a value that stands twice for one training run.
    """
    missing = [column for column in _NEEDED if column not in rows.columns]
    if missing:
        raise ValueError(f"result rows lack the columns {', '.join(missing)}; they have {', '.join(rows.columns)}")
    key = [column for column in _NEEDED if column != "value"]
    twice = rows[rows.duplicated(key)]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(
            f"{len(twice)} result rows stand twice, first {first['method']} {first['metric']} seed {first['seed']} on "
            f"{first['dataset']}: pass the rows of one run (`defectlab claims --results FILE`), or drop the older ones"
        )
    return rows[rows["value"].notna()]


def by_seed(rows: pd.DataFrame, **where: object) -> pd.Series:
    """Values indexed by seed, sorted, of the rows that match all of ``where``.

    Where several rows of a seed match (a metric that does not depend on the regime, say), their mean.
    """
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows.groupby("seed")["value"].mean().astype(float).sort_index()


def by_seed_over_counts(rows: pd.DataFrame, counts: Iterable[int]) -> pd.Series:
    """Mean over several ``n_aug`` by seed, of the seeds that have all of them; empty without counts.

    Args:
        rows: result rows of one method, metric and regime.
        counts: the ``n_aug`` to average over.
    """
    counts = sorted(counts)
    chosen = rows[rows["n_aug"].isin(counts)]
    if not counts or chosen.empty:
        return pd.Series(dtype=float, index=pd.Index([], name="seed"))
    by_count = chosen.pivot_table(index="seed", columns="n_aug", values="value").reindex(columns=counts)
    return by_count.dropna().mean(axis=1).astype(float).sort_index()


def summarise(values: pd.Series | list[float]) -> SeedSummary:
    """Mean, spread and t-interval over seeds, by `defectlab.evaluation.seeds.summarise_seeds`."""
    return summarise_seeds([float(value) for value in values])


def paired(left: pd.Series, right: pd.Series) -> PairedDifference | None:
    """Difference ``left - right`` over the seeds that both have; ``None`` where they share none."""
    shared = [int(seed) for seed in left.index.intersection(right.index)]
    if not shared:
        return None
    return paired_difference(
        {s: float(left[s]) for s in shared}, {s: float(right[s]) for s in shared}, n_resamples=1000
    )


_SHARES = ("ap", "map", "precision", "recall", "image_auroc", "i-auroc", "pixel", "p-auroc", "aupro", "accuracy")
_DISTANCES = ("fid", "frechet", "fréchet")
"""Never below 0. KID is not among them: its estimate is unbiased and may be negative."""


def is_share(metric: str) -> bool:
    """True for a metric that lies between 0 and 1, as result rows or a paper name it; false for a distance."""
    return metric.lower().split("_")[0] in _SHARES or metric.lower().startswith(_SHARES[4:])


def shown_ends(summary: SeedSummary, metric: str) -> tuple[float, float]:
    """Ends of the interval of a mean as tables show them: a share's are cut at 0 and 1, a distance's at 0.

    Student's interval knows of no bound: that of a few seeds near 1 would end where no value can be.
    """
    ends = summary.interval.low, summary.interval.high
    if is_share(metric):
        return max(ends[0], 0.0), min(ends[1], 1.0)
    return (max(ends[0], 0.0), ends[1]) if metric.lower().startswith(_DISTANCES) else ends


def mean_and_sd(summary: SeedSummary, digits: int = 2) -> str:
    """``0.71 ± 0.03``, or the mean alone for one seed."""
    spread = "" if math.isnan(summary.sd) else f" ± {summary.sd:.{digits}f}"
    return f"{summary.mean:.{digits}f}{spread}"
