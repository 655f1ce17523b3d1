"""From the run store to what the report draws: curves, histories, rows of images, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from defectlab.evaluation import average_precision, paired_difference, precision_recall_curve
from defectlab.experiments.arms import Synthetics
from defectlab.experiments.contents import contents
from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.splits import Splits
from defectlab.report import published, tables
from defectlab.report.grids import GridRow, draw_row
from defectlab.report.identity import method
from defectlab.report.plots import Curve
from defectlab.report.provenance_strip import Provenance
from defectlab.report.summary import by_seed
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


def curves(params: DiagParameters, run: Run) -> list[Curve]:
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


def paper_points(params: DiagParameters) -> dict[str, tuple[float, float]]:
    """Operating points that DIAG prints for the regime and count, as (precision, recall) by method."""
    points = {arm: published.diag_operating_point(arm, params.regime, params.n_aug) for arm in params.arms}
    return {arm: point for arm, point in points.items() if point is not None}


def histories(params: DiagParameters, run: Run) -> pd.DataFrame:
    """Training histories of all arms and seeds: method, seed, epoch, metric, value."""
    tables = [run.read_table(f"history-{arm}-{seed}") for arm in params.arms for seed in params.seeds]
    long = pd.concat(tables).melt(["method", "seed", "epoch"], var_name="metric")
    names = {"loss": "Training loss", "validation_ap": "Validation AP"}
    return long[long["metric"].isin(names)].replace({"metric": names})


def figure_rows(
    params: DiagParameters, splits: Splits, synthetics: Mapping[tuple[str, int], Synthetics], n: int = 8, seed: int = 0
) -> list[GridRow]:
    """The rows of DIAG's Figure 2, drawn at random: real normals and positives, MemSeg, DIAG with its masks.

    A training part without real positives has no row of them.
    """
    first = params.seeds[0]
    memseg, diag = synthetics["memseg", first].train, synthetics["diag", first].train
    return [
        draw_row(splits.normals, "Negatives", n, seed),
        *([draw_row(splits.positives, "Positives", n, seed)] if len(splits.positives) else []),
        draw_row(memseg, "MemSeg", n, seed, method="memseg"),
        draw_row(diag, "DIAG", n, seed, method="diag"),
        draw_row(diag, "Masks asked for", n, seed, method="diag", masks=True),
    ]


def provenance(params: DiagParameters, run: Run) -> Provenance:
    """What made the results of a run, for the strip under a table or figure."""
    record = run.provenance()
    return Provenance(
        profile=params.profile,
        dataset=params.dataset,
        seeds=params.seeds,
        device=run.device,
        seconds=record["seconds"],
        commit=record["commit"],
        command=record["command"],
    )


def records_table(made: SyntheticSet, n: int = 5) -> pd.DataFrame:
    """The first records of a synthetic set: how each image was made."""
    columns = ["index", "prompt", "source", "mask_id", "area", "changed", "noise_seed"]
    return pd.DataFrame([item.record for item in made.items[:n]])[columns]


def differences_between_arms(params: DiagParameters, rows: pd.DataFrame, metric: str = "ap_step") -> pd.DataFrame:
    """Paired differences of DIAG to every other arm, over the seeds, with their 95 % interval.

    Needs at least two seeds; with one there is no interval and the table is empty.
    """
    lines = []
    own = by_seed(rows, method="diag", metric=metric)
    for arm in params.arms:
        if arm == "diag" or len(own) < 2:
            continue
        other = by_seed(rows, method=arm, metric=metric)
        difference = paired_difference(_seeded(own), _seeded(other))
        interval = f"{difference.t.low:+.3f} to {difference.t.high:+.3f}"
        each = ", ".join(f"{own[seed] - other[seed]:+.2f}" for seed in sorted(own.index))
        lines.append(
            {
                "difference": f"DIAG - {method(arm).name}",
                "mean": f"{difference.mean:+.3f}",
                "95 %": interval,
                "seeds": each,
            }
        )
    return pd.DataFrame(lines, columns=["difference", "mean", "95 %", "seeds"])


def paper_tables(params: DiagParameters, rows: pd.DataFrame) -> list[ReportTable]:
    """The paper's table of the regime beside ours; both tables, without values here, in the few-shot regime."""
    regimes = [params.regime] if params.regime != "few_shot" else ["zero_shot", "full_shot"]
    return [tables.detection_table(rows, regime) for regime in regimes]


def export_images(
    params: DiagParameters, splits: Splits, synthetics: Mapping[tuple[str, int], Synthetics]
) -> pd.DataFrame:
    """Writes the DIAG images of every seed where ``out`` says; the table lists the folders, none where it is empty.

    A second call writes what is missing.

    Raises:
        ValueError: if a folder holds another set, or files of something else.
    """
    lines = []
    for seed in params.seeds if params.out else []:
        folder = Path(params.out).expanduser() / f"seed-{seed}"
        made = synthetics["diag", seed].train
        store.collect(_from(made), len(made), name=made.name, settings={"contents": contents(made)}, out=folder)
        lines.append({"seed": seed, "layout": "images, masks, records.csv", "folder": str(folder)})
        if params.layout:
            laid_out = export(made, folder / params.layout, params.layout, normals=splits.normals)
            lines.append({"seed": seed, "layout": params.layout, "folder": str(laid_out)})
    return pd.DataFrame(lines, columns=["seed", "layout", "folder"])


def _from(made: SyntheticSet) -> store.Make:
    return lambda indices: [made.items[i] for i in indices]


def _seeded(values: pd.Series) -> dict[int, float]:
    return {int(seed): float(value) for seed, value in zip(values.index, values, strict=True)}
