"""Tables of stored runs of the student-teacher notebook: every method, the ablation, and what the claims come to."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from defectlab.report.ablation_tables import SHOWN, gap_in_per_cent
from defectlab.report.claims import findings_table
from defectlab.report.identity import GROUPS, in_order
from defectlab.report.rules import RULES_NOTE
from defectlab.report.stored import StoredRun, stored_runs
from defectlab.report.student_teacher_tables import DESTSEG_NOTE, METRICS, per_cent
from defectlab.report.summary import PROTOCOL, by_seed, require_rows, summarise
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import Verdict

FULL = "student_teacher"
COLUMNS = METRICS | {PROTOCOL[metric]: metric for metric in SHOWN if metric not in METRICS.values()}
"""Column to metric: every one that is measured, those of the paper's tables under its names."""
BESIDE = {"the floor": "nearest", "DeSTSeg": "destseg"}
"""What the student-teacher is to be above."""
SAME_VIT = "pocket_teacher"
"""Value of ``backbone_weights`` of runs whose baselines read the ViT that is the teacher at the laptop profile."""
_ABLATIONS = {identity.key for identity in GROUPS["ablations"]}
_NOTE = (
    "Per cent: mean ± standard deviation over seeds; differences paired by seed with their 95 % interval. The image "
    "score of every method is the mean of the 100 largest pixels of its map where no other is named."
)
_NOTHING = "none stored yet"


def stored_localisation(notebook: str = FULL) -> ReportTable:
    """One line a stored run and method: every metric, and AUPRO minus that of the floor."""
    lines = []
    for run in stored_runs(notebook=notebook):
        rows = require_rows(run.rows)
        for identity in in_order(set(rows["method"]) - _ABLATIONS):
            beside = {"AUPRO minus the floor (95 %)": gap_in_per_cent(rows, identity.key, "nearest", "aupro")}
            name = f"{identity.name}, same ViT" if _on_same_vit(run) and identity.key != FULL else identity.name
            lines.append({**_head(run), "method": name, **_values(rows, identity.key, COLUMNS), **beside})
    return _table(lines, "Localisation on the data at hand, stored runs", notebook)


def stored_gaps(notebook: str = FULL) -> ReportTable:
    """One line a stored run and metric: the student-teacher minus the floor and minus DeSTSeg, with intervals.

    The floor stands there twice where a run of it on the features of the same ViT is stored too: the one says what the
    whole is worth beside the shipped encoder, the other what the method adds to its own features.
    """
    runs, lines = stored_runs(notebook=notebook), []
    for run in runs:
        rows = require_rows(run.rows)
        own_features = [other.rows for other in runs if _on_same_vit(other) and _head(other) == _head(run)]
        alike = pd.concat([rows[rows["method"] == FULL], *own_features])
        for column, metric in COLUMNS.items():
            gaps = {f"minus {name} (95 %)": gap_in_per_cent(rows, FULL, key, metric) for name, key in BESIDE.items()}
            gaps["minus the floor on the same ViT (95 %)"] = gap_in_per_cent(alike, FULL, "nearest", metric)
            if set(gaps.values()) != {"–"}:
                lines.append({**_head(run), "metric": column, **gaps})
    table = _table(lines, "The student-teacher minus the floor, and minus DeSTSeg, stored runs", notebook)
    return ReportTable(table.frame, table.caption, (*table.notes[:1], DESTSEG_NOTE) if lines else ())


def stored_ablation(notebook: str = FULL) -> ReportTable:
    """One line a stored run and row of Table 6, with what the full method has more."""
    lines = []
    for run in stored_runs(notebook=notebook):
        rows = require_rows(run.rows)
        there = set(rows["method"]) & _ABLATIONS
        for identity in in_order({FULL, *there}) if there else ():
            drops = {
                f"drop in {column} (95 %)": gap_in_per_cent(rows, FULL, identity.key, metric)
                for column, metric in METRICS.items()
            }
            shown = dict.fromkeys(drops, "–") if identity.key == FULL else drops
            lines.append({**_head(run), "row": identity.name, **_values(rows, identity.key, METRICS), **shown})
    return _table(lines, "Ablation on the data at hand, stored runs", notebook)


def stored_orderings(notebook: str = FULL) -> ReportTable:
    """One line a claimed ordering that a stored run can judge."""
    lines = []
    for run in stored_runs(notebook=notebook):
        for found in findings_table(run.rows, notebook).to_dict("records"):
            if found["verdict"] == Verdict.NOT_ATTEMPTED.value:
                continue
            ends = f" ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})" if len(found["per_seed"]) > 1 else ""
            lines.append(
                {
                    "claim": found["claim"],
                    **_head(run),
                    "ordering": found["ordering"],
                    "paper": f"{100 * found['paper']:+.1f}",
                    "here (95 %)": f"{100 * found['ours']:+.1f}{ends}",
                    "verdict": Verdict(found["verdict"]).marked,
                }
            )
    table = _table(lines, "Claimed orderings that stored runs can judge, in points", notebook)
    return ReportTable(table.frame, table.caption, (*table.notes, RULES_NOTE) if lines else table.notes)


def _on_same_vit(run: StoredRun) -> bool:
    return run.parameters.get("backbone_weights") == SAME_VIT


def _head(run: StoredRun) -> dict[str, object]:
    return {"data": run.dataset, "models": run.regime.replace("_", " "), "seeds": len(run.seeds)}


def _values(rows: pd.DataFrame, key: str, columns: Mapping[str, str]) -> dict[str, object]:
    values = {column: by_seed(rows, method=key, metric=metric) for column, metric in columns.items()}
    return {column: per_cent(summarise(v) if len(v) else None)["ours"] for column, v in values.items()}


def _table(lines: list[dict[str, object]], caption: str, notebook: str) -> ReportTable:
    if not lines:
        return ReportTable(pd.DataFrame([{"data": _NOTHING}]), caption)
    told = [note for run in stored_runs(notebook=notebook) for note in run.notes]
    return ReportTable(pd.DataFrame(lines).fillna("–"), caption, (_NOTE, *told))
