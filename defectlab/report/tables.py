"""Tables with the paper's value beside ours: plain in a terminal, accessible HTML in a notebook."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import product
from typing import Any

import pandas as pd

from defectlab.report import published
from defectlab.report.cells import cell_line, notes, our_cells, rows_of_one_run, smoke_note, where
from defectlab.report.identity import method
from defectlab.report.summary import (
    AP_STEP,
    AP_TRAPEZOID,
    FID_64,
    FID_192,
    PRECISION,
    PROTOCOL,
    RECALL,
    by_seed,
    summarise,
)
from defectlab.report.verdict import evidence, is_comparable, of_cell

Cell = Mapping[Hashable, Any]
"""A row of `defectlab.report.published.diag_cells`."""

_METRIC = {"precision": PRECISION, "recall": RECALL, "FID_64": FID_64, "FID_192": FID_192}
_SHOWN = (AP_STEP, AP_TRAPEZOID, PRECISION, RECALL, "precision_validation", "recall_validation")
_DETECTION_NOTE = (
    "Precision and recall are taken at the best-F1 threshold of the test set, as in the papers; the paper's DIAG rows "
    "look like single runs, the others repeat means over four seeds of the In&Out paper."
)
_FIDELITY_NOTE = "The paper states neither the number of images nor their size; lower is nearer."


EXPORT_NOTE = "Set `-p out FOLDER` to export them."
"""Said under the last table of a notebook that was given no folder."""
LONG = 40
"""Characters from which a cell of a table is a sentence."""


@dataclass(frozen=True)
class ReportTable:
    """A table with what is needed to read it.

    Attributes:
        frame: cells as text or numbers, one row a line.
        caption: what the table shows.
        notes: protocol, rule of the verdict, what is not comparable; one sentence each, code in backquotes.
    """

    frame: pd.DataFrame
    caption: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.frame.empty:
            return "\n".join(self._without_rows)
        body = self.frame.to_string(index=False, na_rep="–")
        return "\n".join([self.caption, "", body, "", *self.notes])

    @property
    def _without_rows(self) -> tuple[str, ...]:
        """What stands in place of a table without rows: that there is nothing, then its notes; never a head alone."""
        return f"{self.caption}: none.", *self.notes

    def _repr_html_(self) -> str:
        if self.frame.empty:
            said = "".join(f"<p>{_html_text(note)}</p>" for note in self._without_rows)
            return f'<div class="defectlab-notes">{said}</div>'
        head = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in self.frame.columns)
        body = "".join(f"<tr>{_html_row(list(row))}</tr>" for row in self.frame.itertuples(index=False))
        notes = "".join(f"<p>{_html_text(note)}</p>" for note in self.notes)
        # Focusable, so that the keyboard scrolls a table wider than a telephone.
        return (
            f'<div class="defectlab-table" role="region" tabindex="0" aria-label="{escape(self.caption)}">'
            f"<table><caption>{escape(self.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f'</div><div class="defectlab-notes">{notes}</div>'
        )


def detection_table(rows: pd.DataFrame, regime: str, n_aug: Sequence[int] | int | None = None) -> ReportTable:
    """DIAG's Table I (``zero_shot``) or II (``full_shot``): the paper's value, ours, and a verdict, cell by cell.

    A row of the paper that comes from the In&Out paper is compared by trapezoid AP, DIAG's own rows by step AP: that
    is what each paper's code computes.

    Args:
        rows: result rows of one data set and one profile.
        regime: ``"zero_shot"`` or ``"full_shot"``.
        n_aug: counts to show; all of the paper's when ``None``.

    Raises:
        ValueError: if DIAG has no table for the regime or the count, or the rows mix data sets or profiles.
    """
    cells = published.diag_cells()
    cells = cells[cells["regime"] == regime]
    if cells.empty:
        raise ValueError(
            f"DIAG prints no table for regime {regime!r}; it has zero_shot (Table I) and full_shot (Table II)"
        )
    counts = _counts(n_aug, cells)
    rows = rows_of_one_run(rows)
    own = rows[rows["regime"] == regime]
    lines = [_detection_line(cell, own) for cell in cells.to_dict("records") if cell["n_aug"] in counts]
    lines += _only_here(own, set(cells["method"]), counts)
    table = "I" if regime == "zero_shot" else "II"
    caption = f"DIAG, Table {table} ({regime.replace('_', '-')}): the paper on KSDD2, here on {where(rows)}"
    return ReportTable(pd.DataFrame(lines), caption, notes(rows, _DETECTION_NOTE))


def fidelity_table(rows: pd.DataFrame) -> ReportTable:
    """DIAG's Table III: FID at 64 and 192 features, the paper's value beside ours.

    Args:
        rows: result rows of one data set and one profile; metrics ``fid_64`` and ``fid_192``. Other Frechet
            distances (metrics that start with ``frechet``) are listed below, without a value of the paper.
    """
    rows = rows_of_one_run(rows)
    cells = published.diag_cells()
    cells = cells[cells["table"] == "III"]
    lines = [_line(cell, rows, _METRIC[cell["column"]]) for cell in cells.to_dict("records")]
    others = rows[rows["metric"].str.startswith("frechet")]
    for key, metric in sorted(set(zip(others["method"], others["metric"], strict=True))):
        summary = summarise(by_seed(others, method=key, metric=metric))
        lines.append(cell_line(key, "", metric, "–", summary, "other features, not FID", None))
    caption = f"DIAG, Table III: the paper on KSDD2, here on {where(rows)}"
    return ReportTable(pd.DataFrame(lines).drop(columns="n_aug"), caption, notes(rows, _FIDELITY_NOTE))


def results_table(rows: pd.DataFrame, metrics: Sequence[str] | None = None) -> ReportTable:
    """Our results alone: mean, interval and every seed, one line a method, regime, ``n_aug`` and metric.

    Args:
        rows: result rows of one data set and one profile.
        metrics: which to show, in this order; ``None``: AP in both definitions, precision and recall at the papers'
            threshold (``best_f1``, chosen on the test images) and at the honest one (``validation``), then the AP of
            each class of defects that the rows have.
    """
    rows = rows_of_one_run(rows)
    if metrics is None:
        metrics = (*_SHOWN, *sorted(name for name in set(rows["metric"]) if name.startswith(f"{AP_STEP}_")))
    settings = sorted(set(zip(rows["regime"], rows["method"], rows["n_aug"], strict=True)))
    lines = []
    for (regime, key, count), metric in product(settings, metrics):
        values = by_seed(rows, regime=regime, method=key, n_aug=count, metric=metric)
        if len(values):
            place = {"regime": regime, "method": method(key).name, "n_aug": count, "metric": metric}
            lines.append({**place, **our_cells(summarise(values), metric)})
    return ReportTable(pd.DataFrame(lines), f"Results on {where(rows)}", smoke_note(rows))


def _detection_line(cell: Cell, rows: pd.DataFrame) -> dict[str, object]:
    ap = AP_STEP if cell["source"] == "DIAG" else AP_TRAPEZOID
    return _line(cell, rows[rows["n_aug"] == cell["n_aug"]], _METRIC.get(cell["column"], ap))


def _line(cell: Cell, rows: pd.DataFrame, metric: str) -> dict[str, object]:
    own = rows[(rows["method"] == cell["method"]) & (rows["metric"] == metric)]
    summary = summarise(by_seed(own)) if len(own) else None
    judged = evidence(own)
    verdict = of_cell(cell["paper"], summary if len(judged) else None, is_comparable(judged))
    count: object = "" if pd.isna(cell["n_aug"]) else int(cell["n_aug"])
    printed = f"{cell['paper']:.3f}"
    return cell_line(cell["method"], count, cell["column"], printed, summary, PROTOCOL[metric], verdict)


def _only_here(rows: pd.DataFrame, known: set[str], counts: Sequence[int]) -> list[dict[str, object]]:
    """Methods that the paper's table lacks, such as training without augmentation."""
    rows = rows[~rows["method"].isin(known) & rows["n_aug"].isin([0, *counts])]
    settings = sorted(set(zip(rows["method"], rows["n_aug"], strict=True)))
    lines = []
    for (key, count), (column, metric) in product(settings, {"AP": AP_STEP, **_METRIC}.items()):
        values = by_seed(rows, method=key, n_aug=count, metric=metric)
        if len(values):
            lines.append(cell_line(key, int(count), column, "–", summarise(values), PROTOCOL[metric], None))
    return lines


def _counts(n_aug: Sequence[int] | int | None, cells: pd.DataFrame) -> list[int]:
    printed = sorted({int(count) for count in cells["n_aug"]})
    if n_aug is None:
        return printed
    wanted = [n_aug] if isinstance(n_aug, int) else list(n_aug)
    if not set(wanted) & set(printed):
        raise ValueError(f"DIAG prints values for n_aug {', '.join(map(str, printed))}; asked for {wanted}")
    return wanted


def _html_text(note: str) -> str:
    """Text between backquotes is code, as in the pages that are written in Markdown."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(note))


def _html_row(cells: list[object]) -> str:
    first, *rest = (str(cell) for cell in cells)
    # Sentences keep a readable width: the table scrolls rather than breaking them into columns of single words.
    wide = (' class="defectlab-long"' if len(cell) > LONG else "" for cell in rest)
    body = "".join(f"<td{mark}>{_html_text(cell)}</td>" for mark, cell in zip(wide, rest, strict=True))
    return f'<th scope="row">{escape(first)}</th>{body}'
