"""Stored studies of DDPM-MoCo's loss: what the losses are worth in each setting, and the verdicts on the claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from defectlab.report.claims import findings_table
from defectlab.report.collapse_plots import collapse_curves, loss_effect
from defectlab.report.contrastive_setting import MAP_STEP, settings_in
from defectlab.report.contrastive_tables import loss_effect_table
from defectlab.report.rules import RULES_NOTE
from defectlab.report.stored.grids import StoredGrid, stored_grids
from defectlab.report.stored.histories import load_histories
from defectlab.report.style import Plot
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import EXCLUDED, Verdict, excludes

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
                    EXCLUDED: excludes(finding["paper"], finding["low"], finding["high"]),
                    "verdict": Verdict(finding["verdict"]).marked,
                }
            )
    caption = "Claims that the stored studies can judge"
    if not lines:
        return ReportTable(pd.DataFrame([{"claim": _NOTHING, "verdict": "–"}]), caption)
    made = dict.fromkeys(note for study in _studies(paper, root) for note in study.notes)
    return ReportTable(pd.DataFrame(lines), caption, (*made, RULES_NOTE))


def stored_collapse(
    dataset: str, batch_norm: str, batches: str = "shuffled", paper: str = "ddpm_moco", root: Path | None = None
) -> Plot:
    """The measures of collapse by epoch in one setting of a stored study, epoch 0 being the untrained encoder.

    Args:
        dataset: of the study.
        batch_norm: ``"plain"``, ``"shuffled"`` or ``"group"``.
        batches: ``"shuffled"`` or ``"single_class"``.
        paper: whose study.
        root: where stored results are; those of the package by default.

    Raises:
        ValueError: if no study of the data set has histories of that setting.
    """
    study = _study(dataset, paper, root)
    histories = load_histories(study.name, study.rows, root)
    settings = [s for s in settings_in(study.rows) if (s.batches, s.batch_norm) == (batches, batch_norm)]
    own = histories[histories["regime"].isin([s.regime for s in settings])]
    if own.empty:
        raise ValueError(f"the stored study {study.name} has no histories of {batches} batches, {batch_norm}")
    title = f"{dataset}: {settings[0].backbone}, {settings[0].label}"
    plot = collapse_curves(own, study.profile, title)
    return replace(plot, alt=f"{title}. {plot.alt}")


def stored_effect(dataset: str, paper: str = "ddpm_moco", root: Path | None = None) -> Plot:
    """What the improved loss adds to the original one in each setting of a stored study, and the paper's gain.

    Args:
        dataset: of the study.
        paper: whose study.
        root: where stored results are; those of the package by default.

    Raises:
        ValueError: if there is no study of the data set.
    """
    study = _study(dataset, paper, root)
    plot = loss_effect(study.rows, profile=study.profile, title=dataset)
    return replace(plot, alt=f"{dataset}. {plot.alt}")


def _study(dataset: str, paper: str, root: Path | None) -> StoredGrid:
    found = {study.dataset: study for study in _studies(paper, root)}
    if dataset not in found:
        raise ValueError(f"no study of {paper} on {dataset!r} is stored; there are: {', '.join(found) or 'none'}")
    return found[dataset]


def _studies(paper: str, root: Path | None) -> tuple[StoredGrid, ...]:
    if paper not in STUDIES:
        raise ValueError(f"a study of its loss has {', '.join(STUDIES)}, got {paper!r}")
    return stored_grids(STUDIES[paper], root=root)
