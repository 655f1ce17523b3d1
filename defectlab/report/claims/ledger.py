"""The ledger: one file a paper, read into claims."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations, product
from typing import Any

from defectlab.report.claims.relations import SIGNS, Relation, Side
from defectlab.report.summary import protocol

_LEDGER = "defectlab.report.claims"
_KINDS = {
    "order": "each n_aug apart",
    "counts": "between values of n_aug",
    "regimes": "between regimes at equal n_aug",
    "averages": "mean over the paper's n_aug that both sides have, seed by seed",
}


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
        evidence: names of the stored runs and grids whose rows judge it.
    """

    paper: str
    id: str
    statement: str
    where: str
    relations: tuple[Relation, ...]
    tested: str = ""
    remark: str = ""
    tests: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


def load_claims(paper: str = "diag") -> tuple[Claim, ...]:
    """The claims of a paper.

    Raises:
        ValueError: if the ledger has no such paper, or an entry is malformed.
    """
    file = files(_LEDGER) / f"{paper}.toml"
    if not file.is_file():
        known = sorted(entry.name[:-5] for entry in files(_LEDGER).iterdir() if entry.name.endswith(".toml"))
        raise ValueError(f"no claims of paper {paper!r}; the ledger has: {', '.join(known)}")
    return tuple(_claim(paper, entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["claim"])


def _claim(paper: str, entry: dict[str, Any]) -> Claim:
    if entry["kind"] == "tests":
        tests = tuple(entry["tests"])
        how = f"by {len(tests)} tests of the suite: {', '.join(test.rsplit('::', 1)[-1] for test in tests)}"
        return Claim(paper, entry["id"], entry["statement"], entry["where"], (), how, entry.get("remark", ""), tests)
    orders = [{**entry, **order} for order in entry.get("orders", [{}])]
    wrong = [order["better"] for order in orders if order["better"] not in SIGNS]
    if entry["kind"] not in _KINDS or wrong:
        raise ValueError(
            f"claim {entry['id']} of {paper}: kind must be one of {', '.join(_KINDS)} and better one of "
            f"{', '.join(SIGNS)}, got {entry['kind']!r} and {', '.join(map(repr, wrong)) or repr(orders[0]['better'])}"
        )
    relations = tuple(relation for order in orders for relation in _relations(order))
    protocols = dict.fromkeys(protocol(relation.metric) for relation in relations)
    how = f"; {_KINDS[entry['kind']]}" if entry.get("n_aug") else ""
    tested = f"{'; '.join(protocols)}{how}; differences paired by seed"
    about = (entry["statement"], entry["where"], relations, tested, entry.get("remark", ""))
    return Claim(paper, entry["id"], *about, evidence=tuple(entry.get("evidence", ())))


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
