"""Findings as tables: a line a claim, and a line an ordering."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from defectlab.report.claims.findings import Finding, evaluate, held_in_words
from defectlab.report.claims.ledger import Claim, load_claims
from defectlab.report.rules import HOLD_NOTE, RULES_NOTE
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import Verdict, combine


def scoreboard(rows: pd.DataFrame | None = None, paper: str = "diag") -> pd.DataFrame:
    """One row a claim and data set, with what was tried, what held and the verdict.

    Without rows every claim is there with the verdict *not attempted*.
    """
    lines = []
    for claim in load_claims(paper):
        findings = [] if rows is None or rows.empty else evaluate(claim, rows)
        for dataset in _listed(findings) or ["–"]:
            own = [finding for finding in findings if finding.dataset == dataset]
            lines.append(_scoreboard_line(claim, dataset, own))
    return pd.DataFrame(lines)


def scoreboard_table(rows: pd.DataFrame, paper: str = "diag", caption: str = "") -> ReportTable:
    """The scoreboard as a notebook shows it: verdict first, what repeats in every row left out, the untried counted.

    Args:
        rows: result rows of the run.
        paper: short name.
        caption: of the table; one is made where it is empty.
    """
    frame = scoreboard(rows, paper)
    tried = frame[frame["verdict"] != Verdict.NOT_ATTEMPTED.marked]
    untried = frame[frame["verdict"] == Verdict.NOT_ATTEMPTED.marked]
    data = sorted(set(tried["dataset"]) - {"any"})
    shown = tried[["claim", "verdict", "statement", "held", *(["dataset"] if len(data) > 1 else [])]]
    names = list(dict.fromkeys(untried["claim"]))
    if names:
        line = dict.fromkeys(shown, "–") | {"claim": ", ".join(names), "verdict": Verdict.NOT_ATTEMPTED.marked}
        line["statement"] = f"{len(names)} claim{'s' * (len(names) != 1)} with nothing to try on these rows"
        shown = pd.concat([shown, pd.DataFrame([line])], ignore_index=True)
    on = f" on {data[0]}" if len(data) == 1 else ""
    return ReportTable(shown, caption or f"The claims on trial{on}, on the rows of this run", (HOLD_NOTE, RULES_NOTE))


def findings_table(rows: pd.DataFrame, paper: str = "diag") -> pd.DataFrame:
    """One row an ordering: the paper's difference, ours with its interval and all seeds, the verdict."""
    findings = [finding for claim in load_claims(paper) for finding in evaluate(claim, rows)]
    return pd.DataFrame(
        [
            {
                "claim": finding.claim,
                "dataset": finding.dataset,
                "ordering": str(finding.relation),
                "paper": finding.paper,
                "ours": finding.ours.mean if finding.ours else float("nan"),
                "low": finding.ours.t.low if finding.ours else float("nan"),
                "high": finding.ours.t.high if finding.ours else float("nan"),
                "per_seed": finding.ours.values if finding.ours else (),
                "n_aug": ", ".join(map(str, finding.counts)),
                "verdict": finding.verdict.value,
            }
            for finding in findings
        ]
    )


def _listed(findings: Sequence[Finding]) -> list[str]:
    """Data sets of a scoreboard: all, but of one that was split into settings those that were tried, where any was."""
    tried = {finding.dataset for finding in findings if finding.verdict != Verdict.NOT_ATTEMPTED}
    roots = {name.split(" (")[0] for name in tried}
    return sorted(name for name in {f.dataset for f in findings} if name in tried or name.split(" (")[0] not in roots)


def _scoreboard_line(claim: Claim, dataset: str, findings: list[Finding]) -> dict[str, str]:
    if claim.tests:
        judged, dataset = Verdict.REPRODUCED, "any"
    else:
        judged = combine([finding.verdict for finding in findings])
    tried = [finding for finding in findings if finding.verdict != Verdict.NOT_ATTEMPTED]
    return {
        "claim": claim.id,
        "verdict": judged.marked,
        "statement": claim.statement,
        "where": claim.where,
        "tested": claim.tested,
        "dataset": dataset,
        "held": held_in_words(tried, len(claim.relations)) if claim.relations else "in every build",
        "remark": claim.remark,
    }
