"""The claim ledger: what a paper claims, as data, and the verdict that result rows give on it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations, product
from typing import Any

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report import published
from defectlab.report.contrastive_setting import judged_settings
from defectlab.report.identity import method
from defectlab.report.summary import (
    AP_STEP,
    AP_TRAPEZOID,
    AUPRO,
    FID_64,
    FID_192,
    IMAGE_AUROC,
    PIXEL_AUROC,
    PRECISION,
    RECALL,
    by_seed,
    by_seed_over_counts,
    paired,
    protocol,
    require_rows,
)
from defectlab.report.verdict import Verdict, combine, evidence, of_equality, of_ordering

# metric of a row -> column of the published table, where they differ
COLUMNS = {
    AP_STEP: "AP",
    AP_TRAPEZOID: "AP",
    PRECISION: "precision",
    RECALL: "recall",
    FID_64: "FID_64",
    FID_192: "FID_192",
    IMAGE_AUROC: "I-AUROC",
    PIXEL_AUROC: "P-AUROC",
    AUPRO: "AUPRO",
}
_KINDS = {
    "order": "each n_aug apart",
    "counts": "between values of n_aug",
    "regimes": "between regimes at equal n_aug",
    "averages": "mean over the paper's n_aug that both sides have, seed by seed",
}
_SIGNS = {"higher": ">", "lower": "<", "equal": "≈"}


@dataclass(frozen=True)
class Side:
    """One side of an ordering; ``None`` where the claim does not fix it.

    Attributes:
        method: short name.
        regime: ``None`` where the metric does not depend on it.
        n_aug: ``None`` where the metric does not depend on it, and in an average over ``counts``.
        counts: values of ``n_aug`` that the side averages over, empty where it does not.
        table: of the paper that prints it, where several print the method; its row is that of the average.
    """

    method: str
    regime: str | None
    n_aug: int | None
    counts: tuple[int, ...] = ()
    table: str = ""


@dataclass(frozen=True)
class Relation:
    """One side is better than the other in one metric, or, where ``better`` is ``"equal"``, on par with it.

    Attributes:
        metric: name, as result rows spell it.
        better: ``"higher"``, ``"lower"`` or ``"equal"``.
        left: the better side.
        right: the other.
        datasets: whose rows may judge it; empty where any may, for an ordering can hold on other data than the paper's.
    """

    metric: str
    better: str
    left: Side
    right: Side
    datasets: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.metric}: {_describe(self.left)} {_SIGNS[self.better]} {_describe(self.right)}"

    def gain(self, left: float, right: float) -> float:
        """Difference, positive where an ordering holds; left minus right where the sides are claimed to be on par."""
        return right - left if self.better == "lower" else left - right


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    Attributes:
        paper: short name of the paper.
        id: number in the specification, such as ``"F1"``.
        statement: what is claimed, in one sentence.
        where: table or section.
        relations: orderings that make up the claim.
        tested: how: what is compared, paired by seed.
        remark: what a reader should know before the verdict.
        tests: of the suite that check a claim which no result row can judge, as ``file::name``; it has no relations.
    """

    paper: str
    id: str
    statement: str
    where: str
    relations: tuple[Relation, ...]
    tested: str = ""
    remark: str = ""
    tests: tuple[str, ...] = ()


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
        counts: values of ``n_aug`` that an average took in, empty where none was taken.
    """

    claim: str
    dataset: str
    relation: Relation
    paper: float
    ours: PairedDifference | None
    verdict: Verdict
    counts: tuple[int, ...] = ()


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
    rows = judged_settings(evidence(require_rows(rows)))
    return [
        _finding(claim, str(dataset), relation, own)
        for dataset, own in rows.groupby("dataset", sort=True)
        for relation in claim.relations
        if not relation.datasets or dataset in relation.datasets
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


def _claim(paper: str, entry: dict[str, Any]) -> Claim:
    if entry["kind"] == "tests":
        tests = tuple(entry["tests"])
        how = f"by {len(tests)} tests of the suite: {', '.join(test.rsplit('::', 1)[-1] for test in tests)}"
        return Claim(paper, entry["id"], entry["statement"], entry["where"], (), how, entry.get("remark", ""), tests)
    orders = [{**entry, **order} for order in entry.get("orders", [{}])]
    wrong = [order["better"] for order in orders if order["better"] not in _SIGNS]
    if entry["kind"] not in _KINDS or wrong:
        raise ValueError(
            f"claim {entry['id']} of {paper}: kind must be one of {', '.join(_KINDS)} and better one of "
            f"{', '.join(_SIGNS)}, got {entry['kind']!r} and {', '.join(map(repr, wrong)) or repr(orders[0]['better'])}"
        )
    relations = tuple(relation for order in orders for relation in _relations(order))
    protocols = dict.fromkeys(protocol(relation.metric) for relation in relations)
    how = f"; {_KINDS[entry['kind']]}" if entry.get("n_aug") else ""
    tested = f"{'; '.join(protocols)}{how}; differences paired by seed"
    return Claim(paper, entry["id"], entry["statement"], entry["where"], relations, tested, entry.get("remark", ""))


def _relations(entry: dict[str, Any]) -> Iterator[Relation]:
    counts, regimes = entry.get("n_aug") or [None], entry.get("regimes") or [None]
    methods, table, datasets = entry["methods"], entry.get("table", ""), tuple(entry.get("datasets", ()))
    if "against" in entry:  # each of the methods is better than each of those
        lines = [[Side(m, None, None, table=table) for m in pair] for pair in product(methods, entry["against"])]
    elif entry["kind"] == "order":
        lines = [[Side(m, r, n, table=table) for m in methods] for n, r in product(counts, regimes)]
    elif entry["kind"] == "counts":
        lines = [[Side(m, r, n) for n in counts] for m, r in product(methods, regimes)]
    elif entry["kind"] == "averages":
        lines = [[_averaged(m, r, counts) for m in methods] for r in regimes]
    else:
        lines = [[Side(m, r, n) for r in regimes] for n, m in product(counts, methods)]
    # Each line runs from best to worst; every pair in it is claimed, so that a missing method leaves the others.
    for metric in entry["metrics"]:
        for line in lines:
            yield from (Relation(metric, entry["better"], a, b, datasets) for a, b in combinations(line, 2))


def _averaged(key: str, regime: str, counts: Sequence[int]) -> Side:
    """The average of a method over the counts; training without added images has one count, 0."""
    return Side(key, regime, 0) if key == "none" else Side(key, regime, None, tuple(counts))


def _finding(claim: Claim, dataset: str, relation: Relation, rows: pd.DataFrame) -> Finding:
    sides = (relation.left, relation.right)
    own = [_rows_of(side, relation.metric, rows) for side in sides]
    counts = _shared_counts(sides, own)
    left, right = (
        by_seed_over_counts(part, counts) if side.counts else by_seed(part)
        for side, part in zip(sides, own, strict=True)
    )
    ours = paired(right, left) if relation.better == "lower" else paired(left, right)
    paper = relation.gain(*(printed_value(claim.paper, side, relation.metric) for side in sides))
    verdict = of_equality(ours) if relation.better == "equal" else of_ordering(ours)
    return Finding(claim.id, dataset, relation, paper, ours, verdict, counts if ours else ())


def _rows_of(side: Side, metric: str, rows: pd.DataFrame) -> pd.DataFrame:
    where = {"method": side.method, "metric": metric, "regime": side.regime, "n_aug": side.n_aug}
    for column, value in where.items():
        if value is not None:
            rows = rows[rows[column] == value]
    return rows


def _shared_counts(sides: Sequence[Side], own: Sequence[pd.DataFrame]) -> tuple[int, ...]:
    """Counts that every averaged side has rows of: an average over other counts would not be like with like."""
    averaged = [set(side.counts) & set(part["n_aug"]) for side, part in zip(sides, own, strict=True) if side.counts]
    return tuple(sorted(int(count) for count in set.intersection(*averaged))) if averaged else ()


def printed_value(paper: str, side: Side, metric: str) -> float:
    """Value that a paper prints for one side of a relation: of an average, that of its "Average" row.

    ``NaN`` for a metric that the paper prints nowhere, as of an ordering that it claims in words alone.
    """
    if COLUMNS.get(metric, metric) not in set(published.cells(paper)["column"]):
        return float("nan")
    return float(_printed_cell(paper, side, metric)["paper"])


def printed_deviation(paper: str, side: Side, metric: str) -> float:
    """Standard deviation over seeds that a paper prints for one side, ``NaN`` where it prints none."""
    return float(_printed_cell(paper, side, metric).get("sd", float("nan")))


def _printed_cell(paper: str, side: Side, metric: str) -> pd.Series:
    cells = published.cells(paper)
    cells = cells[(cells["method"] == side.method) & (cells["column"] == COLUMNS.get(metric, metric))]
    if side.table:
        cells = cells[(cells["table"] == side.table) & (cells["row"] == "Average")]
    if side.regime is not None:
        cells = cells[cells["regime"] == side.regime]
        if side.counts:
            cells = cells[cells["row"] == "average"]
        elif side.n_aug is not None:
            cells = cells[cells["n_aug"] == side.n_aug]
    (only,) = cells.index
    return cells.loc[only]


def _describe(side: Side) -> str:
    if side.regime is None:
        return method(side.method).name + (f" (Table {side.table})" if side.table else "")
    count = "average" if side.counts else side.n_aug
    place = [side.regime.replace("_", "-"), *([] if count is None else [str(count)])]
    return f"{method(side.method).name} ({', '.join(place)})"


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
        "held": f"{held} of {attempted} tried, {len(claim.relations)} claimed" if claim.relations else "in every build",
        "verdict": judged.marked,
        "remark": claim.remark,
    }
