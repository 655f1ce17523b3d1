"""A baseline of real positives alone, trained again and again: by seed, by what is frozen, by number of positives."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from defectlab.data import SurfaceDataset, concatenate
from defectlab.detection import config as presets
from defectlab.detection.config import ClassifierConfig
from defectlab.experiments.baseline_parameters import BaselineParameters
from defectlab.experiments.contents import contents
from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.splits import Splits, load_splits, real_positives
from defectlab.experiments.watched import WatchedClassifier
from defectlab.runs import Run

ROOMS = (
    "data",
    "detection",
    "evaluation",
    "experiments/baseline",
    "experiments/running_averages",
    "experiments/splits",
    "experiments/watched",
)
"""Code that a training depends on."""
FINE_TUNING_LR = 1e-4  # DIAG's, for all layers; a head alone learns ten times as fast


@dataclass(frozen=True)
class Setting:
    """One way to train the same network.

    Attributes:
        finetune: ``"none"``, a head on frozen features; ``"all"``, every layer.
        shuffled: start from random weights.
        legacy: train in evaluation mode from the second epoch on.
    """

    finetune: str = "none"
    shuffled: bool = False
    legacy: bool = False


SETTINGS = {
    "frozen": Setting(),
    "fine-tuned": Setting("all"),
    "frozen, random weights": Setting(shuffled=True),
    "from scratch": Setting("all", shuffled=True),
    "fine-tuned, with the bug": Setting("all", legacy=True),
}
"""Name in tables to setting."""


def experiment(params: BaselineParameters, n_shot: int | None = None) -> DiagParameters:
    """The experiment of the DIAG notebook that has the same images: with so many real positives, or all of them."""
    return DiagParameters(
        dataset=params.dataset,
        data_root=params.data_root,
        regime="full_shot" if n_shot is None else "few_shot",
        n_shot=n_shot or 1,
        seeds=params.seeds,
        profile=params.profile,
        height=params.size[0],
        width=params.size[1],
        scale=params.scale,
        validation=params.validation,
    )


def load_images(params: BaselineParameters) -> Splits:
    """Images by their part, as the notebooks of the papers divide them.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if a file is damaged, or ``n_shot`` or ``counts`` ask for positives that are not there.
    """
    splits = load_splits(experiment(params, params.n_shot))
    there = len(splits.positives)
    if beyond := [count for count in params.counts or [] if count >= there]:
        raise ValueError(
            f"counts: the last point of the curve is all real positives, {there} here; "
            f"expected smaller numbers before it, got {', '.join(map(str, beyond))}"
        )
    return splits


def settings(params: BaselineParameters, name: str, seed: int) -> ClassifierConfig:
    """The classifier of a setting: that of the laptop preset, a patch head on frozen features, and what differs.

    Raises:
        ValueError: if there is no such setting.
    """
    if name not in SETTINGS:
        raise ValueError(f"no setting {name!r}; there are: {', '.join(SETTINGS)}")
    setting = SETTINGS[name]
    config = presets.laptop(size=params.size, seed=seed, flips="h").but(
        weights=params.weights, backbone=params.backbone, epochs=params.epochs
    )
    if setting.finetune == "none":
        return config
    return config.but(finetune=setting.finetune, lr=FINE_TUNING_LR, legacy_bn_eval=setting.legacy)


def train(
    params: BaselineParameters,
    splits: Splits,
    run: Run,
    names: Sequence[str],
    counts: Sequence[int | None] = (None,),
) -> pd.DataFrame:
    """Trains each setting with each seed, on each number of real positives; what is stored is not trained again.

    Args:
        params: of the notebook.
        splits: from `load_images`.
        run: keeps the rows of every training as soon as it is done.
        names: of `SETTINGS`.
        counts: real positives, drawn by the seed; ``None`` for ``n_shot``, or all where that is not given.

    Returns:
        One row an epoch: ``setting, seed, positives``, then those of `WatchedClassifier.watch`.
    """
    tables, images = [], {part: contents(getattr(splits, part)) for part in ("train", "validation", "test")}
    with tempfile.TemporaryDirectory() as folder:  # features are computed once for all seeds of this call
        for name in names:
            for count in counts:
                for seed in params.seeds:
                    made = partial(_watched, params, splits, name, count, seed, Path(folder))
                    tables.append(run.table(f"{name}-{count or 'all'}-{seed}", made, images, ROOMS))
    joined = pd.concat(tables, ignore_index=True)
    first = ["setting", "seed", "positives"]
    return joined[first + [column for column in joined if column not in first]]


def learning_curve(params: BaselineParameters, splits: Splits, run: Run, all_of_them: pd.DataFrame) -> pd.DataFrame:
    """The frozen baseline with few positives, then with all of them; validation images are not asked for anything.

    Args:
        params: ``counts`` and the seeds are read.
        splits: from `load_images`.
        run: keeps the rows.
        all_of_them: rows of `train` on all positives, which are not trained again; without any (``n_shot`` was given)
            they are trained here.

    Returns:
        Rows as `train` gives them, by number of positives.
    """
    known = all_of_them[(all_of_them["setting"] == "frozen") & (all_of_them["positives"] == len(splits.positives))]
    wanted: list[int | None] = list(params.counts or [])
    if known.empty:
        wanted.append(len(splits.positives))
    few = train(params, splits, run, ["frozen"], wanted)
    return pd.concat([few, known], ignore_index=True)


def last_epochs(epochs: pd.DataFrame) -> pd.DataFrame:
    """One row a training, of its last epoch: ``setting, seed, positives, AP, seconds`` and the rest."""
    last = epochs.groupby(["setting", "seed", "positives"], sort=False).tail(1)
    return last.rename(columns={"test_ap": "AP"}).reset_index(drop=True)


def by_positives(trainings: pd.DataFrame) -> tuple[list[int], np.ndarray]:
    """Numbers of positives, ascending, and AP of shape ``(seeds, numbers)``, for `images_worth`."""
    table = trainings.pivot(index="seed", columns="positives", values="AP")
    return [int(count) for count in table.columns], table.to_numpy(dtype=float)


def _watched(
    params: BaselineParameters, splits: Splits, name: str, count: int | None, seed: int, cache: Path
) -> pd.DataFrame:
    images = _training_images(params, splits, count, seed)
    classifier = WatchedClassifier(settings(params, name, seed), params.device, cache, SETTINGS[name].shuffled)
    rows = classifier.watch(images, splits.validation, splits.test)
    return rows.assign(setting=name, seed=seed, positives=int(images.labels.sum()))


def _training_images(params: BaselineParameters, splits: Splits, count: int | None, seed: int) -> SurfaceDataset:
    chosen = experiment(params, params.n_shot if count is None else count)
    return concatenate(splits.normals, real_positives(splits, chosen, seed))
