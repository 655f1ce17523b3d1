"""Tables of the ledger against what is stored: verdicts counted, a line a claim and stored run, a line an ordering."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from defectlab.command_lines import readable
from defectlab.report.claims import Finding
from defectlab.report.rules import RULES_NOTE
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


def counts(paper: str, root: Path | None = None) -> dict[Verdict, int]:
    """How many claims of a paper have each verdict, on all that is stored."""
    found = Counter(standing(paper, root).values())
    return {verdict: found[verdict] for verdict in COUNTED}


def score_table(root: Path | None = None) -> ReportTable:
    """One line a paper: its claims by verdict, and the data of the stored runs that judge them."""
    lines = []
    for paper in PAPERS:
        number = counts(paper, root)
        data = sorted({item.piece.dataset for item in judgements(paper, root)})
        judged = {verdict.marked: str(count) for verdict, count in number.items()}
        row = {"paper": TITLES[paper], "claims": str(sum(number.values())), **judged}
        lines.append({**row, "judged on": ", ".join(data) or "–"})
    return ReportTable(pd.DataFrame(lines), "Claims of the four papers on all stored runs", (RULES_NOTE, ELSEWHERE))


def evidence_table(paper: str, root: Path | None = None) -> ReportTable:
    """One line a claim and stored run: what was tried and held, the verdict, and the command that makes it again."""
    lines = [
        {
            "claim": item.claim.id,
            "stored run": ", ".join(item.piece.names),
            "data": item.piece.dataset + (f", masks {item.piece.masks}" if item.piece.masks else ""),
            "profile": _each(item, "profile"),
            "seeds": _seeds(item),
            "orderings that hold": _held(item),
            "paper": _span([found.paper for found in item.findings]),
            "here": _span([found.ours.mean for found in item.findings if found.ours]),
            "verdict": item.verdict.marked,
            "commit": _each(item, "commit"),
            "made by": " and ".join(f"`{readable(made.command)}`" for made in item.piece.made),
        }
        for item in judgements(paper, root)
    ]
    notes = (
        "paper, here: smallest and largest difference of the orderings that were tried, positive where one holds; "
        "here, means over seeds.",
        RULES_NOTE,
    )
    return _table(lines, f"{TITLES[paper]}: each claim on each stored run that speaks to it", notes)


def orderings_table(paper: str, root: Path | None = None) -> ReportTable:
    """One line an ordering that a stored run can judge: the paper's difference, ours with interval and every seed."""
    lines = [
        {
            "claim": item.claim.id,
            "stored run": ", ".join(item.piece.names),
            "data and setting": found.dataset,
            "ordering": str(found.relation),
            "paper": _signed(found.paper),
            "here (95 %)": _with_interval(found),
            "every seed": ", ".join(_signed(value) for value in found.ours.values) if found.ours else "–",
            "verdict": found.verdict.marked,
        }
        for item in judgements(paper, root)
        for found in item.findings
    ]
    notes = ("Differences of two shares of one, paired by seed, positive where the ordering holds.", RULES_NOTE)
    return _table(lines, f"{TITLES[paper]}: every ordering that a stored run can judge", notes)


def _table(lines: list[dict[str, str]], caption: str, notes: tuple[str, ...]) -> ReportTable:
    if not lines:
        return ReportTable(pd.DataFrame([{"claim": _NOTHING, "verdict": "–"}]), caption)
    return ReportTable(pd.DataFrame(lines), caption, notes)


def _each(item: Judgement, name: str) -> str:
    return ", ".join(dict.fromkeys(str(getattr(made, name)) for made in item.piece.made))


def _seeds(item: Judgement) -> str:
    return ", ".join(map(str, sorted({seed for made in item.piece.made for seed in made.seeds})))


def _held(item: Judgement) -> str:
    held = sum(found.verdict in (Verdict.REPRODUCED, Verdict.PARTLY) for found in item.findings)
    return f"{held} of {len(item.findings)} tried"


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
