"""Tables 1 to 6 of In&Out: the paper's mean and deviation over four seeds beside ours, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from defectlab.report import published
from defectlab.report.cells import cell_line, notes, rows_of_one_run, where
from defectlab.report.identity import in_order
from defectlab.report.summary import (
    AP_STEP,
    AP_TRAPEZOID,
    PRECISION,
    PRECISION_HONEST,
    PROTOCOL,
    RECALL,
    RECALL_HONEST,
    by_seed,
    by_seed_over_counts,
    summarise,
)
from defectlab.report.tables import Cell, ReportTable
from defectlab.report.verdict import Verdict, evidence, is_comparable, of_cell

COUNTS = (80, 100, 120)
"""Values of ``n_aug`` that the paper prints and averages over."""

_TABLES = {"zero_shot": ("1", "2"), "few_shot": ("3", "4"), "full_shot": ("5", "6")}
_WITH_THE_REST = ("2", "4", "5")
"""Tables that also list methods which the paper's tables of the regime lack: those of In&Out itself."""

_METRICS = {
    "AP": (AP_TRAPEZOID, AP_STEP),
    "precision": (PRECISION, PRECISION_HONEST),
    "recall": (RECALL, RECALL_HONEST),
}
"""Column of the paper to the metric that it is compared with, and one that stands below without a printed value."""

_PROTOCOL_NOTE = (
    "paper: mean ± standard deviation over four seeds; its AP is compared with the trapezoid, which the KSDD2 code "
    "computes, and its precision and recall with those at the best-F1 threshold, chosen on the test set. Step AP and "
    "the threshold from validation stand beside, without a value of the paper."
)
_AVERAGE_NOTE = (
    "average: over n_aug 80, 100 and 120. The paper averages the three standard deviations, which is not that of the "
    "average but its upper bound; ours is that, over seeds, of each seed's average. Seeds without all three "
    "counts are left out."
)
_REFERENCE_NOTE = (
    "MixSegdec: value published for another network under weak supervision, not run here; the paper's own run without "
    "added images lies above it."
)


def in_and_out_tables(rows: pd.DataFrame, regime: str, n_aug: Sequence[int] | int | None = None) -> list[ReportTable]:
    """The two tables that In&Out prints for a regime: MemSeg and DDPM, and In&Out (with no augmentation in Table 5).

    Methods that the paper lacks (DIAG, or no augmentation in the few-shot regime) are listed below In&Out; a count
    that the paper does not print is listed with our values alone.

    Args:
        rows: result rows of one data set and one profile; other regimes are left out.
        regime: ``"zero_shot"`` (Tables 1 and 2), ``"few_shot"`` (3 and 4) or ``"full_shot"`` (5 and 6).
        n_aug: counts to show, without the averages unless all three of the paper's are asked for; ``None``: all of the
            paper's and of the rows, and the averages.

    Returns:
        One or two tables: a table that has neither the paper's values nor ours at the counts asked for is left out.

    Raises:
        ValueError: for another regime, if the rows mix data sets or profiles, or if there is nothing to show.
    """
    if regime not in _TABLES:
        raise ValueError(f"In&Out prints no table for regime {regime!r}; it has {', '.join(_TABLES)}")
    rows = rows_of_one_run(rows)
    own = rows[rows["regime"] == regime]
    counts = _counts(n_aug, own)
    tables = [_table(number, rows, own, counts) for number in _TABLES[regime]]
    shown = [table for table in tables if len(table.frame)]
    if not shown:
        raise ValueError(f"neither the paper nor the rows have n_aug {counts} in {regime}; the paper has {COUNTS}")
    return shown


def _counts(n_aug: Sequence[int] | int | None, own: pd.DataFrame) -> list[int]:
    if n_aug is None:
        return sorted({*COUNTS, *(int(count) for count in own["n_aug"] if count > 0)})
    return sorted({n_aug} if isinstance(n_aug, int) else set(n_aug))


def _table(number: str, rows: pd.DataFrame, own: pd.DataFrame, counts: list[int]) -> ReportTable:
    cells = published.in_and_out_cells()
    listed = set(cells[cells["regime"].isin(set(cells[cells["table"] == number]["regime"]))]["method"])
    cells = cells[cells["table"] == number]
    lines = [line for key in dict.fromkeys(cells["method"]) for line in _method_lines(key, cells, own, counts)]
    if number in _WITH_THE_REST:
        for identity in in_order(set(own["method"]) - listed):
            for count in [0] if identity.key == "none" else counts:
                lines += _only_here(identity.key, own, count)
    regime = str(cells["regime"].iloc[0]).replace("_", "-")
    said = [_PROTOCOL_NOTE]
    said += [_AVERAGE_NOTE] if set(COUNTS) <= set(counts) else []
    said += [_REFERENCE_NOTE] if (cells["row"] == "reference").any() else []
    caption = f"In&Out, Table {number} ({regime}): the paper on KSDD2, here on {where(rows)}"
    return ReportTable(pd.DataFrame(lines), caption, notes(rows, *said))


def _method_lines(key: str, cells: pd.DataFrame, own: pd.DataFrame, counts: list[int]) -> Iterator[dict[str, object]]:
    """Counts in ascending order, printed or not, then the average."""
    cells = cells[cells["method"] == key]
    if (cells["row"] == "reference").any():
        for cell in cells.to_dict("records"):
            yield _reference_line(cell)
        return
    for count in [0] if key == "none" else counts:
        printed = cells[cells["n_aug"] == count]
        for cell in printed.to_dict("records"):
            yield from _cell_lines(cell, own)
        if printed.empty:
            yield from _only_here(key, own, count)
    if set(COUNTS) <= set(counts):
        for cell in cells[cells["row"] == "average"].to_dict("records"):
            yield from _cell_lines(cell, own)


def _cell_lines(cell: Cell, own: pd.DataFrame) -> Iterator[dict[str, object]]:
    """The cell of the paper, and below it the same quantity by the other definition or threshold, if we have it."""
    count: object = "average" if cell["row"] == "average" else int(cell["n_aug"])
    compared, beside = _METRICS[cell["column"]]
    values = _values(own, cell["method"], compared, count)
    judged = evidence(own)
    summary = summarise(values) if len(values) else None
    verdict = of_cell(cell["paper"], summary if len(judged) else None, is_comparable(judged))
    printed = f"{cell['paper']:.3f} ± {cell['sd']:.3f}"
    yield cell_line(cell["method"], count, cell["column"], printed, summary, PROTOCOL[compared], verdict)
    yield from _line_of_ours(own, cell["method"], count, cell["column"], beside)


def _only_here(key: str, own: pd.DataFrame, count: int) -> list[dict[str, object]]:
    """Lines without a value of the paper, of what our rows have."""
    return [
        line
        for column, metrics in _METRICS.items()
        for metric in metrics
        for line in _line_of_ours(own, key, count, column, metric)
    ]


def _line_of_ours(own: pd.DataFrame, key: str, count: object, column: str, metric: str) -> list[dict[str, object]]:
    values = _values(own, key, metric, count)
    return [cell_line(key, count, column, "–", summarise(values), PROTOCOL[metric], None)] if len(values) else []


def _values(own: pd.DataFrame, key: str, metric: str, count: object) -> pd.Series:
    own = own[(own["method"] == key) & (own["metric"] == metric)]
    return by_seed_over_counts(own, COUNTS) if count == "average" else by_seed(own, n_aug=count)


def _reference_line(cell: Cell) -> dict[str, object]:
    """A value that the paper repeats from another one; the method has no identity, as nothing of it is drawn."""
    names = {key: name for name, key in published.REFERENCE.items()}
    line = cell_line("none", "–", cell["column"], f"{cell['paper']:.3f}", None, "published value", None)
    return {**line, "method": names[cell["method"]], "verdict": Verdict.NOT_ATTEMPTED.marked}
