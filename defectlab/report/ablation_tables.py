"""Table 6 of the student-teacher paper, and what each method gains over another here, paired by seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report.cells import OURS_NOTE, rows_of_one_run, smoke_note, where
from defectlab.report.identity import GROUPS, in_order, method
from defectlab.report.published.student_teacher import student_teacher_cells
from defectlab.report.rules import RULES_NOTE
from defectlab.report.student_teacher_tables import METRICS, per_cent
from defectlab.report.summary import (
    AUPRO,
    IMAGE_AUROC,
    IMAGE_AUROC_MAX,
    PIXEL_AP,
    PIXEL_AUROC,
    PIXEL_F1,
    PROTOCOL,
    by_seed,
    paired,
    summarise,
)
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import evidence, of_ordering

FULL = "student_teacher"
SHOWN = (IMAGE_AUROC, IMAGE_AUROC_MAX, PIXEL_AUROC, PIXEL_AP, PIXEL_F1, AUPRO)
_DROP_NOTE = "drop: the full method minus the row, paired by seed, with its 95 % interval; values in per cent."
_SEG_NOTE = "The row without the head removes the focal loss too, in the paper and here."


def ablation_table(rows: pd.DataFrame) -> ReportTable:
    """Table 6: the paper's value and drop, ours, and whether the row is below the full method here.

    Args:
        rows: result rows of one data set and one profile; without ablations the table says what was printed.

    Raises:
        ValueError: if there is no row, or the rows mix data sets or profiles.
    """
    rows = rows_of_one_run(rows)
    keys = [FULL, *(identity.key for identity in GROUPS["ablations"])]
    lines = [line for key in keys for line in _ablation_lines(key, rows)]
    caption = f"Student-teacher, Table 6: ablation on MVTec AD in the paper, here on {where(rows)}"
    said = (_DROP_NOTE, _SEG_NOTE, OURS_NOTE, RULES_NOTE, *smoke_note(rows))
    return ReportTable(pd.DataFrame(lines), caption, said)


def localisation_table(rows: pd.DataFrame, metrics: Sequence[str] = SHOWN) -> ReportTable:
    """One line a method: mean and deviation over seeds of each metric, in per cent.

    Raises:
        ValueError: if there is no row, or the rows mix data sets or profiles.
    """
    rows = rows_of_one_run(rows)
    lines = []
    for identity in in_order(set(rows["method"])):
        values = {metric: by_seed(rows, method=identity.key, metric=metric) for metric in metrics}
        ours = {PROTOCOL[m]: per_cent(summarise(v) if len(v) else None)["ours"] for m, v in values.items()}
        lines.append({"method": identity.name, **ours, "seeds": max(len(v) for v in values.values())})
    caption = f"Localisation on {where(rows)}: mean ± standard deviation over seeds, in per cent"
    return ReportTable(pd.DataFrame(lines), caption, smoke_note(rows))


def gains_table(rows: pd.DataFrame, metrics: Sequence[str] = tuple(METRICS.values())) -> ReportTable:
    """The full method minus every other, metric by metric, paired by seed, with the 95 % interval, in per cent.

    Raises:
        ValueError: if there is no row, or the rows mix data sets or profiles.
    """
    rows = rows_of_one_run(rows)
    lines = [
        {"difference": f"{method(FULL).name} - {other.name}", "metric": PROTOCOL[metric], **_difference(gap)}
        for other in in_order(set(rows["method"]) - {FULL})
        for metric in metrics
        if (gap := _gap(rows, FULL, other.key, metric)) is not None
    ]
    frame = pd.DataFrame(lines, columns=["difference", "metric", "mean (95 %)", "seeds"])
    caption = f"What the student-teacher gains on {where(rows)}, in per cent"
    return ReportTable(frame, caption, ("Paired by seed; 95 %: Student, over seeds.", *smoke_note(rows)))


def gap_in_per_cent(rows: pd.DataFrame, left: str, right: str, metric: str) -> str:
    """One method minus another in one metric, paired by seed, with the 95 % interval; a dash where either has none."""
    return str(_difference(None if left == right else _gap(rows, left, right, metric))["mean (95 %)"])


def printed_ablation() -> ReportTable:
    """Table 6 as printed, in per cent."""
    cells = student_teacher_cells()
    cells = cells[cells["table"] == "6"]
    wide = cells.pivot_table(index="method", columns="column", values="paper", sort=False) * 100
    frame = wide.round(1).reset_index().rename(columns={"method": "row"}).rename_axis(columns=None)
    frame["row"] = [method(key).name for key in frame["row"]]
    return ReportTable(frame, "Table 6 of the paper, as printed, in per cent", (_SEG_NOTE,))


def _ablation_lines(key: str, rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    printed_cells = student_teacher_cells().query("table == '6'")
    cells = printed_cells.set_index(["method", "column"])["paper"]
    for column, metric in METRICS.items():
        values = by_seed(rows, method=key, metric=metric)
        printed = (key, column) in cells.index
        if not printed and not len(values):
            continue
        gap = None if key == FULL else _gap(rows, FULL, key, metric)
        judged = gap if len(evidence(rows)) else None
        compared = printed and key != FULL
        drop = float(cells[FULL, column] - cells[key, column]) if compared else float("nan")
        yield {
            "row": method(key).name,
            "metric": column,
            "paper": f"{100 * cells[key, column]:.1f}" if printed else "–",
            "drop in the paper": f"{100 * drop:.1f}" if compared else "–",
            **per_cent(summarise(values) if len(values) else None),
            "drop here (95 %)": _difference(gap)["mean (95 %)"],
            "verdict": of_ordering(judged, drop).marked if compared else "–",
        }


def _gap(rows: pd.DataFrame, left: str, right: str, metric: str) -> PairedDifference | None:
    return paired(by_seed(rows, method=left, metric=metric), by_seed(rows, method=right, metric=metric))


def _difference(gap: PairedDifference | None) -> dict[str, object]:
    if gap is None:
        return {"mean (95 %)": "–", "seeds": "–"}
    ends = f" ({100 * gap.t.low:+.1f} to {100 * gap.t.high:+.1f})" if len(gap.values) > 1 else ""
    return {
        "mean (95 %)": f"{100 * gap.mean:+.1f}{ends}",
        "seeds": ", ".join(f"{100 * value:+.1f}" for value in gap.values),
    }
