"""What is claimed: one side better than the other, or on par with it, in one metric."""

from __future__ import annotations

from dataclasses import dataclass

from defectlab.report.identity import method
from defectlab.report.summary import plain

SIGNS = {"higher": ">", "lower": "<", "equal": "≈"}


@dataclass(frozen=True)
class Side:
    """One side of an ordering; ``None`` where the claim does not fix it.

    Attributes:
        method: short name.
        regime: ``None`` where the metric does not depend on it.
        n_aug: ``None`` where the metric does not depend on it, and in an average over ``counts``.
        counts: values of ``n_aug`` that the side averages over, empty where it does not.
        table: of the paper that prints it, where several print the method; its row is that of the average.
    """

    method: str
    regime: str | None
    n_aug: int | None
    counts: tuple[int, ...] = ()
    table: str = ""


@dataclass(frozen=True)
class Relation:
    """One side is better than the other in one metric, or, where ``better`` is ``"equal"``, on par with it.

    Attributes:
        metric: name, as result rows spell it.
        better: ``"higher"``, ``"lower"`` or ``"equal"``.
        left: the better side.
        right: the other.
        datasets: whose rows may judge it; empty where any may, for an ordering can hold on other data than the paper's.
    """

    metric: str
    better: str
    left: Side
    right: Side
    datasets: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{plain(self.metric)}: {_describe(self.left)} {SIGNS[self.better]} {_describe(self.right)}"

    def gain(self, left: float, right: float) -> float:
        """Difference, positive where an ordering holds; left minus right where the sides are claimed to be on par."""
        return right - left if self.better == "lower" else left - right


def _describe(side: Side) -> str:
    if side.regime is None:
        return method(side.method).name + (f" (Table {side.table})" if side.table else "")
    count = "average" if side.counts else side.n_aug
    place = [side.regime.replace("_", "-"), *([] if count is None else [str(count)])]
    return f"{method(side.method).name} ({', '.join(place)})"
