"""Stored studies of DDPM-MoCo's loss: what the losses are worth in each setting, and the verdicts on the claims."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from defectlab.report.claims import findings_table
from defectlab.report.contrastive_setting import MAP_STEP
from defectlab.report.contrastive_tables import loss_effect_table
from defectlab.report.rules import RULES_NOTE
from defectlab.report.stored.grids import StoredGrid, stored_grids
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import Verdict

STUDIES = {"ddpm_moco": "ddpm_moco_study"}
"""Paper to the name of its study, as stored grids have it."""
_NOTHING = "none stored"


def stored_losses(paper: str = "ddpm_moco", metric: str = MAP_STEP, root: Path | None = None) -> ReportTable:
    """One line a stored study and setting: differences of the losses, paired by seed.

    Args:
        paper: whose study.
        metric: to compare in.
        root: where stored results are; those of the package by default.

    Raises:
        ValueError: if the paper has no study, or a stored one is damaged.
    """
    studies = _studies(paper, root)
    tables = [loss_effect_table(study.rows, metric) for study in studies]
    frames = [
        table.frame.assign(data=study.dataset, profile=study.profile)
        for study, table in zip(studies, tables, strict=True)
    ]
    caption = "What the losses are worth, from stored studies"
    if not frames:
        return ReportTable(pd.DataFrame([{"data": _NOTHING, "verdict": "–"}]), caption)
    frame = pd.concat(frames, ignore_index=True)
    columns = ["data", "profile", *[name for name in frame.columns if name not in ("data", "profile")]]
    notes = dict.fromkeys([*(note for study in studies for note in study.notes), *tables[0].notes])
    return ReportTable(frame[columns], caption, tuple(notes))


def stored_loss_claims(paper: str = "ddpm_moco", root: Path | None = None) -> ReportTable:
    """Orderings that stored studies can judge, each setting alone: the paper's gap, ours, the verdict.

    Args:
        paper: whose study.
        root: where stored results are; those of the package by default.

    Raises:
        ValueError: if the paper has no study, or a stored one is damaged.
    """
    lines = []
    for study in _studies(paper, root):
        for finding in findings_table(study.rows, paper).to_dict("records"):
            if finding["verdict"] == Verdict.NOT_ATTEMPTED:
                continue
            per_seed = finding["per_seed"]
            interval = f" ({finding['low']:+z.3f} to {finding['high']:+z.3f})" if len(per_seed) > 1 else ""
            lines.append(
                {
                    "claim": finding["claim"],
                    "data and setting": finding["dataset"],
                    "ordering": finding["ordering"],
                    "paper": f"{finding['paper']:+z.3f}",
                    "here (95 %)": f"{finding['ours']:+z.3f}{interval}",
                    "seeds": len(per_seed),
                    "verdict": Verdict(finding["verdict"]).marked,
                }
            )
    caption = "Claims that the stored studies can judge"
    if not lines:
        return ReportTable(pd.DataFrame([{"claim": _NOTHING, "verdict": "–"}]), caption)
    made = dict.fromkeys(note for study in _studies(paper, root) for note in study.notes)
    return ReportTable(pd.DataFrame(lines), caption, (*made, RULES_NOTE))


def _studies(paper: str, root: Path | None) -> tuple[StoredGrid, ...]:
    if paper not in STUDIES:
        raise ValueError(f"a study of its loss has {', '.join(STUDIES)}, got {paper!r}")
    return stored_grids(STUDIES[paper], root=root)
