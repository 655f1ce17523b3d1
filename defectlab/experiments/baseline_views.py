"""What the trainings of a baseline say: tables and frames of charts, each with every seed or with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from defectlab.evaluation.learning_curve import images_worth
from defectlab.evaluation.seeds import PairedDifference, paired_difference, seeds_needed, summarise_seeds
from defectlab.experiments.baseline import by_positives
from defectlab.report.tables import ReportTable

PROTOCOLS = ("last epoch, fixed beforehand", "best epoch on validation images", "best epoch on TEST images: dishonest")


def summary(rows: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Mean over seeds and its 95 % t-interval, one row a group, in the order of the rows.

    Args:
        rows: one a seed and group.
        by: columns that make a group.
        value: column to summarise.

    Returns:
        Columns ``by``, ``value``, ``low``, ``high``; no interval of a single seed.
    """
    lines = []
    for key, part in rows.groupby(list(by), sort=False):
        found = summarise_seeds(part[value].to_numpy(dtype=float))
        ends = {"low": found.interval.low, "high": found.interval.high}
        ends = {name: end if math.isfinite(end) else math.nan for name, end in ends.items()}
        lines.append(dict(zip(by, key, strict=True)) | {value: found.mean} | ends)
    return pd.DataFrame(lines)


def with_interval(trainings: pd.DataFrame) -> pd.DataFrame:
    """Trainings of one setting with the interval of their mean AP in each row, as columns ``low`` and ``high``."""
    found = summarise_seeds(trainings["AP"].to_numpy(dtype=float)).interval
    return trainings.assign(low=found.low, high=found.high)


def seeds_table(trainings: pd.DataFrame) -> ReportTable:
    """AP of every setting: mean, interval, every seed, and the seconds of one training.

    Args:
        trainings: as `defectlab.experiments.baseline.last_epochs` gives them.
    """
    lines = []
    for name, part in trainings.groupby("setting", sort=False):
        found = summarise_seeds(part["AP"].to_numpy())
        lines.append({
            "setting": name,
            "real positives": ", ".join(map(str, part["positives"].unique())),
            "mean AP": f"{found.mean:.3f}",
            "95 % over seeds": _ends(found.interval.low, found.interval.high),
            "every seed": ", ".join(f"{value:.2f}" for value in part["AP"]),
            "seconds a training": f"{part['seconds'].mean():.1f}",
        })  # fmt: skip
    note = (
        "Step AP on the test images after the last epoch; seeds "
        + ", ".join(map(str, trainings["seed"].unique()))
        + "."
    )
    return ReportTable(pd.DataFrame(lines), "AP of every seed, in the order of the seeds", (note,))


def difference(trainings: pd.DataFrame, ours: str, reference: str, value: str = "AP") -> PairedDifference:
    """One setting less another, seed by seed."""
    table = trainings.pivot(index="seed", columns="setting", values=value)
    left, right = (dict(zip(map(int, table.index), table[name], strict=True)) for name in (ours, reference))
    return paired_difference(left, right)


def differences_table(trainings: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> ReportTable:
    """Paired differences in AP with their 95 % intervals, and every seed."""
    lines = []
    for ours, reference in pairs:
        found = difference(trainings, ours, reference)
        lines.append({
            "difference": f"{ours} - {reference}",
            "mean": f"{found.mean:+.3f}",
            "95 %": _ends(found.t.low, found.t.high, "+"),
            "every seed": ", ".join(f"{value:+.2f}" for value in found.values),
            "excludes zero": "yes" if found.sign else "no",
        })  # fmt: skip
    return ReportTable(pd.DataFrame(lines), "Differences in step AP, paired by seed")


def curve_frame(trainings: pd.DataFrame) -> pd.DataFrame:
    """The learning curve for a chart: every training, then the mean with its interval; column ``shown`` says which."""
    mean = summary(trainings.sort_values("positives"), ["positives"], "AP").assign(shown="mean of the seeds")
    return pd.concat([trainings[["positives", "AP"]].assign(shown="one training"), mean], ignore_index=True)


def worth_table(trainings: pd.DataFrame, gain: float) -> ReportTable:
    """What a gain of AP is worth in real positives, read from each point of the learning curve but the last."""
    counts, values = by_positives(trainings)
    mean = values.mean(axis=0)
    lines = [
        {
            "real positives": start,
            "mean AP there": f"{mean[number]:.3f}",
            "a gain is worth": str(images_worth(counts, values, gain, start)),
        }
        for number, start in enumerate(counts[:-1])
    ]
    caption = f"What {100 * gain:g} points of AP are worth, in further real positives [95 % interval]"
    return ReportTable(pd.DataFrame(lines), caption)


def stopping(epochs: pd.DataFrame) -> pd.DataFrame:
    """AP of each training under three rules of when to stop.

    Args:
        epochs: as `defectlab.experiments.baseline.train` gives them.

    Returns:
        Columns ``setting, seed, protocol, epoch, AP``. Among epochs of equal validation AP the one of lowest validation
        loss is taken, among equal test AP the first.
    """
    lines = []
    for (setting, seed), rows in epochs.groupby(["setting", "seed"], sort=False):
        chosen = (
            rows.iloc[-1],
            rows.sort_values(["validation_ap", "validation_loss"], ascending=[False, True], kind="stable").iloc[0],
            rows.sort_values("test_ap", ascending=False, kind="stable").iloc[0],
        )
        for protocol, row in zip(PROTOCOLS, chosen, strict=True):
            lines.append((setting, seed, protocol, int(row["epoch"]), float(row["test_ap"])))
    return pd.DataFrame(lines, columns=["setting", "seed", "protocol", "epoch", "AP"])


def stopping_table(stopped: pd.DataFrame) -> ReportTable:
    """Mean AP of the rules, and how much each reports beyond the fixed number of epochs, seed by seed."""
    lines = []
    for setting, rows in stopped.groupby("setting", sort=False):
        fixed = rows[rows["protocol"] == PROTOCOLS[0]].set_index("seed")["AP"]
        for protocol, part in rows.groupby("protocol", sort=False):
            more = (part.set_index("seed")["AP"] - fixed).to_numpy()
            found = summarise_seeds(more)
            lines.append({
                "setting": setting,
                "rule": protocol,
                "epochs": ", ".join(map(str, part["epoch"])),
                "mean AP": f"{part['AP'].mean():.3f}",
                "beyond fixed": f"{found.mean:+.3f}",
                "95 %": _ends(found.interval.low, found.interval.high, "+") if more.any() else "–",
            })  # fmt: skip
    return ReportTable(pd.DataFrame(lines), "When to stop: what each rule reports, paired by seed")


def budget_table(trainings: pd.DataFrame, gain: float, counts: Sequence[int] = (1, 3, 5, 10)) -> ReportTable:
    """Seconds of a training, of a study of so many seeds with two arms, and seeds that a difference of ``gain`` takes.

    The first training of frozen layers computes the features that the others share, so first and further ones are told
    apart. A study has two arms, with and without what is studied. Seeds are those that show a true difference of
    ``gain`` with power 0.8, if paired differences scatter as those of two independent arms of this setting.
    """
    lines = []
    for name, part in trainings.groupby("setting", sort=False):
        first, further = part["seconds"].iloc[0], part["seconds"].iloc[1:].mean()
        needed = seeds_needed(gain, math.sqrt(2) * max(float(part["AP"].std()), 1e-6))
        costs = {f"study, {k} {'seed' if k == 1 else 'seeds'}": _time(2 * cost(first, further, k)) for k in counts}
        known = {"first": _time(first), "each further": _time(further)}
        shown = str(needed) if needed else "more than 1000"
        lines.append({"setting": name, **known, **costs, f"seeds for {100 * gain:g} points": shown})
    note = "Wall clock on the device below; scoring of test images is not included."
    return ReportTable(pd.DataFrame(lines), "What a training costs, and a study of two arms", (note,))


def cost(first: float, further: float, seeds: int) -> float:
    """Seconds of one arm with so many seeds."""
    return first + (seeds - 1) * further  # Eq. cost


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def _ends(low: float, high: float, sign: str = "") -> str:
    return f"{low:{sign}.3f} to {high:{sign}.3f}"
