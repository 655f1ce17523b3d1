"""What a number of seeds can show: of the gaps that a paper prints, and of our own paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from defectlab.evaluation.power import Design, average_sd
from defectlab.evaluation.seeds import PairedDifference, minimal_detectable_difference, paired_power, seeds_needed
from defectlab.report import published
from defectlab.report.claims import (
    COLUMNS,
    Claim,
    Finding,
    Relation,
    Side,
    evaluate,
    load_claims,
    printed_deviation,
    printed_value,
)
from defectlab.report.tables import ReportTable

POWER = 0.8
"""Chance of showing a difference from which on it is called detectable."""

_PAPER_NOTES = (
    "gap: difference of the printed means. Interval of the gap: from the printed standard deviations, unpaired "
    "(Welch), as a reader of the paper can compute it.",
    f"detectable: smallest true gap whose interval excludes zero with {POWER:.0%} power; power: the chance of that if "
    "the printed gap were the true one (without any gap it is about 5 %, the error rate); seeds: how many of each "
    f"method the printed gap needs for {POWER:.0%} power.",
    "Where two numbers stand, the first takes the printed standard deviation of an average, the mean of three, its "
    "largest possible value; the second takes the three counts as independent, the reading that favours the paper. "
    "Whether the paper divides by n or n - 1 is not stated.",
    "Differences paired by seed can show smaller gaps where the methods share what makes a seed good; the paper prints "
    "no value by seed, so pairing cannot be judged from it.",
)
_OUR_NOTES = (
    "standard deviation: of the differences paired by seed. detectable: smallest true gap whose paired interval "
    f"excludes zero with {POWER:.0%} power at this number of seeds; power: the chance of showing a true gap as large "
    f"as the paper's; seeds needed: for {POWER:.0%} power at the paper's gap.",
    "A standard deviation from few seeds is itself uncertain: from four it may be off by half or more.",
)


def paper_power_table(n_seeds: int = 4, regime: str | None = None, paper: str = "in_and_out") -> ReportTable:
    """What ``n_seeds`` seeds can show of the orderings of averages that a paper claims.

    Args:
        n_seeds: seeds of each method, at least 2; the paper has four.
        regime: only claims on this regime.
        paper: short name of a paper that prints deviations.

    Raises:
        ValueError: if the paper prints no deviations, or the ledger has no claim on the regime.
    """
    lines = [
        _paper_line(claim, relation, n_seeds)
        for claim, relation in _relations(paper, regime)
        if relation.better != "equal"
    ]
    if not lines:
        raise ValueError(f"no claim of {paper} on averages in regime {regime!r}")
    caption = f"What {n_seeds} seeds can show of the gaps that the paper prints"
    return ReportTable(pd.DataFrame(lines), caption, _PAPER_NOTES)


def our_power_table(rows: pd.DataFrame, paper: str = "in_and_out", regime: str | None = None) -> ReportTable:
    """What the seeds of our rows can show of the same orderings, from the deviation of our paired differences.

    Args:
        rows: result rows of any number of data sets; smoke rows are left out.
        paper: short name of the paper.
        regime: only claims on this regime.
    """
    found = [finding for claim in load_claims(paper) for finding in evaluate(claim, rows)]
    lines = [
        _our_line(finding, finding.ours)
        for finding in found
        if finding.ours is not None and regime in (None, finding.relation.left.regime)
    ]
    caption = "What our seeds can show of the same orderings"
    if not lines:
        empty = {"claim": "–", "ordering": "none that these rows can judge", "seeds": "–"}
        return ReportTable(pd.DataFrame([empty]), caption)
    return ReportTable(pd.DataFrame(lines), caption, _OUR_NOTES)


def _relations(paper: str, regime: str | None) -> Iterator[tuple[Claim, Relation]]:
    if "sd" not in published.cells(paper).columns:
        raise ValueError(f"{paper} prints no standard deviations, so that its power cannot be computed")
    for claim in load_claims(paper):
        for relation in claim.relations:
            if regime in (None, relation.left.regime):
                yield claim, relation


def _paper_line(claim: Claim, relation: Relation, n_seeds: int) -> dict[str, object]:
    sides = (relation.left, relation.right)
    gap = relation.gain(*(printed_value(claim.paper, side, relation.metric) for side in sides))
    printed = [printed_deviation(claim.paper, side, relation.metric) for side in sides]
    independent = [_independent(claim.paper, side, relation.metric) for side in sides]
    designs = [Design(left, right, n_seeds) for left, right in (printed, independent)]
    alone = designs[0].interval(gap)
    return {
        "claim": claim.id,
        "ordering": str(relation),
        "gap": f"{gap:.3f}",
        "standard deviations": " and ".join(f"{sd:.3f}" for sd in printed),
        "interval of the gap (95 %)": f"{alone.low:+.3f} to {alone.high:+.3f}",
        "detectable": " / ".join(f"{design.detectable(POWER):.3f}" for design in designs),
        "power": " / ".join(f"{design.power(gap):.2f}" for design in designs),
        "seeds": " / ".join(_count(design.seeds_needed(gap, POWER)) for design in designs),
    }


def _independent(paper: str, side: Side, metric: str) -> float:
    """Deviation of an average whose counts are independent over seeds; of one count, the printed one."""
    if not side.counts:
        return printed_deviation(paper, side, metric)
    cells = published.cells(paper)
    chosen = cells[
        (cells["method"] == side.method)
        & (cells["regime"] == side.regime)
        & (cells["column"] == COLUMNS[metric])
        & cells["n_aug"].isin(side.counts)
    ]
    return average_sd(chosen["sd"].tolist())


def _our_line(finding: Finding, ours: PairedDifference) -> dict[str, object]:
    seeds = len(ours.values)
    return {
        "claim": finding.claim,
        "dataset": finding.dataset,
        "ordering": str(finding.relation),
        "n_aug": ", ".join(map(str, finding.counts)),
        "seeds": seeds,
        "ours (95 %)": f"{ours.mean:+.3f}" + (f" ({ours.t.low:+.3f} to {ours.t.high:+.3f})" if seeds > 1 else ""),
        **_our_power(ours, finding),
        "verdict": finding.verdict.marked,
    }


def _our_power(ours: PairedDifference, finding: Finding) -> Mapping[str, object]:
    """Deviation, detectable gap, power and seeds needed; dashes where the seeds have no spread."""
    columns = ("standard deviation", "detectable", "paper's gap", "power", "seeds needed")
    gap = f"{finding.paper:.3f}"
    if not ours.sd > 0:
        return _row(columns, ("–", "–", gap, "–", "–"))
    k = len(ours.values)
    detectable = f"{minimal_detectable_difference(ours.sd, k, power=POWER):.3f}"
    if finding.relation.better == "equal":
        return _row(columns, (f"{ours.sd:.3f}", detectable, gap, "–", "–"))
    power = f"{paired_power(finding.paper, ours.sd, k):.2f}"
    needed = _count(seeds_needed(finding.paper, ours.sd, power=POWER))
    return _row(columns, (f"{ours.sd:.3f}", detectable, gap, power, needed))


def _row(columns: Sequence[str], values: Sequence[object]) -> dict[str, object]:
    return dict(zip(columns, values, strict=True))


def _count(seeds: int | None) -> str:
    return "over 1000" if seeds is None or seeds > 1000 else str(seeds)
