"""Train a classifier on every arm and seed, score validation and test images, store scores and metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from defectlab.data import SurfaceDataset, concatenate
from defectlab.detection import config as presets
from defectlab.detection.classifier import Classifier
from defectlab.detection.config import ClassifierConfig
from defectlab.evaluation import average_precision, best_f1_from_validation, best_f1_on_test
from defectlab.experiments.arms import Synthetics
from defectlab.experiments.contents import contents
from defectlab.experiments.experiment_parameters import ExperimentParameters
from defectlab.experiments.splits import Splits, real_positives
from defectlab.files import fingerprint
from defectlab.paths import cache_dir
from defectlab.provenance import source_hash
from defectlab.runs import Run

ROOMS = ("data", "detection", "evaluation", "experiments/detect", "experiments/splits")
"""Code that a training depends on; synthetic images count with their pixels, so `synthesis` is not among it."""

PRESETS = {"smoke": presets.smoke, "laptop": presets.laptop}
PAPERS = {"diag": presets.paper, "in_and_out": presets.in_and_out}


@dataclass(frozen=True)
class Fold:
    """What one training sees.

    Thresholds are chosen on held-out images whose labels the regime may know. Full-shot may know all real positives,
    so that all its arms take the held-out real ones. The other regimes know none beyond the ``n_shot``, which are
    trained on, and scores of images that were trained on are too high to choose a threshold by. So each arm takes
    synthetic positives of its own kind that it never saw, beside held-out normal images; training without augmentation
    takes those of MemSeg, which need neither a positive nor a training.

    Attributes:
        train: real normals, the regime's real positives, the arm's synthetic positives.
        validation: held-out normals, and positives as said above. No weight depends on them.
    """

    train: SurfaceDataset
    validation: SurfaceDataset

    @property
    def contents(self) -> list[str]:
        """Digits of both parts, by which a change of an image is noticed."""
        return [contents(self.train), contents(self.validation)]


def classifier_config(params: ExperimentParameters, seed: int) -> ClassifierConfig:
    """The classifier of the profile, at ``paper`` that of the paper, with the parameters' weights, backbone, epochs."""
    preset = PAPERS[params.paper] if params.profile == "paper" else PRESETS[params.profile]
    flips = "h" if params.profile == "laptop" else None
    changes = {"weights": params.weights, "backbone": params.backbone, "epochs": params.epochs, "flips": flips}
    given = {name: value for name, value in changes.items() if value is not None}
    return preset(size=params.size, seed=seed, **given)


def make_fold(
    params: ExperimentParameters, splits: Splits, synthetics: Mapping[tuple[str, int], Synthetics], arm: str, seed: int
) -> Fold:
    """Training and validation images of one arm and seed."""
    real = real_positives(splits, params, seed)
    parts = [splits.normals, *([real] if len(real) else []), *([synthetics[arm, seed].train] if arm != "none" else [])]
    if params.regime == "full_shot":
        return Fold(concatenate(*parts), splits.validation)
    held_out = splits.validation.subset(defective=False)
    return Fold(concatenate(*parts), concatenate(held_out, synthetics[arm, seed].validation))


def detect(
    params: ExperimentParameters, splits: Splits, synthetics: Mapping[tuple[str, int], Synthetics], run: Run
) -> pd.DataFrame:
    """Results of all arms and seeds; a training that is stored already is not done again.

    It is done again where an image, the classifier's starting weights or the code have changed.

    Returns:
        Rows of the run store, one a metric value; scores and histories are tables of the run.
    """
    weights = Classifier(classifier_config(params, 0), params.device).prepare().sha256
    shared = {"size": params.size, "weights": weights, "test": contents(splits.test)}
    for seed in params.seeds:
        for arm in params.arms:
            fold = make_fold(params, splits, synthetics, arm, seed)
            inputs = {**shared, "fold": fold.contents}
            with run.step(f"detect/{arm}/{seed}", inputs, ROOMS) as todo:
                if todo:
                    # another name for other inputs or code, so that a training never goes on from a foreign checkpoint
                    key = fingerprint({**inputs, "source": source_hash(("detection",))})
                    checkpoint = run.folder("checkpoints") / f"{arm}-{seed}-{key}.pt"
                    _train_and_score(params, splits, fold, run, arm, seed, checkpoint)
                    checkpoint.unlink(missing_ok=True)
    return run.results()


def _train_and_score(
    params: ExperimentParameters, splits: Splits, fold: Fold, run: Run, arm: str, seed: int, checkpoint: Path
) -> None:
    begun = time.perf_counter()
    config = classifier_config(params, seed)
    classifier = Classifier(config, params.device, cache=cache_dir() / "detection", checkpoint=checkpoint)
    classifier.fit(fold.train, fold.validation)
    scored = {"validation": fold.validation, "test": splits.test}
    scores = pd.concat([_scores(classifier, name, part) for name, part in scored.items()])
    run.write_table(f"scores-{arm}-{seed}", scores)
    run.write_table(f"history-{arm}-{seed}", classifier.history.assign(method=arm, seed=seed))
    seconds = time.perf_counter() - begun
    columns = {"method": arm, "seed": seed, "seconds": seconds, "n_aug": 0 if arm == "none" else params.n_aug}
    run.add([run.result(**columns, metric=name, value=value) for name, value in _metrics(scores).items()])


def _scores(classifier: Classifier, split: str, dataset: SurfaceDataset) -> pd.DataFrame:
    values = classifier.score(dataset).image
    records = dataset.records
    return pd.DataFrame(
        {
            "split": split,
            "id": [record.id for record in records],
            "label": dataset.labels,
            "defect": [record.defect for record in records],
            "group": [record.group for record in records],
            "score": values.astype(float),
        }
    )


def _metrics(scores: pd.DataFrame) -> dict[str, float]:
    """AP in both definitions, and precision and recall at both thresholds."""
    labels, values = _pair(scores, "test")
    papers = best_f1_on_test(labels, values)
    honest = best_f1_from_validation(labels, values, *_pair(scores, "validation"))
    metrics = {
        "ap_step": average_precision(labels, values, "step"),
        "ap_trapezoid": average_precision(labels, values, "trapezoid"),
        "precision_best_f1": papers.precision,
        "recall_best_f1": papers.recall,
        "precision_validation": honest.precision,
        "recall_validation": honest.recall,
    }
    test = scores[scores.split == "test"]
    kinds = sorted(set(test.defect[test.label == 1]))
    if len(kinds) > 1:  # each class of defect against all normal images
        for kind in kinds:
            part = test[(test.label == 0) | (test.defect == kind)]
            metrics[f"ap_step_{kind}"] = average_precision(part.label.to_numpy(), part.score.to_numpy(), "step")
    return metrics


def _pair(scores: pd.DataFrame, split: str) -> tuple[np.ndarray, np.ndarray]:
    part = scores[scores.split == split]
    return part.label.to_numpy(), part.score.to_numpy()
