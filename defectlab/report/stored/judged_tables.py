"""Tables of the ledger against what is stored: verdicts counted, a line a claim and stored run, a line an ordering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from defectlab.command_lines import readable
from defectlab.report.claims import Finding, load_claims
from defectlab.report.claims.findings import held_in_words
from defectlab.report.rules import HOLD_NOTE, RULES_NOTE
from defectlab.report.stored.judged import PAPERS, Judgement, judgements, standing
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import Verdict

COUNTED = (Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT, Verdict.NOT_ATTEMPTED)
TITLES = {
    "diag": "DIAG",
    "in_and_out": "In&Out",
    "ddpm_moco": "DDPM-MoCo",
    "student_teacher": "Student-teacher",
}
ELSEWHERE = (
    "No stored run is of a paper's own data at its own settings: orderings are judged on other data and with smaller "
    "models, and what fails here may hold there."
)
_NOTHING = "none stored"


HELD = "✓ held by tests"
"""Heading of the claims that hold by construction: tests of the suite check them, no stored run is asked."""
HELD_NOTE = (
    "Held by tests: what must hold by construction, checked by tests of the suite in every build. No stored run is "
    "asked, so such a claim is not counted as reproduced."
)


DRAWN = ("aluminium", "surfaces")
"""Data that a program of this package draws."""
NOT_COUNTED = (
    "Not counted: the own run of a notebook, which is made for this build at the profile of the build and has its "
    "verdicts on its own page, and the stored comparisons, which give every method the same budget instead of a "
    "paper's settings."
)


def counts(paper: str, root: Path | None = None) -> dict[Verdict, int]:
    """How many claims of a paper have each verdict on all that is stored, without those that tests hold."""
    held = {claim.id for claim in load_claims(paper) if claim.tests}
    found = Counter(verdict for number, verdict in standing(paper, root).items() if number not in held)
    return {verdict: found[verdict] for verdict in COUNTED}


def held_by_tests(paper: str) -> int:
    """How many claims of a paper tests of the suite hold."""
    return sum(bool(claim.tests) for claim in load_claims(paper))


def badge_texts(paper: str) -> dict[str, str]:
    """Sign, number and words of each verdict that any claim of the paper has, by heading; tests' claims are last."""
    numbers = {verdict.marked: count for verdict, count in counts(paper).items()} | {HELD: held_by_tests(paper)}
    return {heading: heading.replace(" ", f" {count} ", 1) for heading, count in numbers.items() if count}


def entering(papers: Sequence[str] = PAPERS, root: Path | None = None) -> str:
    """Which runs the counts of verdicts come from, and why two kinds that one might expect are not among them."""
    found = [item for paper in papers for item in judgements(paper, root)]
    data = {name: item.piece.dataset for item in found for name in item.piece.names}
    if not data:
        return "No stored run speaks to a claim."
    drawn = sorted(set(data.values()) & set(DRAWN))
    real = sorted(set(data.values()) - set(DRAWN))
    kinds = [f"real images ({', '.join(real)})"] * bool(real) + [f"drawn surfaces ({', '.join(drawn)})"] * bool(drawn)
    number = f"{len(data)} stored run{'s' * (len(data) != 1)}"
    return f"Counted: {number} on {' and '.join(kinds)}. {NOT_COUNTED}"


def score_table(root: Path | None = None) -> ReportTable:
    """One line a paper: its claims by verdict, and the data of the stored runs that judge them."""
    lines = []
    for paper in PAPERS:
        number = counts(paper, root)
        data = sorted({item.piece.dataset for item in judgements(paper, root)})
        judged = {verdict.marked: str(count) for verdict, count in number.items()}
        held = held_by_tests(paper)
        row = {"paper": TITLES[paper], "claims": str(sum(number.values()) + held), **judged, HELD: str(held)}
        lines.append({**row, "judged on": ", ".join(data) or "–"})
    notes = (entering(root=root), RULES_NOTE, HELD_NOTE, ELSEWHERE)
    return ReportTable(pd.DataFrame(lines), "Claims of the four papers on all stored runs", notes)


def evidence_table(paper: str, root: Path | None = None) -> ReportTable:
    """One line a claim and stored run: the verdict, what was tried and held, and the number of the run below it.

    The notes end with a numbered list of the runs: what each is, and the command that makes it again. A command is a
    line of several hundred characters, and no column holds it.
    """
    found = judgements(paper, root)
    numbers = {name: number for number, name in enumerate(_runs(found), 1)}
    lines = [
        {
            "claim": item.claim.id,
            "verdict": item.verdict.marked,
            "orderings that hold": held_in_words(item.findings, len(item.claim.relations)),
            "paper": _span([found.paper for found in item.findings]),
            "here": _span([found.ours.mean for found in item.findings if found.ours]),
            "data": item.piece.dataset + (f", masks {item.piece.masks}" if item.piece.masks else ""),
            "run": ", ".join(str(numbers[name]) for name in item.piece.names),
        }
        for item in found
    ]
    notes = (
        "paper, here: smallest and largest difference of the orderings that were tried, positive where one holds; "
        "here, means over seeds.",
        HOLD_NOTE,
        RULES_NOTE,
        "Stored runs by number, with the command that makes each again:",
        *(f"{number}. {about}" for number, about in enumerate(_runs(found).values(), 1)),
    )
    return _table(lines, f"{TITLES[paper]}: each claim on each stored run that speaks to it", notes)


def orderings_table(paper: str, root: Path | None = None) -> ReportTable:
    """One line an ordering that a stored run can judge: the paper's difference, ours with interval and every seed.

    Runs have the numbers of `evidence_table`.
    """
    numbers = {name: number for number, name in enumerate(_runs(judgements(paper, root)), 1)}
    lines = [
        {
            "claim": item.claim.id,
            "verdict": found.verdict.marked,
            "ordering": str(found.relation),
            "paper": _signed(found.paper),
            "here (95 %)": _with_interval(found),
            "data and setting": found.dataset,
            "run": ", ".join(str(numbers[name]) for name in item.piece.names),
            "every seed": ", ".join(_signed(value) for value in found.ours.values) if found.ours else "–",
        }
        for item in judgements(paper, root)
        for found in item.findings
    ]
    notes = (
        "Differences of two shares of one, paired by seed, positive where the ordering holds. run: its number in the "
        "list of stored runs under the table above.",
        RULES_NOTE,
    )
    return _table(lines, f"{TITLES[paper]}: every ordering that a stored run can judge", notes)


def _table(lines: list[dict[str, str]], caption: str, notes: tuple[str, ...]) -> ReportTable:
    if not lines:
        return ReportTable(pd.DataFrame([{"claim": _NOTHING, "verdict": "–"}]), caption)
    return ReportTable(pd.DataFrame(lines), caption, notes)


def _runs(found: Sequence[Judgement]) -> dict[str, str]:
    """By name, in the order in which the claims ask for them: profile, seeds, commit and command of each stored run."""
    made = {name: one for item in found for name, one in zip(item.piece.names, item.piece.made, strict=True)}
    return {
        name: f"`{name}`: {one.profile} profile, seeds {', '.join(map(str, one.seeds))}, commit {one.commit}; "
        f"made by `{readable(one.command)}`"
        for name, one in made.items()
    }


def _span(values: list[float]) -> str:
    ends = dict.fromkeys(_signed(value) for value in (min(values), max(values)))
    return " to ".join(ends)


def _with_interval(found: Finding) -> str:
    if found.ours is None:
        return "–"
    ends = f" ({_signed(found.ours.t.low)} to {_signed(found.ours.t.high)})" if len(found.ours.values) > 1 else ""
    return _signed(found.ours.mean) + ends


def _signed(value: float) -> str:
    return "–" if value != value else f"{value:+z.3f}"
