"""What a paper prints for one side of a relation."""

from __future__ import annotations

from functools import cache

import pandas as pd

from defectlab.report import published
from defectlab.report.claims.relations import Side
from defectlab.report.summary import (
    AP_STEP,
    AP_TRAPEZOID,
    AUPRO,
    FID_64,
    FID_192,
    IMAGE_AUROC,
    PIXEL_AUROC,
    PRECISION,
    RECALL,
)

# metric of a row -> column of the published table, where they differ
COLUMNS = {
    AP_STEP: "AP",
    AP_TRAPEZOID: "AP",
    PRECISION: "precision",
    RECALL: "recall",
    FID_64: "FID_64",
    FID_192: "FID_192",
    IMAGE_AUROC: "I-AUROC",
    PIXEL_AUROC: "P-AUROC",
    AUPRO: "AUPRO",
}


@cache
def printed_value(paper: str, side: Side, metric: str) -> float:
    """Value that a paper prints for one side of a relation: of an average, that of its "Average" row.

    ``NaN`` for a metric that the paper prints nowhere, as of an ordering that it claims in words alone.
    """
    if COLUMNS.get(metric, metric) not in set(published.cells(paper)["column"]):
        return float("nan")
    return float(_printed_cell(paper, side, metric)["paper"])


def printed_deviation(paper: str, side: Side, metric: str) -> float:
    """Standard deviation over seeds that a paper prints for one side, ``NaN`` where it prints none."""
    return float(_printed_cell(paper, side, metric).get("sd", float("nan")))


def _printed_cell(paper: str, side: Side, metric: str) -> pd.Series:
    cells = published.cells(paper)
    cells = cells[(cells["method"] == side.method) & (cells["column"] == COLUMNS.get(metric, metric))]
    if side.table:
        cells = cells[(cells["table"] == side.table) & (cells["row"] == "Average")]
    if side.regime is not None:
        cells = cells[cells["regime"] == side.regime]
        if side.counts:
            cells = cells[cells["row"] == "average"]
        elif side.n_aug is not None:
            cells = cells[cells["n_aug"] == side.n_aug]
    (only,) = cells.index
    return cells.loc[only]
