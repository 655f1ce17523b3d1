"""Lines that all tables of result rows share: the paper's value, ours with interval and seeds, protocol, verdict."""

from __future__ import annotations

import pandas as pd

from defectlab.evaluation.seeds import SeedSummary
from defectlab.report.identity import method
from defectlab.report.rules import RULES_NOTE
from defectlab.report.summary import mean_and_sd, require_rows, shown_ends
from defectlab.report.verdict import Verdict, is_comparable

OURS_NOTE = (
    "ours: mean ± standard deviation over seeds; interval: 95 %, Student, over seeds, cut at 0 and 1 where the metric "
    "lies between them, and at 0 where it is a distance."
)


def cell_line(
    key: str,
    n_aug: object,
    column: str,
    paper: str,
    ours: SeedSummary | None,
    protocol: str,
    verdict: Verdict | None,
) -> dict[str, object]:
    """One line of a table.

    Args:
        key: short name of the method.
        n_aug: number of synthetic positives, or what stands in its place.
        column: metric as the paper names it.
        paper: what the paper prints, a dash where it prints nothing.
        ours: our values over seeds.
        protocol: what a reader is told of the metric.
        verdict: ``None`` where there is nothing to judge.
    """
    return {
        "method": method(key).name,
        "n_aug": n_aug,
        "metric": column,
        "verdict": "–" if verdict is None else verdict.marked,  # before what a narrow screen cuts off
        "paper": paper,
        **our_cells(ours, column),
        "protocol": protocol,
    }


def our_cells(summary: SeedSummary | None, metric: str) -> dict[str, object]:
    """Mean and deviation, interval, every seed and their number; of a share the interval ends at 0 and 1."""
    if summary is None:
        return {"ours": "–", "interval": "–", "seeds": "–", "n": 0}
    n = len(summary.values)
    low, high = shown_ends(summary, metric)
    interval = f"{low:.3f} to {high:.3f}" if n > 1 else "–"
    seeds = ", ".join(f"{value:.3f}" for value in summary.values)
    return {"ours": mean_and_sd(summary, 3), "interval": interval, "seeds": seeds, "n": n}


def rows_of_one_run(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, checked to be of one data set and one profile.

    Raises:
        ValueError: if there is no row, or the rows mix data sets or profiles.
    """
    rows = require_rows(rows)
    if rows.empty:
        raise ValueError("expected result rows, got none")
    for column in ("dataset", "profile"):
        if rows[column].nunique() > 1:
            raise ValueError(
                f"one table shows one {column}; got {', '.join(sorted(set(rows[column])))}: filter the rows"
            )
    return rows


def where(rows: pd.DataFrame) -> str:
    """Data set and profile of rows of one run."""
    return f"{rows['dataset'].iloc[0]} ({rows['profile'].iloc[0]} profile)"


def smoke_note(rows: pd.DataFrame) -> tuple[str, ...]:
    """One sentence for rows of a smoke run, nothing for others."""
    return ("Smoke profile: not a result.",) if (rows["profile"] == "smoke").any() else ()


def notes(rows: pd.DataFrame, *protocol: str) -> tuple[str, ...]:
    """Sentences under a table: protocol, how ours are stated, the rule, what is not comparable."""
    said = [*protocol, OURS_NOTE, RULES_NOTE]
    if not is_comparable(rows):
        said.append(
            f"Here: {where(rows)}, not the paper's data at the paper profile, so absolute values are not comparable; "
            "the verdicts on the claims concern orderings."
        )
    return (*said, *smoke_note(rows))
