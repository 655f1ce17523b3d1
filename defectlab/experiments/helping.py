"""Does it help: by number, by mixture and by order, on real test images, seed by seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from defectlab.evaluation import average_precision, paired_difference, summarise_seeds
from defectlab.evaluation.saturation import SaturationReport, saturation_report
from defectlab.experiments.helping_bench import Bench
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Synthetic share of the positives."""
ORDERS: dict[str, tuple[float, ...]] = {
    "mixed throughout": (0.5, 0.5),
    "synthetic, then real": (1.0, 0.0),
    "real, then synthetic": (0.0, 1.0),
}
"""Synthetic share of the defective draws in the first and in the second half of the training; the mean is one half."""
ALONE = "the real ones alone"


def by_count(bench: Bench) -> pd.DataFrame:
    """AP with ``n_shot`` real positives and a number of synthetic ones: ``synthesizer, n, seed, AP``.

    Every count of a seed has synthetic images of its own. Where counts shared them, neighbours would err together, a
    smooth curve would fit their common error, and the test of `saturation_report` would find a rise too often.
    """
    return bench.table("by-count", _by_count)


def by_mixture(bench: Bench) -> pd.DataFrame:
    """AP where ``total`` positives are shared out, and with the real ones of them alone: ``kind, share, seed, AP``."""
    return bench.table("by-mixture", _by_mixture)


def by_order(bench: Bench) -> pd.DataFrame:
    """AP where half of the defective draws are synthetic, by their place: ``synthesizer, order, seed, AP``."""
    return bench.table("by-order", _by_order)


def saturations(counted: pd.DataFrame, seed: int = 0) -> dict[str, SaturationReport]:
    """The saturation of each synthesizer, from rows of `by_count`."""
    found = {}
    for name, rows in counted.groupby("synthesizer", sort=False):
        table = rows.pivot(index="seed", columns="n", values="AP")
        found[str(name)] = saturation_report(table.columns.to_numpy(), table.to_numpy(), seed=seed)
    return found


def saturation_table(found: dict[str, SaturationReport]) -> ReportTable:
    """The fits in numbers and words, and the forecast of the largest count."""
    lines = []
    for name, report in found.items():
        gain, count, told = report.gain, report.count, report.is_told_from_a_constant
        enough = f"{count.value:.0f} ({count.low:.0f} to {count.high:.0f})"
        lines.append({
            "synthesizer": method(name).name,
            "gain b": f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})",
            "scale c": f"{report.fit.scale:.0f}" + (", at its bound" if report.fit.is_bounded else ""),
            "images for 95 %": "–" if not told else "beyond the counts" if report.fit.is_bounded else enough,
            "p, against a constant": f"{report.p_value:.3f}",
            "told from a constant": "yes" if told else "no",
            "last count: forecast, flat, observed": f"{report.predicted:.3f}, {report.flat:.3f}, {report.observed:.3f}",
        })  # fmt: skip
    notes = (
        "Intervals: 95 % bootstrap over seeds, too narrow for few seeds.",
        "p: share of shufflings of the counts within each seed that the curve fits as well.",
        "Forecast: of the curve without its last count. Flat: the mean at the count before.",
    )
    return ReportTable(pd.DataFrame(lines), "Saturation of AP over the number of synthetic images", notes)


def saturation_curves(counted: pd.DataFrame, found: dict[str, SaturationReport]) -> pd.DataFrame:
    """The fitted curves, dense in ``n``: ``synthesizer, n, AP``."""
    parts = []
    for name, report in found.items():
        n = np.linspace(0, counted.loc[counted["synthesizer"] == name, "n"].max(), 300)
        parts.append(pd.DataFrame({"synthesizer": name, "n": n, "AP": report.fit(n)}))
    return pd.concat(parts, ignore_index=True)


def mixture_bands(mixed: pd.DataFrame) -> pd.DataFrame:
    """Mean, lowest and highest seed of each line of `by_mixture`: ``kind, share, AP, low, high``."""
    found = mixed.groupby(["kind", "share"], sort=False)["AP"].agg(AP="mean", low="min", high="max").reset_index()
    return found.assign(kind=[kind if kind == ALONE else f"with {method(kind).name}" for kind in found["kind"]])


def mixture_methods(mixed: pd.DataFrame) -> dict[str, str]:
    """Short names of the methods of `mixture_bands`, by name of the series; of the real ones alone, ``"none"``."""
    kinds = [str(kind) for kind in mixed["kind"].unique()]
    return {kind if kind == ALONE else f"with {method(kind).name}": "none" if kind == ALONE else kind for kind in kinds}


def mixture_table(mixed: pd.DataFrame) -> ReportTable:
    """Two readings of the same trainings: what replacing real positives costs, what adding synthetic ones brings."""
    lines = []
    for kind in [kind for kind in mixed["kind"].unique() if kind != ALONE]:
        rows, alone = (mixed[mixed["kind"] == wanted] for wanted in (kind, ALONE))
        real_only = _of_share(alone, 0.0)
        for share in [share for share in SHARES if share]:
            ours, reals = _of_share(rows, share), _of_share(alone, share)
            lines.append({
                "synthesizer": method(str(kind)).name,
                "synthetic share": f"{share:.0%}".replace("%", " %"),
                "replaced: against real ones only": _difference(ours, real_only),
                "added: against the same real ones alone": _difference(ours, reals) if reals else "no positives left",
            })  # fmt: skip
    note = "Mean difference in AP over paired seeds, with its 95 % t-interval."
    return ReportTable(pd.DataFrame(lines), "Replace real positives, or add to them", (note,))


def order_table(ordered: pd.DataFrame) -> ReportTable:
    """AP of each order, and its paired difference from the mixture."""
    lines = []
    for name, rows in ordered.groupby("synthesizer", sort=False):
        by_order = {order: _by_seed(rows[rows["order"] == order]) for order in ORDERS}
        mixed = by_order["mixed throughout"]
        for order, values in by_order.items():
            mean = summarise_seeds(list(values.values())).mean
            against = "–" if values is mixed else _difference(values, mixed)
            lines.append({"synthesizer": method(str(name)).name, "order": order, "mean AP": f"{mean:.3f}",
                          "against mixed": against})  # fmt: skip
    note = "Equal images, equal steps, equal numbers of draws of each kind; 95 % t-interval over paired seeds."
    return ReportTable(pd.DataFrame(lines), "The same draws in another order", (note,))


def _by_count(bench: Bench, seed: int) -> Iterator[dict[str, Any]]:
    params = bench.params
    without = _ap(bench, seed, params.n_shot or 1)
    for name in params.synthesizers:
        for n in params.counts_of(name):
            before = sum(count for count in params.counts_of(name) if count < n)
            value = _ap(bench, seed, params.n_shot or 1, name, n, before) if n else without
            yield {"synthesizer": name, "n": n, "seed": seed, "AP": value}


def _by_mixture(bench: Bench, seed: int) -> Iterator[dict[str, Any]]:
    total = bench.params.total or 4
    for share in SHARES:
        synthetic = round(share * total)
        alone = _ap(bench, seed, total - synthetic) if synthetic < total else None
        if alone is not None:
            yield {"kind": ALONE, "share": share, "seed": seed, "AP": alone}
        for name in bench.params.synthesizers:
            value = _ap(bench, seed, total - synthetic, name, synthetic) if synthetic else alone
            yield {"kind": name, "share": share, "seed": seed, "AP": value}


def _by_order(bench: Bench, seed: int) -> Iterator[dict[str, Any]]:
    total = bench.params.total or 4
    for name in bench.params.synthesizers:
        for order, shares in ORDERS.items():
            trained = bench.train(seed, total // 2, name, total - total // 2, shares)
            value = average_precision(bench.splits.test.labels, bench.logits(trained))
            yield {"synthesizer": name, "order": order, "seed": seed, "AP": value}


def _ap(bench: Bench, seed: int, real: int, name: str = "", synthetic: int = 0, skip: int = 0) -> float:
    trained = bench.train(seed, real, name, synthetic, skip=skip)
    return average_precision(bench.splits.test.labels, bench.logits(trained))


def _by_seed(rows: pd.DataFrame) -> dict[int, float]:
    return {int(line["seed"]): float(line["AP"]) for line in rows.to_dict("records")}


def _of_share(rows: pd.DataFrame, share: float) -> dict[int, float]:
    return _by_seed(rows[np.isclose(rows["share"], share)])


def _difference(values: dict[int, float], reference: dict[int, float]) -> str:
    found = paired_difference(values, reference, n_resamples=100)
    return f"{found.mean:+.3f} ({found.t.low:+.3f} to {found.t.high:+.3f})"
