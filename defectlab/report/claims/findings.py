"""The verdict that result rows give on each ordering of a claim, and on the claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report.claims.ledger import Claim
from defectlab.report.claims.printed import printed_value
from defectlab.report.claims.relations import Relation, Side
from defectlab.report.contrastive_setting import judged_settings
from defectlab.report.summary import by_seed, by_seed_over_counts, paired, require_rows
from defectlab.report.verdict import Verdict, combine, evidence, of_equality, of_ordering


@dataclass(frozen=True)
class Finding:
    """One ordering against the result rows of one data set.

    Attributes:
        claim: number of the claim.
        dataset: data set of the rows.
        relation: the ordering.
        paper: difference that the paper prints, positive where the ordering holds; NaN where it prints none.
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


def held_in_words(tried: Sequence[Finding], claimed: int) -> str:
    """How many orderings hold, of how many that the paper claims, and how many could be tried.

    Args:
        tried: findings on the orderings that could be tried; those of several settings count once a setting.
        claimed: orderings of the claim.
    """
    held = sum(finding.verdict in (Verdict.REPRODUCED, Verdict.PARTLY) for finding in tried)
    settings = len({finding.dataset for finding in tried})
    if settings > 1:
        orderings = len({finding.relation for finding in tried})
        return f"{held} of {len(tried)} tried: {orderings} of {claimed} claimed, in {settings} settings"
    return f"{held} of {claimed} claimed, {len(tried) or 'none'} tried"


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
    verdict = of_equality(ours) if relation.better == "equal" else of_ordering(ours, paper)
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
