"""Tables and figures of stored grids: each regime and count, means over the counts, and the claims that they judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report.claims import findings_table
from defectlab.report.identity import Method, in_order, method
from defectlab.report.operating_points import operating_points
from defectlab.report.rules import RULES_NOTE
from defectlab.report.stored.grids import StoredGrid, stored_grids
from defectlab.report.style import Plot
from defectlab.report.summary import (
    AP_STEP,
    AP_TRAPEZOID,
    PRECISION,
    PRECISION_HONEST,
    RECALL,
    RECALL_HONEST,
    by_seed,
    by_seed_over_counts,
    mean_and_sd,
    paired,
    protocol,
    require_rows,
    summarise,
)
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import Verdict

LEADS = {"in_and_out": ("in_and_out", ("memseg", "ddpm")), "diag": ("diag", ("memseg",))}
"""The method that a grid is about, and those whose difference to it is shown."""
NAMES = {
    AP_TRAPEZOID: "",
    AP_STEP: "",
    PRECISION: "precision",
    RECALL: "recall",
    PRECISION_HONEST: "precision",
    RECALL_HONEST: "recall",
}
NOTE = (
    "Mean ± standard deviation over seeds; differences are paired by seed, with the 95 % interval of Student: what "
    "another training would give on these test images, not what other test images would."
)


def stored_grid_counts(paper: str, regime: str | None = None, root: Path | None = None) -> ReportTable:
    """Trapezoid AP of every regime, count and method, one line a regime and count.

    Args:
        paper: whose grids, ``in_and_out`` or ``diag``.
        regime: of one regime alone; ``None`` for all.
        root: where stored results are; those of the package by default.
    """
    lines = []
    for grid in stored_grids(paper, root=root):
        rows = _of(grid, regime, AP_TRAPEZOID)
        for name in [name for name in grid.regimes if name in set(rows["regime"])]:
            own = rows[rows["regime"] == name]
            for count in grid.n_aug:
                cells = {key: by_seed(own, method=key, n_aug=count) for key in grid.methods}
                cells["none"] = by_seed(own, method="none")
                lines.append({**_place(grid, name), "n_aug": str(count), **_line(paper, grid, cells)})
    return _table(lines, "Trapezoid AP of the stored grids, by regime and number of synthetic positives", paper, root)


def stored_grid_means(paper: str, regime: str | None = None, root: Path | None = None) -> ReportTable:
    """Every metric as the mean over the counts of a grid, one line a regime and metric; arguments as above."""
    lines = []
    for grid in stored_grids(paper, root=root):
        for metric, short in NAMES.items():
            rows = _of(grid, regime, metric)
            for name in [name for name in grid.regimes if name in set(rows["regime"])]:
                own = rows[rows["regime"] == name]
                cells = {key: by_seed_over_counts(own[own["method"] == key], grid.n_aug) for key in grid.methods}
                cells["none"] = by_seed(own, method="none")
                place = {**_place(grid, name), "metric": f"{short}, {protocol(metric)}" if short else protocol(metric)}
                lines.append({**place, **_line(paper, grid, cells)})
    order = [name for grid in stored_grids(paper, root=root) for name in grid.regimes]
    lines.sort(key=lambda line: (line["data set"], order.index(line["regime"].replace("-", "_"))))
    return _table(lines, "Means over the numbers of synthetic positives of the stored grids", paper, root)


def stored_grid_claims(paper: str, root: Path | None = None) -> ReportTable:
    """Orderings of the paper that the stored grids can judge: the paper's gap, ours with its interval, the verdict."""
    lines = []
    for grid in stored_grids(paper, root=root):
        for finding in findings_table(grid.rows, paper).to_dict("records"):
            if finding["verdict"] == Verdict.NOT_ATTEMPTED:
                continue
            interval = f" ({finding['low']:+z.3f} to {finding['high']:+z.3f})" if len(finding["per_seed"]) > 1 else ""
            lines.append(
                {
                    "claim": finding["claim"],
                    "data set": grid.dataset,
                    "ordering": finding["ordering"],
                    "paper, KSDD2": f"{finding['paper']:+z.3f}",
                    "here (95 %)": f"{finding['ours']:+z.3f}{interval}",
                    "verdict": Verdict(finding["verdict"]).marked,
                }
            )
    return _table(lines, "Claims that the stored grids can judge", paper, root, RULES_NOTE)


def stored_grid_plots(
    paper: str, regime: str, threshold: str = "test", root: Path | None = None
) -> Iterator[tuple[StoredGrid, Plot]]:
    """Precision and recall over ``n_aug`` of each stored grid that has the regime, with the grid that made them."""
    for grid in stored_grids(paper, root=root):
        if regime in grid.regimes:
            title = f"{grid.dataset}, stored run"
            plot = operating_points(grid.rows, regime, threshold, grid.methods, grid.profile, title)
            yield grid, replace(plot, made=grid.provenance)


def _of(grid: StoredGrid, regime: str | None, metric: str) -> pd.DataFrame:
    rows = require_rows(grid.rows)
    rows = rows[rows["metric"] == metric]
    return rows if regime is None else rows[rows["regime"] == regime]


def _place(grid: StoredGrid, regime: str) -> dict[str, str]:
    return {"data set": grid.dataset, "regime": regime.replace("_", "-")}


def _line(paper: str, grid: StoredGrid, cells: dict[str, pd.Series]) -> dict[str, str]:
    """Cells of the methods, then the differences of the leading one to the others."""
    lead, others = LEADS[paper]
    shown = {item.name: _cell(cells[item.key]) for item in _methods(grid)}
    bases = [base for base in others if base in grid.methods]
    return shown | {
        f"{method(lead).name} minus {method(base).name} (95 %)": _difference(paired(cells[lead], cells[base]))
        for base in (bases if lead in grid.methods else ())
    }


def _methods(grid: StoredGrid) -> list[Method]:
    return in_order({*grid.methods, *(["none"] if grid.baselines else [])})


def _cell(values: pd.Series) -> str:
    return mean_and_sd(summarise(values), 3) if len(values) else "–"


def _difference(found: PairedDifference | None) -> str:
    if found is None:
        return "–"
    return f"{found.mean:+z.3f}" + (f" ({found.t.low:+z.3f} to {found.t.high:+z.3f})" if len(found.values) > 1 else "")


def _table(lines: list[dict[str, str]], caption: str, paper: str, root: Path | None, *more: str) -> ReportTable:
    if not lines:
        return ReportTable(pd.DataFrame([{"data set": "none stored", "regime": "–"}]), caption)
    grids = stored_grids(paper, root=root)
    notes = [note for grid in grids for note in grid.notes]
    return ReportTable(pd.DataFrame(lines).fillna("–"), caption, (*dict.fromkeys(notes), NOTE, *more))
