"""The verdict vocabulary, and the rules that give a verdict from numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference, SeedSummary
from defectlab.report.summary import AUPRO, IMAGE_AUROC, PIXEL_AUROC


class Verdict(StrEnum):
    """What is said of a claim or of a table cell."""

    REPRODUCED = "reproduced"
    PARTLY = "partly reproduced"
    NOT = "not reproduced"
    NOT_ATTEMPTED = "not attempted"
    NOT_COMPARABLE = "not comparable"  # table cells only: another data set or profile than the paper's

    @property
    def symbol(self) -> str:
        """A sign beside the words, so that no verdict is told by colour alone."""
        return _SYMBOLS[self.value]

    @property
    def marked(self) -> str:
        """Sign and words, as tables show them."""
        return f"{self.symbol} {self.value}"


_SYMBOLS = {
    "reproduced": "✓",
    "partly reproduced": "◐",
    "not reproduced": "✗",
    "not attempted": "–",
    "not comparable": "≠",
}

#: Data sets that anyone can have of those that the papers measure on.
OF_PAPERS = ("ksdd2", "mvtec", "visa", "mpdd")

#: Distance of a mean from the paper's value that still counts as partly reproduced, and the widest half of an interval
#: that may count as reproduced: with two seeds Student's factor is 12.7, and a wider one would cover almost any value.
TOLERANCE = 0.05

#: The same of metrics whose best methods lie closer together than `TOLERANCE`; one of a category (``aupro_screw``) too.
TOLERANCES = {IMAGE_AUROC: 0.02, PIXEL_AUROC: 0.01, AUPRO: 0.02}

#: Part of the gain in print that a mean must reach to count where its interval holds zero: a smaller one may be
#: no more than noise, and noise must not give a better verdict.
SHARE_OF_GAIN = 0.5

#: Title of the column that says what an interval shows beside its sign.
EXCLUDED = "excludes the paper's gain"

ORDERING_RULE = (
    "An ordering is reproduced when the 95 % interval of the difference paired by seed lies above zero, partly "
    "reproduced when the interval holds zero and the mean is at least half of the gain that the paper prints, and not "
    "reproduced otherwise. Where the paper prints no gain for an ordering, or none above zero, there is no partly. "
    "With one seed there is no interval, and partly is the most. A claim made of several orderings is reproduced when "
    "each of them is, not reproduced when none holds, and partly reproduced in between or where some were not "
    "attempted. "
    f"That two sides are on par is reproduced when the whole interval lies within {TOLERANCE} of zero, and partly when "
    "only the mean does. Smoke runs are no evidence."
)
EXCLUDED_RULE = (
    f"Tables of gains say in a column of their own ({EXCLUDED!r}) whether the interval lies beside the gain in print. "
    "It gives no verdict: where the interval holds both zero and the gain, the runs are too few or too short to tell."
)
CELL_RULE = (
    "A cell is reproduced when the paper's value lies in the 95 % interval of our mean over seeds and the interval "
    "reaches no further than the tolerance on either side, partly reproduced when our mean lies within the tolerance "
    f"of the value, and not reproduced otherwise. The tolerance is {TOLERANCE}; of the student-teacher paper's metrics "
    f"it is {TOLERANCES[AUPRO]} for AUPRO and image AUROC and {TOLERANCES[PIXEL_AUROC]} for pixel AUROC. "
    "Cells are judged on the paper's data set at the paper profile only; in the tables of the student-teacher paper "
    "also on images of the original size only, and baselines as one model for all categories. Elsewhere absolute "
    "values are not comparable, and only orderings are judged."
)


def of_ordering(difference: PairedDifference | None, gain: float) -> Verdict:
    """Verdict on "left is better than right".

    Args:
        difference: paired by seed, positive where the ordering holds; ``None`` where it was not tried.
        gain: the same difference as the paper prints it, NaN for none. One that is not above zero counts as none: half
            of it would be no gain.
    """
    if difference is None:
        return Verdict.NOT_ATTEMPTED
    if difference.sign > 0:
        return Verdict.REPRODUCED
    near = difference.sign == 0 and gain > 0 and difference.mean >= SHARE_OF_GAIN * gain
    return Verdict.PARTLY if near else Verdict.NOT


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


def of_equality(difference: PairedDifference | None) -> Verdict:
    """Verdict on "both sides are on par" from the paired differences: an equivalence test with `TOLERANCE`.

    An interval that merely contains zero shows nothing: with few seeds any two methods would be on par.
    """
    if difference is None:
        return Verdict.NOT_ATTEMPTED
    if difference.t.low >= -TOLERANCE and difference.t.high <= TOLERANCE:
        return Verdict.REPRODUCED
    return Verdict.PARTLY if abs(difference.mean) <= TOLERANCE else Verdict.NOT


def tolerance(metric: str) -> float:
    """Tolerance of a metric as result rows spell it, of all categories or of one."""
    own = (near for name, near in TOLERANCES.items() if metric == name or metric.startswith(f"{name}_"))
    return next(own, TOLERANCE)


def of_cell(paper: float, ours: SeedSummary | None, comparable: bool, within: float = TOLERANCE) -> Verdict:
    """Verdict on one value of a table.

    Args:
        paper: the value that it prints.
        ours: our values over seeds.
        comparable: whether ours may stand beside the paper's.
        within: tolerance of the metric. An interval that reaches further shows nothing by covering the value: more
            noise must not give a better verdict.
    """
    if ours is None:
        return Verdict.NOT_ATTEMPTED
    if not comparable:
        return Verdict.NOT_COMPARABLE
    narrow = len(ours.values) > 1 and ours.interval.high - ours.mean <= within
    if narrow and ours.interval.covers(paper):
        return Verdict.REPRODUCED
    return Verdict.PARTLY if abs(ours.mean - paper) <= within else Verdict.NOT


def combine(parts: Sequence[Verdict]) -> Verdict:
    """Verdict on a claim from those on its parts."""
    attempted = [part for part in parts if part != Verdict.NOT_ATTEMPTED]
    if not attempted:
        return Verdict.NOT_ATTEMPTED
    if all(part == Verdict.REPRODUCED for part in parts):
        return Verdict.REPRODUCED
    return Verdict.NOT if all(part == Verdict.NOT for part in attempted) else Verdict.PARTLY


def is_comparable(rows: pd.DataFrame) -> bool:
    """True where absolute values may stand beside the paper's: data that it has, at the paper profile, nothing else.

    A data set of several categories may stand for one of them, as in ``mvtec/screw``.
    """
    known = rows["dataset"].str.split("/").str[0].isin(OF_PAPERS)
    return bool(len(rows)) and bool((known & (rows["profile"] == "paper")).all())


def evidence(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that may carry a verdict: all but those of smoke runs."""
    return rows[rows["profile"] != "smoke"]
