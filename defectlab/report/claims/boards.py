"""Findings as tables: a line a claim, and a line an ordering."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from defectlab.report.claims.findings import Finding, evaluate
from defectlab.report.claims.ledger import Claim, load_claims
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
    held = sum(finding.verdict in (Verdict.REPRODUCED, Verdict.PARTLY) for finding in findings)
    attempted = sum(finding.verdict != Verdict.NOT_ATTEMPTED for finding in findings)
    return {
        "claim": claim.id,
        "statement": claim.statement,
        "where": claim.where,
        "tested": claim.tested,
        "dataset": dataset,
        "held": _held(held, attempted, len(claim.relations)) if claim.relations else "in every build",
        "verdict": judged.marked,
        "remark": claim.remark,
    }


def _held(held: int, attempted: int, claimed: int) -> str:
    """How many orderings hold, in words: of those that could be tried, and how many the paper claims."""
    if not attempted:
        return f"none of {claimed} orderings tried"
    return f"{held} of {attempted} orderings tried" + (f"; {claimed} are claimed" if claimed != attempted else "")
