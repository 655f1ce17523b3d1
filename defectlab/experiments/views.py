"""From the run store to what the report draws: curves, histories, rows of images, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from defectlab.evaluation import average_precision, paired_difference, precision_recall_curve
from defectlab.experiments.arms import Synthetics
from defectlab.experiments.contents import contents
from defectlab.experiments.experiment_parameters import ExperimentParameters
from defectlab.experiments.splits import Splits
from defectlab.report import published, tables
from defectlab.report.curves import Curve
from defectlab.report.grids import GridRow, draw_row
from defectlab.report.identity import method
from defectlab.report.in_and_out_tables import in_and_out_tables
from defectlab.report.summary import by_seed, protocol
from defectlab.report.tables import ReportTable
from defectlab.runs import Run
from defectlab.synthesis import store
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.export import export


def test_scores(run: Run, arm: str, seed: int) -> pd.DataFrame:
    """Labels and scores of the test images of one training."""
    scores = run.read_table(f"scores-{arm}-{seed}")
    return scores[scores["split"] == "test"]


test_scores.__test__ = False  # type: ignore[attr-defined]  # a reader of tables, not a test of pytest's


def curves(params: ExperimentParameters, run: Run) -> list[Curve]:
    """Precision-recall curves of all arms and seeds."""
    drawn = []
    for arm in params.arms:
        for seed in params.seeds:
            scores = test_scores(run, arm, seed)
            labels, values = scores["label"].to_numpy(), scores["score"].to_numpy()
            curve = precision_recall_curve(labels, values)
            drawn.append(Curve(arm, seed, curve.recall, curve.precision, average_precision(labels, values)))
    return drawn


def base_rate(splits: Splits) -> float:
    """Share of positives in the test set: the precision of chance."""
    return float(splits.test.labels.mean())


def paper_points(params: ExperimentParameters) -> dict[str, tuple[float, float]]:
    """Operating points that the paper prints for the regime and count, as (precision, recall) by method."""
    printed = {"diag": published.diag_operating_point, "in_and_out": published.in_and_out_operating_point}[params.paper]
    points = {arm: printed(arm, params.regime, params.n_aug if arm != "none" else 0) for arm in params.arms}
    return {arm: point for arm, point in points.items() if point is not None}


def histories(params: ExperimentParameters, run: Run) -> pd.DataFrame:
    """Training histories of all arms and seeds: method, seed, epoch, metric, value."""
    tables = [run.read_table(f"history-{arm}-{seed}") for arm in params.arms for seed in params.seeds]
    long = pd.concat(tables).melt(["method", "seed", "epoch"], var_name="metric")
    names = {"loss": "Training loss", "validation_ap": "Validation AP"}
    return long[long["metric"].isin(names)].replace({"metric": names})


def figure_rows(
    params: ExperimentParameters,
    splits: Splits,
    synthetics: Mapping[tuple[str, int], Synthetics],
    n: int = 8,
    seed: int = 0,
) -> list[GridRow]:
    """Rows of images as in DIAG's Figure 2, drawn at random: real normals and positives, then each arm of one seed.

    DIAG is followed by the masks it was asked for. A training part without real positives has no row of them.
    """
    rows = [draw_row(splits.normals, "Negatives", n, seed)]
    rows += [draw_row(splits.positives, "Positives", n, seed)] if len(splits.positives) else []
    for arm in augmented(params):
        made = synthetics[arm, params.seeds[0]].train
        rows.append(draw_row(made, method(arm).name, n, seed, method=arm))
        if arm == "diag":
            rows.append(draw_row(made, "Masks for DIAG", n, seed, method=arm, masks=True))
    return rows


CHANGED_NOTE = (
    "changed: share of the mask's pixels that really differ from the image painted on, by more grey levels than the "
    "method's threshold; near zero the model painted nothing that can be seen."
)


def parts_table(splits: Splits) -> ReportTable:
    """Images of each part by class."""
    return ReportTable(splits.table().reset_index(), "Images by part and class", splits.few)


def records_table(made: SyntheticSet, n: int = 5) -> ReportTable:
    """The first records of a synthetic set: how each image was made, as far as its method records it."""
    columns = ["index", "prompt", "source", "mask_id", "area", "changed", "noise_seed", "model", "adapter", "generated"]
    records = pd.DataFrame([item.record for item in made.items[:n]])
    caption = f"{method(made.name).name}: the first images, and how each was made"
    shown = [name for name in columns if name in records]
    return ReportTable(records[shown], caption, (CHANGED_NOTE,) if "changed" in shown else ())


def augmented(params: ExperimentParameters) -> tuple[str, ...]:
    """The arms that add synthetic images."""
    return tuple(arm for arm in params.arms if arm != "none")


def record_tables(
    params: ExperimentParameters, synthetics: Mapping[tuple[str, int], Synthetics], n: int = 3
) -> list[ReportTable]:
    """The first records of each arm's images of the first seed, for those that are not put together from others."""
    own = [arm for arm in augmented(params) if arm != "in_and_out"]
    made = {arm: synthetics[arm, params.seeds[0]].train for arm in own}
    caption = "{}: the first images, and how each was made"
    return [replace(records_table(part, n), caption=caption.format(method(arm).name)) for arm, part in made.items()]


def differences_between_arms(params: ExperimentParameters, rows: pd.DataFrame, metric: str = "ap_step") -> ReportTable:
    """Paired differences of the paper's method to every other arm, over the seeds, with their 95 % interval.

    Needs at least two seeds; with one there is no interval and the table is empty.
    """
    lines = []
    own = by_seed(rows, method=params.paper, metric=metric)
    for arm in params.arms:
        if arm == params.paper or len(own) < 2:
            continue
        other = by_seed(rows, method=arm, metric=metric)
        difference = paired_difference(_seeded(own), _seeded(other))
        interval = f"{difference.t.low:+.3f} to {difference.t.high:+.3f}"
        each = ", ".join(f"{own[seed] - other[seed]:+.2f}" for seed in sorted(own.index))
        lines.append(
            {
                "difference": f"{method(params.paper).name} - {method(arm).name}",
                "mean": f"{difference.mean:+.3f}",
                "95 %": interval,
                "seeds": each,
            }
        )
    frame = pd.DataFrame(lines, columns=["difference", "mean", "95 %", "seeds"])
    return ReportTable(frame, f"Differences in {protocol(metric)}, paired by seed")


def paper_tables(params: ExperimentParameters, rows: pd.DataFrame) -> list[ReportTable]:
    """The paper's tables of the regime beside ours, In&Out's also with averages where the rows have all counts.

    DIAG prints none for the few-shot regime: both tables then, without values here.
    """
    if params.paper == "in_and_out":
        return in_and_out_tables(rows, params.regime, params.n_aug)
    regimes = [params.regime] if params.regime != "few_shot" else ["zero_shot", "full_shot"]
    return [tables.detection_table(rows, regime) for regime in regimes]


def export_images(
    params: ExperimentParameters,
    splits: Splits,
    synthetics: Mapping[tuple[str, int], Synthetics],
    layout: str = "",
) -> ReportTable:
    """Writes the images of the paper's method, every seed, where ``out`` says; the table lists the folders.

    Where ``out`` is empty it has no row, and says so. A second call writes what is missing.

    Args:
        params: ``out`` is read.
        splits: normal images for the layout.
        synthetics: the images; without the paper's method nothing is written.
        layout: that other tools read, beside images, masks and records; see `defectlab.synthesis.export`.

    Raises:
        ValueError: if a folder holds another set, or files of something else, or the layout needs masks that the
            method does not give.
    """
    lines = []
    for seed in params.seeds if params.out and params.paper in params.arms else []:
        folder = Path(params.out).expanduser() / f"seed-{seed}"
        made = synthetics[params.paper, seed].train
        store.collect(_from(made), len(made), name=made.name, settings={"contents": contents(made)}, out=folder)
        lines.append({"seed": seed, "layout": "images, masks, records.csv", "folder": str(folder)})
        if layout:
            laid_out = export(made, folder / layout, layout, normals=splits.normals)
            lines.append({"seed": seed, "layout": layout, "folder": str(laid_out)})
    frame = pd.DataFrame(lines, columns=["seed", "layout", "folder"])
    return ReportTable(frame, "Images that were written", () if lines else (tables.EXPORT_NOTE,))


def _from(made: SyntheticSet) -> store.Make:
    return lambda indices: [made.items[i] for i in indices]


def _seeded(values: pd.Series) -> dict[int, float]:
    return {int(seed): float(value) for seed, value in zip(values.index, values, strict=True)}
