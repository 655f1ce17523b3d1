"""How close synthetic positives are to real ones: the paper's Table III, with what features are at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.embedding import embed
from defectlab.detection.weights import load_backbone
from defectlab.devices import pick_device
from defectlab.evaluation import frechet_distance, kernel_distance
from defectlab.evaluation.fid import fid
from defectlab.experiments.arms import Synthetics
from defectlab.experiments.contents import contents
from defectlab.experiments.detect import classifier_config
from defectlab.experiments.experiment_parameters import ExperimentParameters
from defectlab.experiments.splits import Splits
from defectlab.runs import Run

ROOMS = ("data", "detection", "evaluation", "experiments/detect", "experiments/fidelity", "experiments/splits")
"""Code that a distance depends on; synthetic images count with their pixels, so `synthesis` is not among it."""

Measure = Callable[[SurfaceDataset], dict[str, float]]

STRIDES = (4, 8)
"""Feature maps of the backbone that stand in for the two pooling layers of the paper's Table III."""


def fidelity(
    params: ExperimentParameters, splits: Splits, synthetics: Mapping[tuple[str, int], Synthetics], run: Run
) -> pd.DataFrame:
    """Distances between all real training positives and each synthetic set, stored as results of the run.

    With Inception weights these are FID at 64 and 192 features, as in the paper. Without them they are Fréchet and
    kernel distances on the classifier's own backbone: good for comparing rows, not for comparing with the paper, and
    never called FID. With fewer than two real training positives there is no distance and no row is added.
    """
    real = splits.positives
    made_of = {f"{arm}-{seed}": contents(made.train) for (arm, seed), made in synthetics.items() if len(made.train)}
    features = params.inception or load_backbone(classifier_config(params, 0))[2].sha256
    inputs = {"size": params.size, "features": features, "real": contents(real), "made": made_of}
    with run.step("fidelity", inputs, ROOMS) as todo:
        if todo and len(real) > 1:
            measure = _inception(params, real) if params.inception else _backbone(params, real)
            for (arm, seed), made in synthetics.items():
                values = measure(made.train) if len(made.train) else {}
                run.add([run.result(method=arm, seed=seed, metric=name, value=value) for name, value in values.items()])
    return run.results()


def _backbone(params: ExperimentParameters, real: SurfaceDataset) -> Measure:
    """Distances to the real images, which are embedded once for all sets."""
    config = classifier_config(params, 0)
    name = Path(config.weights).stem  # the distance is one of these features, so their name is in its name
    targets = {stride: embed(real, config, stride, params.device) for stride in STRIDES}

    def measure(made: SurfaceDataset) -> dict[str, float]:
        values = {}
        for stride, target in targets.items():
            features = embed(made, config, stride, params.device)
            values[f"frechet_{name}_stride{stride}"] = frechet_distance(target, features).distance
            values[f"kernel_{name}_stride{stride}"] = kernel_distance(target, features).whole
        return values

    return measure


def _inception(params: ExperimentParameters, real: SurfaceDataset) -> Measure:
    images, device = _bytes(real), pick_device(params.device)

    def measure(made: SurfaceDataset) -> dict[str, float]:
        reports = fid(images, _bytes(made), weights=params.inception, device=device)
        return {f"fid_{report.frechet.dim}": report.frechet.distance for report in reports}

    return measure


def _bytes(dataset: SurfaceDataset) -> Tensor:
    return dataset.images().mul(255).round().to(torch.uint8)
