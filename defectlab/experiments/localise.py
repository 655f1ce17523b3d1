"""Train every detector for every model and seed, score the test images, store metrics, maps and the detector."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from defectlab.data import SurfaceDataset
from defectlab.data.combine import JoinedDataset
from defectlab.detection.base import Detector, Scores
from defectlab.detection.baselines import destseg
from defectlab.detection.baselines.registry import make_baseline
from defectlab.detection.scoring import resize_map
from defectlab.detection.student_teacher import StudentTeacher, StudentTeacherSettings, ablation
from defectlab.evaluation import aupro_by_every_definition, auroc, localisation_metrics, maximum, top_k_mean
from defectlab.experiments.anomalies import Sets, training_set
from defectlab.experiments.categories import Unit, Units
from defectlab.experiments.contents import contents
from defectlab.experiments.network_sizes import baseline_shape, chosen_settings
from defectlab.experiments.student_teacher_parameters import ABLATIONS, StudentTeacherParameters
from defectlab.files import atomic_path, fingerprint, slug
from defectlab.provenance import source_hash
from defectlab.results import Result
from defectlab.runs import Run

ROOMS = (
    "data",
    "detection",
    "evaluation",
    "experiments/detector_settings",
    "experiments/localise",
    "experiments/network_sizes",
)
"""Code that a training depends on; synthetic images count with their pixels, so `synthesis` is not among it."""

DESTSEG = {"smoke": destseg.smoke, "laptop": destseg.laptop, "paper": destseg.paper}
FULL = "student_teacher"
MAPS = 8
"""Defective test images a category whose maps are kept for figures, drawn at random."""
AVERAGED = ("image_auroc", "image_auroc_max", "image_auroc_own", "pixel_auroc", "pixel_ap", "pixel_best_f1", "aupro")
OF_CATEGORIES = ("image_auroc", "pixel_auroc", "aupro")
"""Metrics that result rows also have for each category, as ``aupro_screw``: those of the paper's tables."""
OF_FEATURES = "features_"
"""Before metrics of the full method's map of features (Eq. 5), which its head does not touch: ``features_aupro``."""


def student_teacher_settings(params: StudentTeacherParameters, arm: str, seed: int) -> StudentTeacherSettings:
    """The preset of the profile with the parameters' own values, and the switches of the arm.

    Raises:
        ValueError: if the values do not go together.
    """
    return ablation(ABLATIONS.get(arm, "full"), chosen_settings(params, seed))


def make_detector(params: StudentTeacherParameters, arm: str, seed: int, folder: Path | None = None) -> Detector:
    """The detector of an arm, ready to be fitted.

    Args:
        params: settings.
        arm: short name of the method or ablation.
        seed: of its training.
        folder: for the checkpoint that a killed training goes on from.

    Raises:
        ValueError: if the settings cannot be, or the arm is not there.
    """
    if arm == FULL or arm in ABLATIONS:
        return StudentTeacher(student_teacher_settings(params, arm, seed), device=params.device, folder=folder)
    changes: dict[str, Any] = {"seed": seed}
    if arm == "destseg" and params.detector_steps is not None:
        preset = DESTSEG[params.profile]()
        phase = preset.cosine_steps * params.detector_steps // preset.steps  # the share of its first phase stays
        changes |= {"steps": params.detector_steps, "cosine_steps": phase}
    changes["size"] = baseline_shape(params, arm)
    weights, device = params.backbone_weights, params.device
    return make_baseline(arm, params.profile, weights=weights, device=device, folder=folder, **changes)


def localise(params: StudentTeacherParameters, units: Units, sets: Sets, run: Run) -> pd.DataFrame:
    """Results of all arms and seeds; a training that is stored already is not done again.

    Returns:
        Rows of the run store, one a metric value: the mean over categories, and of `OF_CATEGORIES` each category's.
    """
    for seed in params.seeds:
        for arm in params.arms:
            localise_one(params, units, sets, run, arm, seed)
    return run.results()


def localise_one(
    params: StudentTeacherParameters, units: Units, sets: Sets, run: Run, arm: str, seed: int
) -> list[Result]:
    """Rows of one arm and seed, added to the run; what is stored already is not trained again."""
    for unit in units.units:
        _fit_and_score(params, unit, sets, run, arm, seed)
    rows = _results(params, units, run, arm, seed, sets)
    run.add(rows)
    return rows


def _fit_and_score(
    params: StudentTeacherParameters,
    unit: Unit,
    sets: Sets,
    run: Run,
    arm: str,
    seed: int,
) -> None:
    """One training and its scores, unless they are stored."""
    normals, synthetic = training_set(params, unit, sets, arm, seed)
    seen = [contents(normals), *([] if synthetic is None else [contents(synthetic)])]
    tests = {name: [contents(test), contents(unit.given(name))] for name, test in unit.tests.items()}
    inputs = {"train": seen, "tests": tests}
    name = f"{arm}-{unit.name}-{seed}"
    with run.step(f"localise/{name}", inputs, ROOMS) as todo:
        if not todo:
            return
        begun = time.perf_counter()
        # another folder for other images or code, so that a training never goes on from a foreign checkpoint
        key = fingerprint({**inputs, "source": source_hash(("detection",))})
        checkpoints = run.folder("checkpoints") / slug(f"{name}-{key}")
        detector = make_detector(params, arm, seed, checkpoints)
        detector.fit(normals if synthetic is None else JoinedDataset(normals, synthetic))
        if isinstance(detector, StudentTeacher):
            run.write_table(f"history-{name}", detector.history.assign(method=arm, seed=seed, model=unit.name))
        if seed == params.seeds[0] and hasattr(detector, "save"):
            detector.save(run.folder("detectors") / f"{arm}-{slug(unit.name)}.safetensors")
        metrics = pd.concat([_score(params, run, detector, arm, seed, unit, name) for name in unit.tests])
        run.write_table(f"metrics-{name}", metrics.assign(seconds=time.perf_counter() - begun))
        shutil.rmtree(checkpoints, ignore_errors=True)


def _score(
    params: StudentTeacherParameters,
    run: Run,
    detector: Detector,
    arm: str,
    seed: int,
    unit: Unit,
    category: str,
) -> pd.DataFrame:
    """Metrics of one category, long; scores, the forms of AUPRO and some maps are stored beside."""
    test, given = unit.tests[category], unit.given(category)
    scores = at_size(detector.score(given), params.size)
    if scores.pixel is None:
        raise ValueError(f"{arm} gave no maps: every method that is compared here has to locate")
    masks = [_mask(test, i) for i in range(len(test))]
    of_images = {"score": top_k_mean(scores.pixel), "largest": maximum(scores.pixel), "own": scores.image}
    about = {"split": "test", "id": [r.id for r in test.records], "label": test.labels, "category": category}
    about |= {"defect": [r.defect for r in test.records], "group": [r.group for r in test.records]}
    run.write_table(f"image-scores-{arm}-{category}-{seed}", pd.DataFrame({**about, **of_images}))
    if seed == params.seeds[0]:
        forms = aupro_by_every_definition(masks, scores.pixel)
        table = pd.DataFrame({"method": arm, "category": category, "definition": list(forms), "value": forms.values()})
        run.write_table(f"aupro-{arm}-{category}", table)
        _keep_maps(run.folder("maps") / f"{arm}-{slug(category)}.npz", test, scores)
    values = _metrics(test.labels, masks, scores.pixel, of_images)
    if arm == FULL and isinstance(detector, StudentTeacher):
        values |= _of_features(detector, given, test.labels, masks, params.size)
    return pd.DataFrame({"category": category, "metric": list(values), "value": list(values.values())})


def at_size(scores: Scores, size: tuple[int, int]) -> Scores:
    """Scores with their maps at ``(height, width)``, bilinear; the same where they are of that size."""
    if scores.pixel is None or scores.pixel.shape[1:] == tuple(size):
        return scores
    resized = [resize_map(torch.from_numpy(one)[None, None], size)[0, 0].numpy() for one in scores.pixel]
    return Scores(scores.image, np.stack(resized))


def _of_features(
    detector: StudentTeacher, given: SurfaceDataset, labels: np.ndarray, masks: list[np.ndarray], size: tuple[int, int]
) -> dict[str, float]:
    """Metrics of Eq. 5's map of a network that was trained with its head; no second training."""
    if not detector.settings.segmentation or detector.settings.maps == "features":
        return {}
    maps = at_size(detector.score(given, maps="features"), size).pixel
    assert maps is not None
    located = localisation_metrics(masks, maps)
    values = {
        "image_auroc": auroc(labels, top_k_mean(maps)), "pixel_auroc": located.auroc, "aupro": located.aupro
    }  # fmt: skip
    return {f"{OF_FEATURES}{name}": value for name, value in values.items()}


def _metrics(
    labels: np.ndarray, masks: list[np.ndarray], maps: np.ndarray, of_images: Mapping[str, np.ndarray]
) -> dict[str, float]:
    located = localisation_metrics(masks, maps)
    return {
        "image_auroc": auroc(labels, of_images["score"]),  # Eq. 6, for every method alike
        "image_auroc_max": auroc(labels, of_images["largest"]),
        "image_auroc_own": auroc(labels, of_images["own"]),
        "pixel_auroc": located.auroc,
        "pixel_ap": located.average_precision,
        "pixel_best_f1": located.best_f1.f1,
        "aupro": located.aupro,
    }


def _mask(test: SurfaceDataset, index: int) -> np.ndarray:
    sample = test[index]
    return np.zeros(sample.image.shape[1:], bool) if sample.mask is None else sample.mask[0].numpy()


def _keep_maps(path: Path, test: SurfaceDataset, scores: Scores) -> None:
    """Maps of a few images, drawn without looking, with the lowest and highest score of all, for figures.

    As float32: half of it makes every probability near 1 the same, and the highest pixel the first of them.
    """
    assert scores.pixel is not None
    chosen = drawn(test)
    ends = np.array([scores.pixel.min(), scores.pixel.max()], np.float32)
    with atomic_path(path) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, positions=chosen, maps=scores.pixel[chosen], ends=ends)


def drawn(test: SurfaceDataset, n: int = MAPS) -> np.ndarray:
    """Positions of defective test images drawn at random, the same for all methods and seeds."""
    defective = np.flatnonzero(test.labels == 1)
    return np.sort(np.random.default_rng(0).permutation(defective)[:n])


def _results(params: StudentTeacherParameters, units: Units, run: Run, arm: str, seed: int, sets: Sets) -> list[Result]:
    """Rows of one arm and seed from the stored metrics of all models."""
    tables = [run.read_table(f"metrics-{arm}-{unit.name}-{seed}") for unit in units.units]
    metrics = pd.concat(tables)
    scores = [run.read_table(f"image-scores-{arm}-{category}-{seed}") for category in units.tests]
    run.write_table(f"scores-{arm}-{seed}", pd.concat(scores))
    values = {name: metrics[metrics["metric"] == name].set_index("category")["value"] for name in AVERAGED}
    rows = {name: float(of_category.mean()) for name, of_category in values.items()}
    of_features = metrics[metrics["metric"].str.startswith(OF_FEATURES)]
    rows |= {str(name): float(value) for name, value in of_features.groupby("metric")["value"].mean().items()}
    rows |= {f"{name}_{category}": float(v) for name in OF_CATEGORIES for category, v in values[name].items()}
    n_aug = sum(len(training_set(params, unit, sets, arm, seed)[1] or ()) for unit in units.units)
    seconds = sum(float(table["seconds"].iloc[0]) for table in tables)
    about = {"method": arm, "dataset": params.name_in_rows, "regime": units.regime, "n_aug": n_aug, "seed": seed}
    return [run.result(**about, seconds=seconds, metric=name, value=value) for name, value in rows.items()]
