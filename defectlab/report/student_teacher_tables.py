"""Tables 1 to 5 of the student-teacher paper: each printed value, whose number it is, and ours beside it.

Everything is in per cent, as the paper prints it; rows of the run store hold shares.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pandas as pd

from defectlab.evaluation.seeds import SeedSummary
from defectlab.report.cells import notes, rows_of_one_run, where
from defectlab.report.identity import GROUPS, in_order, method
from defectlab.report.localisation_setting import (
    N_CATEGORIES,
    LocalisationSetting,
    categories,
    stated,
    why_not_comparable,
)
from defectlab.report.published.student_teacher import AVERAGE, category_of_row, student_teacher_cells
from defectlab.report.summary import AUPRO, IMAGE_AUROC, PIXEL_AUROC, PROTOCOL, by_seed, shown_ends, summarise
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import evidence, is_comparable, of_cell, tolerance

METRICS = {"I-AUROC": IMAGE_AUROC, "P-AUROC": PIXEL_AUROC, "AUPRO": AUPRO}
"""Column of the paper to the metric that is compared with it."""

NUMBERS = {"visa": ("4",), "mpdd": ("5",)}
"""Tables of a data set; any other stands beside Tables 1 to 3, of MVTec AD."""

_TITLES = {"1": "image AUROC", "2": "pixel AUROC", "3": "AUPRO", "4": "VisA", "5": "MPDD"}
_ABLATIONS = {identity.key for identity in GROUPS["ablations"]}
_SOURCE_NOTE = (
    "whose number: found by comparing each cell with the public ADer benchmark; the paper states neither where its "
    "baselines' values come from nor whether its own model is one for a category or one for all."
)
DESTSEG_NOTE = (
    "DeSTSeg learns from the same synthetic images as the student-teacher, P blended in, where its authors take "
    "textures of DTD; and its mask is brought to the size of the head's map by its maximum, where theirs is bilinear "
    "and cut at half. Its row is DeSTSeg's network and losses on this data, not its whole protocol."
)
_ORDER_NOTE = "Values in per cent. AUPRO's definition is not stated in the paper; ours is exact, up to an FPR of 0.3."


def student_teacher_tables(rows: pd.DataFrame, setting: LocalisationSetting | None = None) -> list[ReportTable]:
    """The paper's tables that belong to the data of the rows: 4 for VisA, 5 for MPDD, else 1 to 3.

    Of MVTec AD the categories that the rows have are shown, and the average; ours stands beside the printed average
    only where all categories were run. Other data stand beside the average, and are not comparable.

    Args:
        rows: result rows of one data set and one profile; ablations are left to `ablation_table`.
        setting: sizes behind them; without it no value is comparable, for a reduced copy looks like the original.

    Raises:
        ValueError: if there is no row, or the rows mix data sets or profiles.
    """
    rows = rows_of_one_run(rows)
    own = rows[~rows["method"].isin(_ABLATIONS)]
    dataset = str(rows["dataset"].iloc[0]).split("/")[0]
    return [_table(number, own, setting) for number in NUMBERS.get(dataset, ("1", "2", "3"))]


def _table(number: str, rows: pd.DataFrame, setting: LocalisationSetting | None) -> ReportTable:
    cells = student_teacher_cells()
    cells = cells[cells["table"] == number]
    lines = [line for row in _rows_shown(number, rows) for line in _block(row, cells, rows, setting)]
    shown = _TITLES[number] if number in ("4", "5") else f"{_TITLES[number]} on MVTec AD"
    caption = f"Student-teacher, Table {number}: {shown} in the paper, here on {where(rows)}"
    said = (_ORDER_NOTE, _SOURCE_NOTE, *_deviations(rows), *_reasons(cells, rows, setting), *_mismatches(number))
    return ReportTable(pd.DataFrame(lines), caption, notes(rows, *said))


def _deviations(rows: pd.DataFrame) -> tuple[str, ...]:
    """What is said of our rows that do not follow their own paper's protocol."""
    return (DESTSEG_NOTE,) if (rows["method"] == "destseg").any() else ()


def _reasons(cells: pd.DataFrame, rows: pd.DataFrame, setting: LocalisationSetting | None) -> tuple[str, ...]:
    """Why values on the paper's data at the paper profile are not comparable, reason by reason."""
    if not is_comparable(rows):
        return ()  # the table's own note says so
    found: dict[str, list[str]] = {}
    for identity in in_order(set(rows["method"]) & set(cells["method"])):
        found.setdefault(why_not_comparable(rows, setting, identity.key), []).append(identity.name)
    return tuple(f"Not comparable, {', '.join(names)}: {reason}." for reason, names in found.items() if reason)


def _rows_shown(number: str, rows: pd.DataFrame) -> list[str]:
    """Rows of the paper's table that stand beside ours: one category, those there are and the average, or that."""
    dataset, _, category = str(rows["dataset"].iloc[0]).partition("/")
    printed = list(dict.fromkeys(student_teacher_cells().query(f"table == '{number}'")["row"]))
    if dataset == "mvtec" and category:
        return [row for row in printed if category_of_row(row) == category]
    there = set(categories(rows))
    own = [row for row in printed if category_of_row(row) in there] if dataset == "mvtec" else []
    return [*own, AVERAGE]


def _block(
    row: str, cells: pd.DataFrame, rows: pd.DataFrame, setting: LocalisationSetting | None
) -> Iterator[dict[str, object]]:
    """All methods of one row of the paper, those that it lacks below."""
    of_row = cells[cells["row"] == row]
    for column in dict.fromkeys(of_row["column"]):
        printed = of_row[of_row["column"] == column]
        for cell in printed.to_dict("records"):
            summary = _ours(rows, str(cell["method"]), column, row)
            judged = summary if len(evidence(rows)) else None
            comparable = not why_not_comparable(rows, setting, cell["method"])
            verdict = of_cell(cell["paper"], judged, comparable, tolerance(METRICS[column])).marked
            about = stated(rows, setting, cell["method"])
            printed_here = f"{100 * cell['paper']:.1f}"
            yield _line(row, cell["method"], column, printed_here, cell["source"], summary, about, verdict)
        for identity in in_order(set(rows["method"]) - set(printed["method"])):
            summary = _ours(rows, identity.key, column, row)
            if summary is not None:
                about = stated(rows, setting, identity.key)
                yield _line(row, identity.key, column, "–", "–", summary, about, "–")


def _line(
    row: str,
    key: str,
    column: str,
    paper: str,
    source: str,
    ours: SeedSummary | None,
    about: dict[str, str],
    verdict: str,
) -> dict[str, object]:
    return {
        "category": row,
        "method": method(key).name,
        "metric": column,
        "verdict": verdict,  # before what a narrow screen cuts off
        "paper": paper,
        "whose number": source,
        **per_cent(ours),
        **(about if ours else dict.fromkeys(about, "–")),
        "definition": PROTOCOL[METRICS[column]],
    }


def _ours(rows: pd.DataFrame, key: str, column: str, row: str) -> SeedSummary | None:
    """Ours of a method, ``None`` where there is none that may stand in the row."""
    metric, (dataset, _, category) = METRICS[column], str(rows["dataset"].iloc[0]).partition("/")
    own = rows[rows["method"] == key]
    if row != AVERAGE and not category:
        metric = f"{metric}_{category_of_row(row)}"
    elif row == AVERAGE and dataset in N_CATEGORIES and len(categories(own)) < N_CATEGORIES[dataset]:
        return None
    values = by_seed(own, metric=metric)
    return summarise(values) if len(values) else None


def per_cent(summary: SeedSummary | None) -> dict[str, object]:
    """Mean and deviation, interval, every seed and their number, in per cent."""
    if summary is None:
        return {"ours": "–", "interval": "–", "seeds": "–", "n": 0}
    n = len(summary.values)
    low, high = shown_ends(summary, AUPRO)  # every metric here is a share
    spread = f" ± {100 * summary.sd:.1f}" if n > 1 else ""
    return {
        "ours": f"{100 * summary.mean:.1f}{spread}",
        "interval": f"{100 * low:.1f} to {100 * high:.1f}" if n > 1 else "–",
        "seeds": ", ".join(f"{100 * value:.1f}" for value in summary.values),
        "n": n,
    }


@cache
def _mismatches(number: str) -> tuple[str, ...]:
    """What is said of printed averages that are not those of the values above them."""
    if number not in ("1", "2", "3"):  # the others print an average alone
        return ()
    cells = student_teacher_cells()
    cells = cells[cells["table"] == number]
    said = []
    for key in dict.fromkeys(cells["method"]):
        own = cells[cells["method"] == key].set_index("row")["paper"] * 100
        if round(own.drop(AVERAGE).mean(), 1) != round(own[AVERAGE], 1):
            mean = own.drop(AVERAGE).mean()
            said.append(f"The printed average of {method(key).name} is {own[AVERAGE]:.1f}; its values give {mean:.2f}.")
    return tuple(said)


def printed_table() -> ReportTable:
    """Tables 1 to 5 as printed, methods side by side, in per cent."""
    cells = student_teacher_cells()
    cells = cells[cells["table"] != "6"].assign(paper=lambda table: (100 * table["paper"]).map("{:.1f}".format))
    wide = cells.pivot_table(
        index=["table", "column", "row"], columns="method", values="paper", aggfunc="first", sort=False
    ).reset_index()
    wide["row"] = [_TITLES[t] if t in ("4", "5") else row for t, row in zip(wide["table"], wide["row"], strict=True)]
    names = {key: method(key).name for key in wide.columns if key not in ("table", "column", "row")}
    frame = wide.rename(columns={**names, "column": "metric", "row": "category"}).rename_axis(columns=None)
    said = [note for number in ("1", "2", "3") for note in _mismatches(number)]
    return ReportTable(frame, "Tables 1 to 5 of the paper, as printed, in per cent", tuple(said))


def sources_table() -> ReportTable:
    """Whose numbers the cells of Tables 1 to 5 are, and how many of each."""
    cells = student_teacher_cells()
    cells = cells[cells["table"] != "6"]
    lines = []
    for (source, tables), part in cells.groupby(["source", cells["table"].isin(["4", "5"])], sort=False):
        which = "4, 5" if tables else "1 to 3"
        names = ", ".join(method(key).name for key in dict.fromkeys(part["method"]))
        lines.append({"tables": which, "methods": names, "cells": len(part), "whose number": source})
    differing = cells[cells["benchmark"].notna()]
    said = [
        f"{method(c['method']).name}, Table {c['table']}, {c['row']}, {c['column']}: {100 * c['paper']:.1f} printed, "
        f"{100 * c['benchmark']:.1f} in the log."
        for c in differing.to_dict("records")
    ]
    return ReportTable(pd.DataFrame(lines), "Where the values of Tables 1 to 5 come from", (_SOURCE_NOTE, *said))
