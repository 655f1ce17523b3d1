"""The claim ledger: what a paper claims, as data, and the verdict that result rows give on it."""

from defectlab.report.claims.boards import findings_table, scoreboard, scoreboard_table
from defectlab.report.claims.findings import Finding, evaluate, verdict
from defectlab.report.claims.ledger import Claim, load_claims
from defectlab.report.claims.printed import COLUMNS, printed_deviation, printed_value
from defectlab.report.claims.relations import Relation, Side

__all__ = [
    "COLUMNS",
    "Claim",
    "Finding",
    "Relation",
    "Side",
    "evaluate",
    "findings_table",
    "load_claims",
    "printed_deviation",
    "printed_value",
    "scoreboard",
    "scoreboard_table",
    "verdict",
]
