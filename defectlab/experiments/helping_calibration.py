"""Is the score a probability: as trained, with the share of defects corrected, and with a temperature besides."""

from __future__ import annotations

import pandas as pd

from defectlab.evaluation.calibration import (
    brier_score,
    calibration_error,
    calibration_floor,
    fit_temperature,
    log_loss,
    prior_shift,
    probability,
    reliability,
)
from defectlab.experiments.helping_bench import Bench
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable

LEARNT = 0.5
"""Share of defective draws in training: every other one."""
TRAINED, SHIFTED, COOLED = "as trained", "share corrected", "share and temperature"


def scores(bench: Bench) -> pd.DataFrame:
    """Logits of validation and test images, trained with ``n_shot`` real and ``total`` synthetic positives.

    Returns:
        Columns ``synthesizer, seed, part, label, logit``.
    """
    return bench.table("calibration", _scored)


def repaired(scored: pd.DataFrame) -> pd.DataFrame:
    """Test images with the probabilities of each repair, fitted to validation images alone.

    Args:
        scored: rows of `scores`.

    Returns:
        Columns ``synthesizer, seed, repair, label, logit, probability, temperature, shift``; logits are repaired too.
    """
    parts = []
    for (name, seed), rows in scored.groupby(["synthesizer", "seed"], sort=False):
        held, test = (rows[rows["part"] == part] for part in ("validation", "test"))
        shift = prior_shift(LEARNT, float(held["label"].mean()))
        warm = fit_temperature(held["label"], held["logit"], shift)
        for repair, (temperature, added) in {TRAINED: (1.0, 0.0), SHIFTED: (1.0, shift), COOLED: (warm, shift)}.items():
            logits = test["logit"].to_numpy() / temperature + added
            parts.append(pd.DataFrame({
                "synthesizer": name, "seed": seed, "repair": repair, "label": test["label"].to_numpy(),
                "logit": logits, "probability": probability(logits), "temperature": temperature, "shift": added,
            }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def calibration_table(probabilities: pd.DataFrame) -> ReportTable:
    """Error, floor, Brier score and log loss of each repair, means over seeds."""
    lines = []
    for (name, repair), rows in probabilities.groupby(["synthesizer", "repair"], sort=False):
        found = pd.DataFrame([_measures(part) for _, part in rows.groupby("seed")]).mean()
        lines.append({
            "synthesizer": method(str(name)).name, "scores": repair,
            "temperature": f"{found['temperature']:.2f}", "shift": f"{found['shift']:+.2f}",
            "ECE": f"{found['ECE']:.3f}", "its floor": f"{found['floor']:.3f}", "Brier": f"{found['Brier']:.3f}",
            "log loss": f"{found['log loss']:.3f}",
        })  # fmt: skip
    notes = (
        "Test images; means over seeds. Shift and temperature were fitted to validation images alone.",
        "Floor: mean ECE of labels that are drawn with exactly the stated probabilities; ten bins.",
    )
    return ReportTable(pd.DataFrame(lines), "Calibration before and after two repairs", notes)


def reliability_curves(probabilities: pd.DataFrame, synthesizer: str, bins: int = 5) -> pd.DataFrame:
    """Points of a reliability diagram, test images of all seeds together: ``repair, confidence, frequency``."""
    rows = probabilities[probabilities["synthesizer"] == synthesizer]
    parts = []
    for repair, part in rows.groupby("repair", sort=False):
        table = reliability(part["label"], part["probability"], bins)
        parts.append(pd.DataFrame({"repair": repair, "confidence": table.confidence, "frequency": table.frequency}))
    return pd.concat(parts, ignore_index=True)


def _measures(rows: pd.DataFrame) -> dict[str, float]:
    labels, predicted = rows["label"].to_numpy(), rows["probability"].to_numpy()
    return {
        "ECE": calibration_error(labels, predicted),
        "floor": calibration_floor(predicted),
        "Brier": brier_score(labels, predicted),
        "log loss": log_loss(labels, rows["logit"].to_numpy()),
        "temperature": float(rows["temperature"].iloc[0]),
        "shift": float(rows["shift"].iloc[0]),
    }


def _scored(bench: Bench, seed: int) -> pd.DataFrame:
    parts = []
    for name in bench.params.synthesizers:
        trained = bench.train(seed, bench.params.n_shot or 1, name, bench.params.total or 4)
        for part in ("validation", "test"):
            seen = {"label": getattr(bench.splits, part).labels, "logit": bench.logits(trained, part)}
            parts.append(pd.DataFrame(seen).assign(synthesizer=name, seed=seed, part=part))
    return pd.concat(parts, ignore_index=True)
