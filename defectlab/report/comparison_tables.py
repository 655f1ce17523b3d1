"""Tables of the comparison: the matrix of synthesizer x detector, the ranking against MemSeg, a verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report.cells import rows_of_one_run, smoke_note, where
from defectlab.report.comparison_setting import (
    DETECTOR_SECONDS,
    DETECTORS,
    LOCATING,
    REFERENCE,
    SYNTHESIS_SECONDS,
    SYNTHESIZERS,
    cell_name,
    detector_title,
    label,
    parts,
    why_not,
)
from defectlab.report.identity import method
from defectlab.report.summary import AP_STEP, by_seed, mean_and_sd, paired, shown_ends, summarise
from defectlab.report.tables import ReportTable

SEEDS_NOTE = (
    "95 %: Student, over seeds, paired for differences: what another synthesis and training would give on these test "
    "images, not what other test images would."
)
ABOVE, BELOW, OPEN = "above", "below", "not told apart"


def matrix_table(rows: pd.DataFrame, metric: str = AP_STEP) -> ReportTable:
    """One line a synthesizer, one column a detector: mean and interval over seeds, or why there is no such cell.

    Args:
        rows: of one run of the comparison.
        metric: to show; a detector that does not have it says so.

    Raises:
        ValueError: if there is no row, or the rows mix data sets, regimes or profiles.
    """
    rows = comparison_rows(rows)
    regime = str(rows["regime"].iloc[0])
    there_synthesizers, there_detectors = axes_of(rows)
    lines = []
    for synthesizer in there_synthesizers:
        cells = {
            detector_title(detector): _cell(rows, synthesizer, detector, regime, metric) for detector in there_detectors
        }
        lines.append({"synthesizer": method(synthesizer).name, **cells})
    caption = f"{label(metric)}, on {where(rows)}, {regime.replace('_', '-')}: mean over seeds (95 %)"
    return ReportTable(
        pd.DataFrame(lines), _capital(caption), (_SETTING.format(_count(rows)), SEEDS_NOTE, *smoke_note(rows))
    )


def cost_table(rows: pd.DataFrame) -> ReportTable:
    """Seconds of synthesis and of detector training by synthesizer and detector, means over seeds.

    Raises:
        ValueError: if there is no row, or the rows mix data sets, regimes or profiles.
    """
    rows = comparison_rows(rows)
    lines = []
    for synthesizer, detector in _cells_of(rows):
        spent = [seconds(rows, synthesizer, detector, metric) for metric in (SYNTHESIS_SECONDS, DETECTOR_SECONDS)]
        lines.append(
            {
                "synthesizer": method(synthesizer).name,
                "detector": detector_title(detector),
                "synthesis, s": f"{spent[0]:.0f}",
                "detector, s": f"{spent[1]:.0f}",
                "together, s": f"{sum(spent):.0f}",
            }
        )
    note = "Synthesis counts the training of a generator whole for each seed; a shipped model costs nothing."
    return ReportTable(pd.DataFrame(lines), f"Seconds of one seed on {where(rows)}", (note, *smoke_note(rows)))


def ranking_table(rows: pd.DataFrame, metric: str = AP_STEP) -> ReportTable:
    """Within each detector the synthesizers by their mean, with the paired difference to MemSeg and what it says.

    Args:
        rows: of one run of the comparison.
        metric: to rank by.

    Raises:
        ValueError: if there is no row, or the rows mix data sets, regimes or profiles.
    """
    rows = comparison_rows(rows)
    lines = []
    for detector in _rankable(rows, metric):
        for place, synthesizer in enumerate(ranked(rows, detector, metric), 1):
            own = by_seed(rows, method=cell_name(synthesizer, detector), metric=metric)
            difference = paired(own, by_seed(rows, method=cell_name(REFERENCE, detector), metric=metric))
            lines.append(
                {
                    "detector": detector_title(detector),
                    "rank": place,
                    "synthesizer": method(synthesizer).name,
                    label(metric): mean_and_sd(summarise(own), 3),
                    f"minus {method(REFERENCE).name} (95 %)": _signed(None if synthesizer == REFERENCE else difference),
                    "seeds above": _above(None if synthesizer == REFERENCE else difference),
                    "verdict": "reference" if synthesizer == REFERENCE else verdict(difference),
                }
            )
    columns = ["detector", "rank", "synthesizer", label(metric), f"minus {method(REFERENCE).name} (95 %)",
               "seeds above", "verdict"]  # fmt: skip
    caption = f"Synthesizers by {label(metric)} on {where(rows)}"
    return ReportTable(pd.DataFrame(lines, columns=columns), caption, (SEEDS_NOTE, *smoke_note(rows)))


def order_in_words(rows: pd.DataFrame, metric: str = AP_STEP) -> str:
    """Whether there is an order: pairs that the seeds tell apart by detector, and whether detectors agree on it.

    Raises:
        ValueError: if there is no row, or the rows mix data sets, regimes or profiles.
    """
    rows = comparison_rows(rows)
    orders = {detector: ranked(rows, detector, metric) for detector in _rankable(rows, metric)}
    if not orders:
        return "No detector was trained on the images of two synthesizers: there is no order to speak of."
    said = [_order_of(rows, detector, names, metric) for detector, names in orders.items()]
    said += [_agreement(a, orders[a], b, orders[b]) for a, b in combinations(orders, 2)]
    return " ".join([*said, *smoke_note(rows)])


def comparison_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, checked to be of one run of the comparison.

    Raises:
        ValueError: if there is no row, the rows mix data sets, regimes or profiles, or one is not of a cell.
    """
    rows = rows_of_one_run(rows)
    if rows["regime"].nunique() > 1:
        raise ValueError(f"one table shows one regime; got {', '.join(sorted(set(rows['regime'])))}: filter the rows")
    for name in set(rows["method"]):
        parts(name)
    return rows


def axes_of(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Synthesizers and detectors of rows, each in the order of tables."""
    there = [parts(name) for name in set(rows["method"])]
    found = {s for s, _ in there}, {d for _, d in there}
    return [s for s in SYNTHESIZERS if s in found[0]], [d for d in DETECTORS if d in found[1]]


def ranked(rows: pd.DataFrame, detector: str, metric: str) -> list[str]:
    """Synthesizers that a detector was trained on, by their mean, best first."""
    means = {
        synthesizer: float(by_seed(rows, method=cell_name(synthesizer, detector), metric=metric).mean())
        for synthesizer, trained in _cells_of(rows)
        if trained == detector
    }
    return sorted(means, key=lambda name: -means[name])


def seconds(rows: pd.DataFrame, synthesizer: str, detector: str, metric: str) -> float:
    """Mean over seeds of a cost of a cell."""
    return float(by_seed(rows, method=cell_name(synthesizer, detector), metric=metric).mean())


def verdict(difference: PairedDifference | None) -> str:
    """What the seeds say of a difference: above, below, or not told apart."""
    if difference is None or not difference.sign:
        return OPEN
    return ABOVE if difference.sign > 0 else BELOW


_SETTING = "Equal numbers of synthetic images ({}), equal budget of each detector, the same test images."


def _cell(rows: pd.DataFrame, synthesizer: str, detector: str, regime: str, metric: str) -> str:
    values = by_seed(rows, method=cell_name(synthesizer, detector), metric=metric)
    if len(values):
        summary = summarise(values)
        if len(values) == 1:
            return f"{summary.mean:.3f}"
        low, high = shown_ends(summary, metric)
        return f"{summary.mean:.3f} ({low:.3f} to {high:.3f})"
    if reason := why_not(synthesizer, detector, regime):
        return reason
    trained = (rows["method"] == cell_name(synthesizer, detector)).any()
    return "gives no map" if trained and detector not in LOCATING else "not run"


def _cells_of(rows: pd.DataFrame) -> list[tuple[str, str]]:
    synthesizers, detectors = axes_of(rows)
    there = set(rows["method"])
    return [(s, d) for s in synthesizers for d in detectors if cell_name(s, d) in there]


def _rankable(rows: pd.DataFrame, metric: str) -> list[str]:
    """Detectors with the metric that were trained on the images of several synthesizers."""
    measured = rows[rows["metric"] == metric]
    found = [parts(name)[1] for name in set(measured["method"])]
    return [detector for detector in DETECTORS if found.count(detector) > 1]


def _signed(difference: PairedDifference | None) -> str:
    if difference is None:
        return "–"
    if len(difference.values) == 1:
        return f"{difference.mean:+z.3f}"
    return f"{difference.mean:+z.3f} ({difference.t.low:+z.3f} to {difference.t.high:+z.3f})"


def _above(difference: PairedDifference | None) -> str:
    if difference is None:
        return "–"
    return f"{sum(value > 0 for value in difference.values)} of {len(difference.values)}"


def _order_of(rows: pd.DataFrame, detector: str, names: list[str], metric: str) -> str:
    pairs = list(combinations(names, 2))
    told = [pair for pair in pairs if _told(rows, detector, pair, metric)]
    order = _written(rows, detector, names, metric)
    seeds = rows["seed"].nunique()
    count = f"{len(told)} of {len(pairs)} pair{'s' * (len(pairs) != 1)}"
    survives = "the order stands" if len(told) == len(pairs) else "the rest may change with other seeds"
    survives = "no order is shown" if not told else survives
    said = f"{seeds} seed{'s' * (seeds != 1)} tell {count} apart{_pairs(told, pairs)}"
    return f"{detector_title(detector)}: {order}; {said}, {survives}."


def _told(rows: pd.DataFrame, detector: str, pair: tuple[str, str], metric: str) -> bool:
    """True where the seeds show that the first of a pair is above the second."""
    sides = [by_seed(rows, method=cell_name(name, detector), metric=metric) for name in pair]
    return verdict(paired(*sides)) == ABOVE


def _pairs(told: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]]) -> str:
    """In brackets the pairs that are told apart, or the fewer that are not; nothing where that is all of them."""
    rest = [pair for pair in pairs if pair not in told]
    if not told or not rest:
        return ""
    if len(rest) < len(told):
        return f" (all but {', '.join(f'{method(a).name} and {method(b).name}' for a, b in rest)})"
    return f" ({', '.join(f'{method(a).name} above {method(b).name}' for a, b in told)})"


def _written(rows: pd.DataFrame, detector: str, names: list[str], metric: str) -> str:
    """Names from best to worst, equal means with an equals sign."""
    means = [float(by_seed(rows, method=cell_name(name, detector), metric=metric).mean()) for name in names]
    signs = [" = " if a == b else " > " for a, b in pairwise(means)]
    return "".join(method(name).name + sign for name, sign in zip(names, [*signs, ""], strict=True))


def _agreement(a: str, first: list[str], b: str, second: list[str]) -> str:
    both = [name for name in first if name in second]
    pairs = list(combinations(both, 2))  # each in the order of the first
    same = sum(second.index(x) < second.index(y) for x, y in pairs)
    if not pairs:
        return ""
    return f"{detector_title(a)} and {detector_title(b)} order {same} of {len(pairs)} pairs alike."


def _count(rows: pd.DataFrame) -> str:
    return ", ".join(str(n) for n in sorted({int(n) for n in rows["n_aug"]} - {0})) or "none"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
