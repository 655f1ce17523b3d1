"""The ledger against what is stored: each claim on each stored run that it names as evidence, and the scoreboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from defectlab.report import stored
from defectlab.report.claims import Claim, Finding, evaluate, load_claims
from defectlab.report.provenance_strip import Provenance
from defectlab.report.stored import RECORD, StoredRun, load_stored
from defectlab.report.stored.grids import StoredGrid, load_stored_grid
from defectlab.report.verdict import Verdict, combine

PAPERS = ("diag", "in_and_out", "ddpm_moco", "student_teacher")
"""Papers of the ledger, in the order of the book."""


@dataclass(frozen=True)
class Piece:
    """Stored rows that are judged together: a grid, or runs that differ in nothing but what a row states.

    Attributes:
        names: of the stored runs, or the one grid.
        dataset: name in the registry.
        masks: source of the defects' masks, empty where there is no such choice.
        made: where the rows of each come from.
        rows: of all of them.
    """

    names: tuple[str, ...]
    dataset: str
    masks: str
    made: tuple[Provenance, ...]
    rows: pd.DataFrame


@dataclass(frozen=True)
class Judgement:
    """A claim on one piece of evidence.

    Attributes:
        claim: of the ledger.
        piece: stored rows.
        findings: on the orderings that the rows can judge, at least one.
        verdict: on the claim.
    """

    claim: Claim
    piece: Piece
    findings: tuple[Finding, ...]
    verdict: Verdict


def judgements(paper: str, root: Path | None = None) -> tuple[Judgement, ...]:
    """Every claim of a paper on every piece of its evidence.

    Args:
        paper: short name.
        root: where stored results are; those of the package by default.

    Raises:
        ValueError: if the ledger has no such paper, or a claim names a stored run that is not there, or one without a
            row that judges it.
    """
    home = root or stored.HOME
    kept = tuple((path.as_posix(), path.stat().st_mtime_ns) for path in sorted(home.glob("*/*.*")))
    return _judgements(paper, home, kept)


@lru_cache(maxsize=8)
def _judgements(paper: str, home: Path, kept: tuple[tuple[str, int], ...]) -> tuple[Judgement, ...]:
    """Judged once as long as the stored files stay as they are: a book shows each on several pages."""
    return tuple(_judged(claim, piece) for claim in load_claims(paper) for piece in pieces(claim, home))


def pieces(claim: Claim, root: Path | None = None) -> tuple[Piece, ...]:
    """The evidence of a claim, made ready to be judged piece by piece, in the order of the ledger.

    Raises:
        ValueError: if a stored run that it names is not there.
    """
    found = [_load(name, claim, root) for name in claim.evidence]
    families = dict.fromkeys(_family(kept) for kept in found)  # in the order in which they are named first
    return tuple(_piece([kept for kept in found if _family(kept) == family]) for family in families)


def judged_by(name: str, paper: str, root: Path | None = None) -> tuple[str, ...]:
    """Numbers of the claims of a paper that the rows of a stored run can judge alone."""
    rows = _open(name, root).rows
    return tuple(claim.id for claim in load_claims(paper) if _tried(evaluate(claim, rows)))


def standing(paper: str, root: Path | None = None) -> dict[str, Verdict]:
    """Verdict on each claim of a paper, by its number, on all its evidence; one held by tests holds in every build."""
    found, claims = judgements(paper, root), load_claims(paper)
    judged = {claim.id: combine([item.verdict for item in found if item.claim.id == claim.id]) for claim in claims}
    return judged | {claim.id: Verdict.REPRODUCED for claim in claims if claim.tests}


def _judged(claim: Claim, piece: Piece) -> Judgement:
    findings = evaluate(claim, piece.rows)
    tried = _tried(findings)
    if not tried:
        raise ValueError(
            f"claim {claim.id} of {claim.paper} names {', '.join(piece.names)} as evidence, which has no row that "
            "judges it; take the name out of the ledger, or store a run that has the metric and the methods"
        )
    # What was not tried counts too: a claim of three orderings is not reproduced by one of them.
    return Judgement(claim, piece, tried, combine([found.verdict for found in findings]))


def _tried(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(found for found in findings if found.verdict != Verdict.NOT_ATTEMPTED)


def _load(name: str, claim: Claim, root: Path | None) -> StoredRun | StoredGrid:
    try:
        return _open(name, root)
    except ValueError as error:
        raise ValueError(f"claim {claim.id} of {claim.paper}, evidence {name!r}: {error}") from error


def _open(name: str, root: Path | None) -> StoredRun | StoredGrid:
    is_run = ((root or stored.HOME) / name / RECORD).is_file()
    return load_stored(name, root) if is_run else load_stored_grid(name, root)


def _family(kept: StoredRun | StoredGrid) -> tuple[str, str, str]:
    return (kept.dataset, kept.masks, kept.family) if isinstance(kept, StoredRun) else (kept.dataset, "", kept.name)


def _piece(group: Sequence[StoredRun | StoredGrid]) -> Piece:
    first = group[0]
    return Piece(
        names=tuple(kept.name for kept in group),
        dataset=first.dataset,
        masks=first.masks if isinstance(first, StoredRun) else "",
        made=tuple(kept.provenance for kept in group),
        rows=pd.concat([kept.rows for kept in group], ignore_index=True),
    )
