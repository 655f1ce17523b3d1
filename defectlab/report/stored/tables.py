"""Tables of stored runs: one a run, its classes of defects, an overview, and the claims that their rows can judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import pandas as pd

from defectlab.evaluation.seeds import SeedSummary
from defectlab.report.claims import findings_table
from defectlab.report.identity import Method, in_order, method
from defectlab.report.rules import RULES_NOTE
from defectlab.report.stored import StoredRun
from defectlab.report.summary import (
    AP_STEP,
    PRECISION,
    RECALL,
    by_seed,
    mean_and_sd,
    paired,
    require_rows,
    shown_ends,
    summarise,
)
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import Verdict

BASELINES = ("memseg", "none")
HONEST = ("precision_validation", "recall_validation")
NOTHING = "none stored"
LEADS = {"diag": "diag", "in_and_out": "in_and_out"}
"""Method that a notebook is about, whose gain over MemSeg the tables show."""
SEEDS_NOTE = (
    "AP: step AP, mean ± standard deviation over seeds; 95 %: Student, over seeds, paired for differences: what "
    "another training would give on these test images, not what other test images would, cut at 0 and 1 for an "
    "AP. Precision and recall are "
    "means over seeds; a best-F1 threshold sees the test labels, as in the papers."
)


def run_table(run: StoredRun) -> ReportTable:
    """One line a method: step AP with interval and every seed, differences to the baselines, precision and recall."""
    rows = require_rows(run.rows)
    lines = []
    for identity in _methods(rows):
        own = by_seed(rows, method=identity.key, metric=AP_STEP)
        summary = summarise(own)
        lines.append(
            {
                "method": identity.name,
                "AP": mean_and_sd(summary, 3),
                "95 %": _range(summary),
                "seeds": ", ".join(f"{value:.3f}" for value in own),
                **{
                    f"minus {method(base).name} (95 %)": _difference(rows, identity.key, base)
                    for base in BASELINES
                    if base in set(rows["method"])
                },
                "precision / recall, best F1 on test": _pair(rows, identity.key, (PRECISION, RECALL)),
                "precision / recall, threshold from validation": _pair(rows, identity.key, HONEST),
            }
        )
    return ReportTable(pd.DataFrame(lines), run.title, (_setting(run), run.note, SEEDS_NOTE))


def classes_table(run: StoredRun) -> ReportTable | None:
    """Step AP of each class of defects against all normal test images; ``None`` where there is one class only."""
    rows = require_rows(run.rows)
    metrics = sorted(name for name in set(rows["metric"]) if name.startswith(f"{AP_STEP}_"))
    if not metrics:
        return None
    lines = []
    for metric in metrics:
        cells = {identity.name: _mean_and_range(rows, identity.key, metric) for identity in _methods(rows)}
        lines.append({"class": metric.removeprefix(f"{AP_STEP}_"), **cells, **_gain(rows, _lead(run), metric)})
    caption = f"{run.title}: step AP of each class against all normal test images"
    return ReportTable(pd.DataFrame(lines), caption, (run.note,))


def overview_table(runs: Sequence[StoredRun]) -> ReportTable:
    """One line a stored run: data set, regime, masks, chance, and the step AP of each method with its interval."""
    identities = in_order({key for run in runs for key in run.rows["method"]})
    leads = dict.fromkeys(_lead(run) for run in runs)
    lines = []
    for run in runs:
        rows = require_rows(run.rows)
        lines.append(
            {
                "data set": run.dataset,
                "regime": _words(run.regime),
                "masks": run.masks or "–",
                "chance": _chance(run),
                **{identity.name: _mean_and_range(rows, identity.key, AP_STEP) for identity in identities},
                **{name: text for lead in leads for name, text in _gain(rows, lead, AP_STEP).items()},
                "stored run": run.name,
            }
        )
    notes = tuple(dict.fromkeys(run.note for run in runs))
    return _table(lines, ("data set", "regime", "masks"), "Stored runs at a glance", (*notes, SEEDS_NOTE))


def stored_findings(runs: Sequence[StoredRun]) -> ReportTable:
    """Orderings that the rows of stored runs of one data set can judge, and their verdicts.

    Runs are judged together where they differ in nothing but what a row states: the regime and the count.

    Raises:
        ValueError: if two such runs hold the same setting.
    """
    lines = []
    families = sorted(runs, key=lambda run: (run.notebook, run.masks != "real", run.masks, run.family))
    for (notebook, masks, _), group in groupby(families, lambda run: (run.notebook, run.masks, run.family)):
        rows = pd.concat([run.rows for run in group], ignore_index=True)
        found = findings_table(rows, notebook).to_dict("records")
        for finding in found:
            if finding["verdict"] != Verdict.NOT_ATTEMPTED:
                lines.append(
                    {
                        "claim": finding["claim"],
                        "masks": masks,
                        "ordering": finding["ordering"],
                        "paper, KSDD2": f"{finding['paper']:+z.3f}",
                        "here (95 %)": _signed(finding["ours"], finding["low"], finding["high"], finding["per_seed"]),
                        "seeds": ", ".join(f"{value:+z.3f}" for value in finding["per_seed"]),
                        "verdict": Verdict(finding["verdict"]).marked,
                    }
                )
    names = ", ".join(dict.fromkeys(run.dataset for run in runs)) or "–"
    caption = f"Claims that the stored runs on {names} can judge"
    notes = ("Differences are of other data than the paper's: only their sign is judged.", RULES_NOTE)
    return _table(lines, ("claim", "ordering", "verdict"), caption, notes)


def _table(
    lines: Sequence[Mapping[str, object]], columns: Sequence[str], caption: str, notes: tuple[str, ...]
) -> ReportTable:
    """The table; one line that says so where nothing is stored, as a table needs a body."""
    if lines:
        return ReportTable(pd.DataFrame(lines), caption, notes)
    empty = {name: NOTHING if place == 0 else "–" for place, name in enumerate(columns)}
    return ReportTable(pd.DataFrame([empty]), caption)


def _methods(rows: pd.DataFrame) -> list[Method]:
    return in_order(set(rows["method"]))


def _mean_and_range(rows: pd.DataFrame, key: str, metric: str) -> str:
    values = by_seed(rows, method=key, metric=metric)
    if values.empty:
        return "–"
    summary = summarise(values)
    return f"{summary.mean:.3f} ({_range(summary)})"


def _range(summary: SeedSummary) -> str:
    low, high = shown_ends(summary, AP_STEP)  # of every class, too
    return f"{low:.3f} to {high:.3f}" if len(summary.values) > 1 else "–"


def _lead(run: StoredRun) -> str:
    return LEADS.get(run.notebook, "diag")


def _gain(rows: pd.DataFrame, lead: str, metric: str) -> dict[str, str]:
    return {f"{method(lead).name} minus MemSeg (95 %)": _difference(rows, lead, "memseg", metric)}


def _difference(rows: pd.DataFrame, key: str, base: str, metric: str = AP_STEP) -> str:
    """Mean difference paired by seed with its interval; a dash for the baseline itself and where they share no seed."""
    left, right = (by_seed(rows, method=name, metric=metric) for name in (key, base))
    difference = None if key == base else paired(left, right)
    if difference is None:
        return "–"
    return _signed(difference.mean, difference.t.low, difference.t.high, difference.values)


def _signed(mean: float, low: float, high: float, values: Sequence[float]) -> str:
    interval = f" ({low:+z.3f} to {high:+z.3f})" if len(values) > 1 else ""
    return f"{mean:+z.3f}{interval}"


def _pair(rows: pd.DataFrame, key: str, metrics: tuple[str, str]) -> str:
    each = [by_seed(rows, method=key, metric=metric) for metric in metrics]
    return " / ".join("–" if values.empty else f"{summarise(values).mean:.3f}" for values in each)


def _setting(run: StoredRun) -> str:
    parts = [run.dataset, _words(run.regime), f"{run.n_aug} synthetic positives"]
    parts += [f"masks {run.masks}"] if run.masks else []
    images = run.test_images
    if images:
        parts.append(
            f"test images: {images['normal']} normal and {images['defective']} defective in {images['groups']} groups, "
            f"so chance is {_chance(run)} AP and one defective image is {1 / images['defective']:.3f} of recall"
        )
    return "; ".join(parts) + "."


def _chance(run: StoredRun) -> str:
    """Share of positives among the test images: the AP of a classifier that knows nothing."""
    images = run.test_images
    return f"{images['defective'] / (images['normal'] + images['defective']):.3f}" if images else "–"


def _words(regime: str) -> str:
    return regime.replace("_", "-")
