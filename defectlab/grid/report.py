"""The paper's tables and curves from the collected rows of a grid, as one page, CSV and figures: no hand work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from defectlab.files import atomic_path, write_text
from defectlab.grid.collect import Collected
from defectlab.grid.jobs import BASELINE
from defectlab.grid.lines import grid_command
from defectlab.grid.plan import Grid
from defectlab.report import claims, published
from defectlab.report.in_and_out_tables import in_and_out_tables
from defectlab.report.operating_points import operating_points
from defectlab.report.plots import n_aug_curve
from defectlab.report.power_tables import our_power_table
from defectlab.report.style import Plot, png, styled
from defectlab.report.summary import AP_STEP, AP_TRAPEZOID
from defectlab.report.tables import ReportTable, detection_table, fidelity_table, results_table
from defectlab.report.verdict import ORDERING_RULE

FOLDER, PAGE = "report", "report.html"
DETECTION = ("ap_", "precision_", "recall_")
STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
    "td,th{padding:.2em .6em;border-bottom:1px solid #ddd;text-align:left}caption{font-weight:bold;text-align:left}"
    ".defectlab-table{overflow-x:auto}img{max-width:100%}"
)

Item = tuple[str, ReportTable | Plot]


def write_report(grid: Grid, collected: Collected) -> Path:
    """Write ``report/``: ``report.html``, and each table as CSV and each figure as PNG beside it.

    Args:
        grid: that was collected; a part of it is enough.
        collected: its rows.

    Returns:
        The page.
    """
    folder = grid.folder / FOLDER
    rows, body = collected.rows, []
    for name, item in report_items(grid.paper, rows):
        if isinstance(item, ReportTable):
            with atomic_path(folder / f"{name}.csv") as partial:
                item.frame.to_csv(partial, index=False, lineterminator="\n")
            body.append(item._repr_html_())
        else:
            with atomic_path(folder / f"{name}.png") as partial, styled():
                item.figure.savefig(partial, format="png")
            body.append(f'<img alt="{item.alt}" src="data:image/png;base64,{png(item.figure)}">')
            plt.close(item.figure)
    missing = f"<p>Not finished: {', '.join(collected.missing)}.</p>" if collected.missing else ""
    head = f"<h1>{grid.name}</h1><p><code>{grid_command(grid)}</code></p>{missing}"
    page = f'<!doctype html><meta charset="utf-8"><title>{grid.name}</title><style>{STYLE}</style>{head}{"".join(body)}'
    write_text(folder / PAGE, page)
    return folder / PAGE


def report_items(paper: str, rows: pd.DataFrame) -> Iterator[Item]:
    """Tables and figures of a paper from result rows, each with a name for its file.

    Args:
        paper: ``in_and_out`` or ``diag``.
        rows: of one data set and one profile, any regimes and counts.
    """
    detection = rows[rows["metric"].str.startswith(DETECTION)]
    yield from (_in_and_out if paper == "in_and_out" else _diag)(rows, detection)
    yield "claims", ReportTable(claims.scoreboard(detection, paper), f"Claims of {paper} on these rows")
    yield "orderings", ReportTable(claims.findings_table(detection, paper), "Orderings", (ORDERING_RULE,))
    yield "results", results_table(detection)


def _in_and_out(rows: pd.DataFrame, detection: pd.DataFrame) -> Iterator[Item]:
    """Tables 1 to 6, Figures 6 and 7, and AP over n_aug."""
    profile = str(rows["profile"].iloc[0])
    for regime in dict.fromkeys(detection["regime"]):
        own = detection[detection["regime"] == regime]
        for number, table in enumerate(in_and_out_tables(detection, regime), start=1):
            yield f"{regime}-table-{number}", table
        methods = [name for name in dict.fromkeys(own["method"]) if name != BASELINE]
        for threshold in ("test", "validation") if methods else ():  # a part of a grid may have the baseline alone
            plot = operating_points(own, regime, threshold, methods, profile, str(own["dataset"].iloc[0]))
            yield f"{regime}-operating-points-{threshold}", plot
        curves = published.in_and_out_curves(regime)
        paper = curves[curves["metric"] == AP_TRAPEZOID]
        yield f"{regime}-ap", n_aug_curve(own, AP_TRAPEZOID, paper, profile)
    yield "power", our_power_table(detection)


def _diag(rows: pd.DataFrame, detection: pd.DataFrame) -> Iterator[Item]:
    """Tables I to III, and AP over n_aug."""
    profile = str(rows["profile"].iloc[0])
    cells = published.diag_cells()
    for regime in dict.fromkeys(detection["regime"]):
        own = detection[detection["regime"] == regime]
        paper = cells[(cells["regime"] == regime) & (cells["column"] == "AP")]
        if len(paper):
            yield f"{regime}-table", detection_table(detection, regime)
        yield f"{regime}-ap", n_aug_curve(own, AP_STEP, paper if len(paper) else None, profile)
    fidelity = rows.drop(detection.index)
    if len(fidelity):  # the images are the same in every regime; the largest set says most
        first = fidelity[fidelity["regime"] == fidelity["regime"].iloc[0]]
        yield "fidelity", fidelity_table(first[first["n_aug"] == first["n_aug"].max()])
