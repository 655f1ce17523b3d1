"""Stored studies of the comparison: matrix, ranking and verdict of each data set and regime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from defectlab.report.comparison_tables import matrix_table, order_in_words, ranking_table
from defectlab.report.stored.grids import StoredGrid, stored_grids
from defectlab.report.summary import AP_STEP, AUPRO
from defectlab.report.tables import ReportTable

STUDY = "comparison"
_NOTHING = "none stored"


def stored_matrices(metric: str = AP_STEP, root: Path | None = None) -> ReportTable:
    """One line a stored study, regime and synthesizer; one column a detector.

    Args:
        metric: ``"ap_step"``, or ``"aupro"`` for the detectors that locate.
        root: where stored results are; those of the package by default.
    """
    lead = "AUPRO" if metric == AUPRO else "Image AP"
    return _joined(f"{lead} of the stored comparisons: mean over seeds (95 %)", metric, root, matrix_table)


def stored_rankings(metric: str = AP_STEP, root: Path | None = None) -> ReportTable:
    """One line a stored study, regime, detector and synthesizer, with the difference to MemSeg; arguments as above."""
    table = _joined("Rankings of the stored comparisons", metric, root, ranking_table)
    said = [f"{study.dataset}: {order_in_words(rows, metric)}" for study, rows in _studies(root)]
    return ReportTable(table.frame, table.caption, (*table.notes, *said))


def _joined(
    caption: str, metric: str, root: Path | None, make: Callable[[pd.DataFrame, str], ReportTable]
) -> ReportTable:
    frames, notes = [], dict[str, None]()
    for study, rows in _studies(root):
        table = make(rows, metric)
        regime = str(rows["regime"].iloc[0]).replace("_", "-")
        frame = table.frame.copy()
        frame.insert(0, "regime", regime)
        frame.insert(0, "data", study.dataset)
        frames.append(frame)
        notes |= dict.fromkeys([*study.notes, *table.notes])
    if not frames:
        return ReportTable(pd.DataFrame([{"data": _NOTHING, "regime": "–"}]), caption)
    return ReportTable(pd.concat(frames, ignore_index=True).fillna("–"), caption, tuple(notes))


def _studies(root: Path | None) -> list[tuple[StoredGrid, pd.DataFrame]]:
    """Stored studies with their rows, one regime at a time."""
    return [
        (study, study.rows[study.rows["regime"] == regime])
        for study in stored_grids(STUDY, root=root)
        for regime in study.regimes
    ]
