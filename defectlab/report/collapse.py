"""Which runs have collapsed: the mean embedding after a training, against that of the encoder that it began with."""

from __future__ import annotations

import pandas as pd

from defectlab.detection.moco.diagnostics import to_one_point
from defectlab.report.contrastive_setting import MAP_STEP, ORIGINAL_DATA

UNTRAINED = "untrained"
PLACE = ["method", "regime", "n_aug", "seed"]


def runs_at_the_end(rows: pd.DataFrame, metric: str = MAP_STEP) -> pd.DataFrame:
    """One line a run that has embeddings: how far they have drawn together, and what the backbone is worth.

    Args:
        rows: result rows of one data set, with the metrics ``mean_norm`` and ``metric``.
        metric: what the backbone is worth in.

    Returns:
        Columns method, regime, n_aug, seed, ``mean_norm``, ``metric``; ``untrained``: the norm of the encoder that the
        run began with, NaN where there is no row of it; ``gone``: whether the run has collapsed to one point, always
        false for an untrained encoder and where it is not known what the run began with.
    """
    chosen = rows[rows["metric"].isin(["mean_norm", metric])]
    runs = chosen.pivot_table(index=PLACE, columns="metric", values="value").dropna().reset_index()
    if runs.empty or not {"mean_norm", metric} <= set(runs.columns):
        return pd.DataFrame(columns=[*PLACE, "mean_norm", metric, UNTRAINED, "gone"])
    runs["data"] = runs["method"].str.endswith(ORIGINAL_DATA)
    begun = runs[runs["method"].str.removesuffix(ORIGINAL_DATA) == UNTRAINED].rename(columns={"mean_norm": UNTRAINED})
    place = ["regime", "seed", "data"]
    runs = runs.merge(begun[[*place, UNTRAINED]], how="left", on=place).drop(columns="data")
    pairs = zip(runs["mean_norm"], runs[UNTRAINED], strict=True)
    runs["gone"] = [to_one_point(norm, untrained) for norm, untrained in pairs]  # a comparison with NaN is false
    return runs.rename_axis(columns=None)
