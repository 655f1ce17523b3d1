"""Where the rules of the verdicts stand, in one line for the notes of every table that has verdicts."""

from __future__ import annotations

from defectlab.report.verdict import CELL_RULE, EXCLUDED_RULE, ORDERING_RULE

RULES_NOTE = "Verdicts follow the rules on the page Claims under test."
SEVERAL_RULE = (
    "Where several stored runs speak to a claim, each has its own verdict. On the scoreboard the claim is reproduced "
    "when it is on every one of them, not reproduced when it is on none, and partly reproduced otherwise."
)
HOLD_NOTE = (
    "An ordering holds where its own verdict is reproduced or partly reproduced. Tried are those that "
    "the rows have both sides of."
)
LABEL = "verdict-rules"
"""Of the section of the book that states the rules."""


def linked(note: str) -> str:
    """A note as MyST, with a link to the rules in place of the name of their page."""
    return note.replace("the rules on the page Claims under test", f"{{ref}}`the rules <{LABEL}>`")


def rules() -> tuple[str, ...]:
    """The rules in full: of orderings, of the column beside them, of a cell, and of a claim that several runs judge."""
    return ORDERING_RULE, EXCLUDED_RULE, CELL_RULE, SEVERAL_RULE
