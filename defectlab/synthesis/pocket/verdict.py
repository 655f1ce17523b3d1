"""What a trial of `pocket` says: numbers as JSON, tables as CSV, and a sheet to look at."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from defectlab.files import atomic_path, write_json
from defectlab.synthesis.pocket.judge import Judge
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.trial import LADDER, Place, Trial, TrialSettings, border_jump, exact_outside, luminance
from defectlab.synthesis.pocket.words import DEFECTS

ROWS = 8
"""Most crops that the sheet shows."""
MARGIN = 14


def summarise(trial: Trial, judge: Judge, settings: TrialSettings, model: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a trial.

    Args:
        trial: what came out.
        judge: who judged.
        settings: of the trial.
        model: what is known of the model, see `command`.
    """
    counts = trial.confusion
    obeyed, asked = int(np.trace(counts)), int(counts.sum())
    table = by_class(trial)
    rising = np.diff(trial.ladders[1:], axis=2) > 0
    return {
        "model": model,
        "settings": asdict(settings),
        "obeyed": obeyed / asked,
        "obeyed_95": wilson(obeyed, asked),
        "judge_accuracy": judge.accuracy,
        "judge_settings": asdict(judge.settings),
        "exact_outside": float(table["exact_outside"].min()),
        "severity_rises": float(rising.all(axis=2).mean()),
        "severity_rises_by_step": float(rising.mean()),
        "classes": table.to_dict("records"),
        "confusion": counts,
        "judge_confusion": judge.confusion,
    }


def by_class(trial: Trial) -> pd.DataFrame:
    """One row a class: share obeyed, border jump, smallest share of exact pixels outside, change by severity."""
    before = [luminance(place.pixels) for place in trial.places]
    masks = [place.mask for place in trial.places]
    rows = []
    for i, defect in enumerate(DEFECTS):
        after = [luminance(image) for image in trial.made[i]]
        exact = [exact_outside(p.pixels, image, p.mask) for p, image in zip(trial.places, trial.made[i], strict=True)]
        changes = [np.abs(a - b)[m] for a, b, m in zip(after, before, masks, strict=True)]
        row: dict[str, Any] = {
            "asked": defect,
            "images": len(after),
            "obeyed": float((trial.judged[i] == i).mean()),
            "border_jump": border_jump(before, after, masks),
            "exact_outside": min(exact),
            "changed": float(np.mean([(change > 10).mean() for change in changes])),
            "largest_change": float(np.median([change.max() for change in changes])),
        }
        steps = trial.ladders[i].mean(axis=0)
        rows.append(row | {f"change_at_{s:g}": float(step) for s, step in zip(LADDER, steps, strict=True)})
    return pd.DataFrame(rows)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share, shrink = hits / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / shrink
    half = z / shrink * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return middle - half, middle + half


def write_verdict(
    out: Path, trial: Trial, judge: Judge, settings: TrialSettings, model: dict[str, Any]
) -> dict[str, Any]:
    """Writes ``trial.json``, ``classes.csv``, ``confusion.csv`` and ``sheet.png``; gives back the numbers."""
    summary = summarise(trial, judge, settings, model)
    write_json(out / "trial.json", summary)
    pd.DataFrame(summary["classes"]).to_csv(_made(out / "classes.csv"), index=False, float_format="%.4f")
    pd.DataFrame(trial.confusion, index=pd.Index(DEFECTS, name="asked"), columns=list(DEFECTS)).to_csv(
        out / "confusion.csv"
    )
    with atomic_path(out / "sheet.png") as partial:
        draw_sheet(trial).save(partial)
    return summary


def draw_sheet(trial: Trial) -> Image.Image:
    """Crops by rows, classes by columns; under each what it was judged to be, in green where that was asked for."""
    rows, step = min(ROWS, len(trial.places)), SIDE + MARGIN
    sheet = Image.new("RGB", ((len(DEFECTS) + 1) * (SIDE + 4), MARGIN + rows * step), "white")
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(("normal, mask", *DEFECTS)):
        draw.text((column * (SIDE + 4) + 2, 1), name, fill="black")
    for row in range(rows):
        top, place = MARGIN + row * step, trial.places[row]
        sheet.paste(_outlined(place), (0, top))
        draw.text((2, top + SIDE), f"severity {place.severity:.2f}", fill="black")
        for i in range(len(DEFECTS)):
            left = (i + 1) * (SIDE + 4)
            judged = int(trial.judged[i, row])
            sheet.paste(Image.fromarray(trial.made[i, row]), (left, top))
            draw.text((left + 2, top + SIDE), DEFECTS[judged], fill="green" if judged == i else "firebrick")
    return sheet


def _outlined(place: Place) -> Image.Image:
    padded = np.pad(place.mask, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    pixels = place.pixels.copy()
    pixels[place.mask & ~inner] = (255, 160, 0)
    return Image.fromarray(pixels)


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
