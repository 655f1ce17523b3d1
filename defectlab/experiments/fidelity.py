"""How close synthetic positives are to real ones: the paper's Table III, with what features are at hand."""

from __future__ import annotations

from collections.abc import Mapping
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
from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.splits import Splits
from defectlab.runs import Run

ROOMS = ("data", "detection", "evaluation", "experiments/detect", "experiments/fidelity", "experiments/splits")
"""Code that a distance depends on; synthetic images count with their pixels, so `synthesis` is not among it."""

STRIDES = (4, 8)
"""Feature maps of the backbone that stand in for the two pooling layers of the paper's Table III."""


def fidelity(
    params: DiagParameters, splits: Splits, synthetics: Mapping[tuple[str, int], Synthetics], run: Run
) -> pd.DataFrame:
    """Distances between all real training positives and each synthetic set, stored as results of the run.

    With Inception weights these are FID at 64 and 192 features, as in the paper. Without them they are Fréchet and
    kernel distances on the classifier's own backbone: good for comparing rows, not for comparing with the paper, and
    never called FID. With fewer than two real training positives there is no distance and no row is added.
    """
    real = splits.positives
    made_of = {f"{arm}-{seed}": contents(made.train) for (arm, seed), made in synthetics.items()}
    features = params.inception or load_backbone(classifier_config(params, 0))[2].sha256
    inputs = {"size": params.size, "features": features, "real": contents(real), "made": made_of}
    with run.step("fidelity", inputs, ROOMS) as todo:
        if todo and len(real) > 1:
            for (arm, seed), made in synthetics.items():
                values = _inception(params, real, made) if params.inception else _backbone(params, real, made)
                run.add([run.result(method=arm, seed=seed, metric=name, value=value) for name, value in values.items()])
    return run.results()


def _backbone(params: DiagParameters, real: SurfaceDataset, made: Synthetics) -> dict[str, float]:
    config, values = classifier_config(params, 0), {}
    features = Path(config.weights).stem  # the distance is one of these features, so their name is in its name
    for stride in STRIDES:
        a, b = embed(real, config, stride, params.device), embed(made.train, config, stride, params.device)
        values[f"frechet_{features}_stride{stride}"] = frechet_distance(a, b).distance
        values[f"kernel_{features}_stride{stride}"] = kernel_distance(a, b).whole
    return values


def _inception(params: DiagParameters, real: SurfaceDataset, made: Synthetics) -> dict[str, float]:
    reports = fid(_bytes(real), _bytes(made.train), weights=params.inception, device=pick_device(params.device))
    return {f"fid_{report.frechet.dim}": report.frechet.distance for report in reports}


def _bytes(dataset: SurfaceDataset) -> Tensor:
    return dataset.images().mul(255).round().to(torch.uint8)
