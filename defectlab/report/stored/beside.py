"""The papers' tables cell by cell beside the stored runs: the tables of the notebooks, on rows that are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from defectlab.report.ablation_tables import ablation_table
from defectlab.report.contrastive_setting import settings_in
from defectlab.report.ddpm_moco_tables import average_precision_table
from defectlab.report.identity import GROUPS
from defectlab.report.in_and_out_tables import in_and_out_tables
from defectlab.report.rules import RULES_NOTE
from defectlab.report.stored import StoredRun, stored_runs
from defectlab.report.stored.grids import StoredGrid, stored_grids
from defectlab.report.student_teacher_tables import student_teacher_tables
from defectlab.report.tables import ReportTable, detection_table, fidelity_table

_ABLATIONS = {identity.key for identity in GROUPS["ablations"]}


def tables_beside(paper: str) -> list[ReportTable]:
    """The paper's tables with a column of ours, one set a stored run; empty where nothing is stored.

    Raises:
        ValueError: for a paper without tables of cells.
    """
    if paper not in _OF:
        raise ValueError(f"cells stand beside stored runs for {', '.join(_OF)}, got {paper!r}")
    return [table for kept, tables in _OF[paper]() for table in _named(kept, tables)]


def _named(kept: StoredRun | StoredGrid, tables: list[ReportTable]) -> Iterator[ReportTable]:
    """The tables with the stored run in their captions; what all their notes say stands under the last one."""
    said = dict.fromkeys(note for table in tables for note in table.notes if note != RULES_NOTE)
    for number, table in enumerate(tables, 1):
        notes = (*said, *kept.notes, RULES_NOTE) if number == len(tables) else ()
        yield replace(table, caption=f"{table.caption}; stored run {kept.name}", notes=notes)


def _diag() -> Iterator[tuple[StoredRun, list[ReportTable]]]:
    for run in stored_runs("diag"):
        tables = [detection_table(run.rows, run.regime, run.n_aug)]
        if run.rows["metric"].str.startswith(("fid", "frechet")).any():
            tables.append(fidelity_table(run.rows))
        yield run, tables


def _in_and_out() -> Iterator[tuple[StoredGrid, list[ReportTable]]]:
    for grid in stored_grids("in_and_out"):
        yield grid, [table for regime in grid.regimes for table in in_and_out_tables(grid.rows, regime)]


def _ddpm_moco() -> Iterator[tuple[StoredGrid, list[ReportTable]]]:
    for study in stored_grids("ddpm_moco_study"):
        words = dict.fromkeys(setting.words for setting in settings_in(study.rows))
        first = {setting.words: setting for setting in reversed(settings_in(study.rows))}
        yield study, [average_precision_table(study.rows, first[word]) for word in words]


def _student_teacher() -> Iterator[tuple[StoredRun, list[ReportTable]]]:
    for run in stored_runs("student_teacher"):
        ablated = [ablation_table(run.rows)] if _ABLATIONS & set(run.rows["method"]) else []
        yield run, [*student_teacher_tables(run.rows), *ablated]


_OF: dict[str, Callable[[], Iterator[tuple[StoredRun | StoredGrid, list[ReportTable]]]]] = {
    "diag": _diag,
    "in_and_out": _in_and_out,
    "ddpm_moco": _ddpm_moco,
    "student_teacher": _student_teacher,
}
