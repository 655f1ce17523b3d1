"""Verdicts where a paper prints a gain: an interval that holds zero shows nothing, and may or may not exclude the gain.

DDPM-MoCo claims large gains, so that an interval can say more than the sign of a mean, which is that of the noise where
the interval holds zero.
"""

from __future__ import annotations

import math

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report.verdict import Verdict

PAPERS = ("ddpm_moco",)
"""Papers whose orderings are judged by this rule."""

EXCLUDED = "excludes the paper's gain"
"""Title of the column that says what an interval shows beside its sign."""

GAIN_RULE = (
    "An ordering of DDPM-MoCo is reproduced when that interval lies above zero, and not reproduced otherwise: the "
    "claimed gains are large, and where the interval holds zero the sign of the mean is that of noise. Whether it "
    f"excludes the paper's gain is said in a column of its own ({EXCLUDED!r}): where it does not, the runs are too few "
    "or too short to tell."
)


def of_gain(difference: PairedDifference | None) -> Verdict:
    """Verdict on "left is better than right" from the paired differences, positive where it holds."""
    if difference is None:
        return Verdict.NOT_ATTEMPTED
    return Verdict.REPRODUCED if difference.sign > 0 else Verdict.NOT


def excludes(gain: float, low: float, high: float) -> str:
    """Whether an interval lies beside a printed gain: ``"yes, below it"``, ``"yes, above it"``, ``"no"``.

    Args:
        gain: that the paper prints, NaN for none.
        low: end of the interval; infinite for one seed.
        high: its other end.

    Returns:
        The words, a dash where there is no gain in print.
    """
    if math.isnan(gain) or math.isnan(high):
        return "–"
    if high < gain:
        return "yes, below it"
    return "yes, above it" if low > gain else "no"
