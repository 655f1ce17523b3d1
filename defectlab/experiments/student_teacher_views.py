"""From the run store of the student-teacher notebook to what the report draws: rows of images, curves, tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from defectlab.data import SurfaceDataset, concatenate
from defectlab.data.images import image_size
from defectlab.detection.baselines.registry import BASELINES
from defectlab.detection.weights import WeightsReport
from defectlab.evaluation import DEFINITIONS
from defectlab.experiments.anomalies import Sets
from defectlab.experiments.categories import Units
from defectlab.experiments.contents import contents
from defectlab.experiments.localise import make_detector
from defectlab.experiments.student_teacher_parameters import ABLATIONS, PAIRED, StudentTeacherParameters
from defectlab.files import slug
from defectlab.report.identity import method
from defectlab.report.localisation_setting import LocalisationSetting
from defectlab.report.tables import EXPORT_NOTE, ReportTable
from defectlab.runs import Run
from defectlab.synthesis import store
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.perturbed.normals import pixels
from defectlab.synthesis.perturbed.stored import keep_normal

_SCORE_NOTE = (
    "In all tables the image score of every method is Eq. 6 on its map, so that they are compared by their maps alone; "
    "image_auroc_own and image_auroc_max among the result rows have the method's own score and the largest pixel."
)
LOSSES = {"cosine": "Cosine loss (Eq. 4)", "focal": "Focal loss", "distance": "L1 loss"}


def methods_table(params: StudentTeacherParameters) -> ReportTable:
    """What each method learns from, at which size, from which weights; one that cannot be made stops here.

    Raises:
        ValueError: if a method or its settings are not there, or weights, network and size do not fit.
        FileNotFoundError: if weights are not found, or not reachable.
        ImportError: if it needs an extra of this package that is not installed.
    """
    lines: list[dict[str, str]] = []
    said: dict[str, None] = {}  # each note once, in order
    for arm in params.arms:
        made: Any = make_detector(params, arm, params.seeds[0])
        report: WeightsReport | None = made.check()
        known = BASELINES.get(arm)
        pairs = "normal images and synthetic defects" if arm in PAIRED else "normal images"
        source = known.source if known else "the paper" if arm == "student_teacher" else "Table 6"
        if arm in ("l2_for_l1", "textures_for_p"):
            source = "not in the paper's tables"
        own = known.image_score if known else "mean of the 100 largest pixels (Eq. 6)"
        line = {"method": method(arm).name, "learns from": pairs, "its own image score": own, "from": source}
        height, width = made.settings.size
        lines.append(line | {"sees": f"{height} x {width}", "weights": weights_text(report)})
        if report is not None:
            said[f"Weights {weights_text(report)}: {report.note}"] = None
    return ReportTable(pd.DataFrame(lines), "What is compared", (_SCORE_NOTE, *said))


def setting(params: StudentTeacherParameters, units: Units) -> LocalisationSetting:
    """Sizes behind the rows of this run: measured, seen by each network, and of the image files.

    Raises:
        ValueError: if a method or its settings are not there.
    """
    networks = {arm: make_detector(params, arm, params.seeds[0]).settings.size for arm in params.arms}  # type: ignore[attr-defined]
    native = {}
    for category, test in units.tests.items():
        sizes = [image_size(record.path) for record in test.records if Path(record.path).is_file()]
        if sizes:
            native[category] = min(sizes, key=min)
    return LocalisationSetting(params.size, networks, native)


def weights_text(report: WeightsReport | None) -> str:
    """Name of the weights and the first digits of their SHA-256; a file by its name alone, for pages are published."""
    if report is None:
        return "–"
    name = Path(report.name).name if Path(report.name).is_absolute() else report.name
    return f"{name} ({report.sha256[:12]})" if report.sha256 else name


def histories(params: StudentTeacherParameters, units: Units, run: Run) -> pd.DataFrame:
    """Losses of the student-teacher and its ablations: method, seed, epoch (the step), metric, value.

    Of several models, one a category, the mean is shown.
    """
    tables = [
        run.read_table(f"history-{arm}-{unit.name}-{seed}")
        for arm in params.arms
        if arm == "student_teacher" or arm in ABLATIONS
        for unit in units.units
        for seed in params.seeds
    ]
    if not tables:
        return pd.DataFrame()
    long = pd.concat(tables).rename(columns={"step": "epoch"})
    shown = [name for name in LOSSES if name in long]
    long = long.melt(["method", "seed", "epoch"], shown, var_name="metric").dropna(subset="value")
    means = long.groupby(["method", "seed", "epoch", "metric"], sort=False)["value"].mean().reset_index()
    return means.replace({"metric": LOSSES})


def all_tests(units: Units) -> SurfaceDataset:
    """The test images of all categories, one behind the other."""
    return concatenate(*units.tests.values())


def aupro_forms(params: StudentTeacherParameters, units: Units, run: Run) -> pd.DataFrame:
    """Every number called AUPRO of the first seed's maps: method, category, definition, value."""
    tables = [run.read_table(f"aupro-{arm}-{category}") for arm in params.compared for category in units.tests]
    return pd.concat(tables, ignore_index=True)


def differs() -> dict[str, str]:
    """What each definition of AUPRO does otherwise than MVTec AD's, and who computes it so."""
    return {name: f"{form.differs} ({form.used_by})" for name, form in DEFINITIONS.items()}


def invariants(params: StudentTeacherParameters, units: Units, sets: Sets, run: Run) -> ReportTable:
    """F14 on this run: images outside their masks, and top-K means that exceed the largest pixel."""
    lines = []
    for (name, content, seed), made in sets.items():
        changed = sum(_changed_outside(units, name, made, i) for i in range(len(made)))
        what = f"A is I outside M (Eq. 3): {content}, {name}, seed {seed}"
        lines.append({"invariant": what, "images": len(made), "violations": changed})
    for arm in params.arms:
        scores = pd.concat([run.read_table(f"scores-{arm}-{seed}") for seed in params.seeds])
        above = int((scores["score"] > scores["largest"] + 1e-9).sum())
        what = f"the mean of the 100 largest is no larger than the largest (Eq. 6): {method(arm).name}"
        lines.append({"invariant": what, "images": len(scores), "violations": above})
    return ReportTable(pd.DataFrame(lines), "Invariants of the method on the images of this run")


def detectors(run: Run) -> ReportTable:
    """Files of the trained detectors of the first seed, for ``defectlab detect apply``."""
    files = sorted(run.folder("detectors").glob("*.safetensors"))
    lines = [{"detector": path.stem, "file": path.name, "MB": round(path.stat().st_size / 1e6, 1)} for path in files]
    frame = pd.DataFrame(lines, columns=["detector", "file", "MB"])
    return ReportTable(frame, "Trained detectors, kept in the folder detectors of this run")


def export_images(params: StudentTeacherParameters, units: Units, sets: Sets) -> ReportTable:
    """Writes whole triplets and their records where ``out`` says; the table lists the folders, none without.

    Each folder is one that `defectlab.synthesis.perturbed.stored.StoredTriplets` reads.
    """
    lines = []
    for (name, content, seed), made in sets.items() if params.out else ():
        folder = Path(params.out).expanduser() / slug(f"{name}-{content}-seed-{seed}")
        store.collect(_from(made), len(made), name=made.name, settings={"contents": contents(made)}, out=folder)
        normals = _train_of(units, name)
        for number in sorted({int(item.record["normal"]) for item in made.items}):
            keep_normal(folder, number, pixels(normals, number))
        lines.append({"model": name, "content": content, "seed": seed, "folder": str(folder)})
    frame = pd.DataFrame(lines, columns=["model", "content", "seed", "folder"])
    return ReportTable(frame, "Triplets that were written", () if lines else (EXPORT_NOTE,))


def _from(made: SyntheticSet) -> store.Make:
    return lambda indices: [made.items[i] for i in indices]


def _train_of(units: Units, name: str) -> SurfaceDataset:
    return next(unit.train for unit in units.units if unit.name == name)


def _changed_outside(units: Units, name: str, made: SyntheticSet, index: int) -> bool:
    """Whether a synthetic image differs from its normal one anywhere outside its mask."""
    item = made.items[index]
    normal = pixels(_train_of(units, name), int(item.record["normal"]))
    outside = np.ones(item.image.shape[:2], bool) if item.mask is None else ~item.mask
    return bool((item.image[outside] != normal[outside]).any())
