"""The claim ledger: what a paper claims, as data, and the verdict that result rows give on it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations, product
from typing import Any

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report import published
from defectlab.report.identity import method
from defectlab.report.summary import AP_STEP, FID_64, FID_192, by_seed, paired, require_rows
from defectlab.report.verdict import Verdict, combine, evidence, of_ordering

_COLUMNS = {AP_STEP: "AP", FID_64: "FID_64", FID_192: "FID_192"}  # metric of a row -> column of the published table
_KINDS = ("order", "counts", "regimes")


@dataclass(frozen=True)
class Side:
    """One side of an ordering; ``None`` where the claim does not fix it."""

    method: str
    regime: str | None
    n_aug: int | None


@dataclass(frozen=True)
class Relation:
    """One side is better than the other in one metric."""

    metric: str
    better: str
    left: Side
    right: Side

    def __str__(self) -> str:
        sign = ">" if self.better == "higher" else "<"
        return f"{self.metric}: {_describe(self.left)} {sign} {_describe(self.right)}"

    def gain(self, left: float, right: float) -> float:
        """Difference, positive where the relation holds."""
        return left - right if self.better == "higher" else right - left


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    Attributes:
        paper: short name of the paper.
        id: number in the specification, such as ``"F1"``.
        statement: what is claimed, in one sentence.
        where: table or section.
        relations: orderings that make up the claim.
        remark: what a reader should know before the verdict.
    """

    paper: str
    id: str
    statement: str
    where: str
    relations: tuple[Relation, ...]
    remark: str = ""


@dataclass(frozen=True)
class Finding:
    """One ordering against the result rows of one data set.

    Attributes:
        claim: number of the claim.
        dataset: data set of the rows.
        relation: the ordering.
        paper: difference that the paper prints, positive where the ordering holds.
        ours: our differences paired by seed, ``None`` where a side has no rows.
        verdict: by the stated rule.
    """

    claim: str
    dataset: str
    relation: Relation
    paper: float
    ours: PairedDifference | None
    verdict: Verdict


def load_claims(paper: str = "diag") -> tuple[Claim, ...]:
    """The claims of a paper.

    Raises:
        ValueError: if the ledger has no such paper, or an entry is malformed.
    """
    file = files(__name__) / f"{paper}.toml"
    if not file.is_file():
        known = sorted(entry.name[:-5] for entry in files(__name__).iterdir() if entry.name.endswith(".toml"))
        raise ValueError(f"no claims of paper {paper!r}; the ledger has: {', '.join(known)}")
    return tuple(_claim(paper, entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["claim"])


def evaluate(claim: Claim, rows: pd.DataFrame) -> list[Finding]:
    """Findings on every ordering of a claim, data set by data set; smoke rows are left out.

    Args:
        claim: the claim.
        rows: result rows of any number of data sets; each data set is judged alone.
    """
    rows = evidence(require_rows(rows))
    return [
        _finding(claim.id, str(dataset), relation, own)
        for dataset, own in rows.groupby("dataset", sort=True)
        for relation in claim.relations
    ]


def verdict(claim: Claim, rows: pd.DataFrame, dataset: str) -> Verdict:
    """Verdict on a whole claim on one data set."""
    return combine([finding.verdict for finding in evaluate(claim, rows) if finding.dataset == dataset])


def scoreboard(rows: pd.DataFrame | None = None, paper: str = "diag") -> pd.DataFrame:
    """One row a claim and data set, with what was tried, what held and the verdict.

    Without rows every claim is there with the verdict *not attempted*.
    """
    lines = []
    for claim in load_claims(paper):
        findings = [] if rows is None or rows.empty else evaluate(claim, rows)
        for dataset in sorted({finding.dataset for finding in findings}) or ["–"]:
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
                "verdict": finding.verdict.value,
            }
            for finding in findings
        ]
    )


def _claim(paper: str, entry: dict[str, Any]) -> Claim:
    if entry["kind"] not in _KINDS or entry["better"] not in ("higher", "lower"):
        raise ValueError(
            f"claim {entry['id']} of {paper}: kind must be one of {', '.join(_KINDS)} and better higher or lower, "
            f"got {entry['kind']!r} and {entry['better']!r}"
        )
    relations = tuple(_relations(entry))
    return Claim(paper, entry["id"], entry["statement"], entry["where"], relations, entry.get("remark", ""))


def _relations(entry: dict[str, Any]) -> Iterator[Relation]:
    counts, regimes, methods = entry["n_aug"] or [None], entry["regimes"] or [None], entry["methods"]
    if entry["kind"] == "order":
        lines = [[Side(m, r, n) for m in methods] for n, r in product(counts, regimes)]
    elif entry["kind"] == "counts":
        lines = [[Side(m, r, n) for n in counts] for m, r in product(methods, regimes)]
    else:
        lines = [[Side(m, r, n) for r in regimes] for n, m in product(counts, methods)]
    # Each line runs from best to worst; every pair in it is claimed, so that a missing method leaves the others.
    for metric in entry["metrics"]:
        yield from (Relation(metric, entry["better"], a, b) for line in lines for a, b in combinations(line, 2))


def _finding(claim: str, dataset: str, relation: Relation, rows: pd.DataFrame) -> Finding:
    left, right = (_values(side, relation.metric, rows) for side in (relation.left, relation.right))
    ours = paired(left, right) if relation.better == "higher" else paired(right, left)
    paper = relation.gain(_printed(relation.left, relation.metric), _printed(relation.right, relation.metric))
    return Finding(claim, dataset, relation, paper, ours, of_ordering(ours))


def _values(side: Side, metric: str, rows: pd.DataFrame) -> pd.Series:
    where = {"method": side.method, "metric": metric, "regime": side.regime, "n_aug": side.n_aug}
    return by_seed(rows, **{column: value for column, value in where.items() if value is not None})


def _printed(side: Side, metric: str) -> float:
    cells = published.diag_cells()
    cells = cells[(cells["method"] == side.method) & (cells["column"] == _COLUMNS[metric])]
    if side.regime is not None:
        cells = cells[(cells["regime"] == side.regime) & (cells["n_aug"] == side.n_aug)]
    return float(cells["paper"].item())


def _describe(side: Side) -> str:
    parts = [method(side.method).name]
    if side.regime is not None:
        parts.append(f"({side.regime.replace('_', '-')}, {side.n_aug})")
    return " ".join(parts)


def _scoreboard_line(claim: Claim, dataset: str, findings: list[Finding]) -> dict[str, str]:
    judged = combine([finding.verdict for finding in findings])
    held = sum(finding.verdict in (Verdict.REPRODUCED, Verdict.PARTLY) for finding in findings)
    attempted = sum(finding.verdict != Verdict.NOT_ATTEMPTED for finding in findings)
    return {
        "claim": claim.id,
        "statement": claim.statement,
        "where": claim.where,
        "dataset": dataset,
        "held": f"{held} of {attempted} tried, {len(claim.relations)} claimed",
        "verdict": judged.marked,
        "remark": claim.remark,
    }
