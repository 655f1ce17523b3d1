"""Findings that tests of the ledger ask for by name."""

from defectlab.report.claims import evaluate


def found(claim, rows):
    """Findings of a claim by the words of their orderings."""
    return {str(finding.relation): finding for finding in evaluate(claim, rows)}
