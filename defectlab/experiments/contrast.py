"""One pretraining without labels, or a baseline in its place, and what its frozen backbone is worth on test images."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from defectlab.detection.moco import (
    MoCoSettings,
    MoCoTrainer,
    ProbeReport,
    ProbeSettings,
    probe,
    supervised_backbone,
)
from defectlab.detection.moco.keeping import save_backbone
from defectlab.detection.moco.model import Embedder
from defectlab.detection.moco.training import measures_of
from defectlab.experiments.held_images import HeldImages
from defectlab.files import fingerprint, slug
from defectlab.progress import Pace
from defectlab.provenance import source_hash
from defectlab.runs import Run

ROOMS = (
    "data/base",
    "detection/backbones",
    "detection/checkpoints",
    "detection/config",
    "detection/heads",
    "detection/inputs",
    "detection/keras",
    "detection/moco",
    "detection/sampling",
    "detection/training",
    "detection/weights",
    "experiments/contrast",
    "experiments/held_images",
)
"""Code that a training depends on; images count with their pixels, so what reads or makes them is not among it."""

LOSSES = {"original": "original", "improved": "improved_mean_logit", "literal": "improved_eq7"}
"""Losses by the name that parameters give them: Eq. 5, the default reading of the improved one, Eq. 7 as printed."""
BASELINES = ("untrained", "supervised")
SUFFIX = {"augmented": "", "original": "_original_data"}
"""What the data of a training add to the name of its method."""
PROBABILITY = "p_"
HIDDEN = 512
"""Width of the hidden layer of the MLP head; the paper states none."""
HEADS = {"linear": ProbeSettings(), "mlp": ProbeSettings(hidden=HIDDEN)}
"""Heads on the frozen backbone, by the name that parameters give them: of the paper's ResNet-50 and of its ViT."""
CHECKPOINTS, ENCODERS = "checkpoints", "encoders"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contrast:
    """One training and its test.

    Attributes:
        kind: a name of `LOSSES` or `BASELINES`.
        settings: of the pretraining; its loss and seed are those of ``kind`` and ``seed``.
        seed: of weights, order, views and head.
        train: images of the pretraining, whose labels only the head, the supervised baseline and batches of one
            class see.
        test: images of the same classes.
        regime: setting, as result rows have it; see `defectlab.report.contrastive_setting`.
        data: a name of `SUFFIX`.
        n_aug: generated images that the training began with; 0 for original data.
        also: further regimes that get the same rows: a baseline is the same whatever the batches of the others.
        head: a name of `HEADS`.
        keep: keep the trained backbone in the run's folder ``encoders``, see `defectlab.detection.moco.keeping`.
    """

    kind: str
    settings: MoCoSettings
    seed: int
    train: HeldImages
    test: HeldImages
    regime: str
    data: str = "augmented"
    n_aug: int = 0
    also: tuple[str, ...] = ()
    head: str = "linear"
    keep: bool = False

    @property
    def method(self) -> str:
        """Short name, such as ``moco_improved_original_data``."""
        return method_name(self.kind, self.data)

    @property
    def name(self) -> str:
        """Unique in a run."""
        return "-".join((self.method, slug(self.regime), str(self.seed)))

    @cached_property
    def chosen(self) -> MoCoSettings:
        """The settings with loss and seed."""
        loss = LOSSES.get(self.kind, self.settings.loss)
        return self.settings.but(loss=loss, seed=self.seed)

    @property
    def inputs(self) -> dict[str, Any]:
        """What the outcome depends on beside the code."""
        data = {"train": self.train.digest, "test": self.test.digest, "n_aug": self.n_aug}
        return {**asdict(self.chosen), "kind": self.kind, "also": self.also, "probe": self.head, **data}


def method_name(kind: str, data: str = "augmented") -> str:
    """Short name of a method: ``moco_original``, ``untrained``, ``moco_improved_original_data``."""
    return ("" if kind in BASELINES else "moco_") + kind + SUFFIX[data]


def contrast(job: Contrast, run: Run, device: str = "auto") -> bool:
    """Trains, tests and stores one job; what is stored already is not done again.

    Result rows: ``ap_step_<class>`` of each class against the rest, ``map_step``, ``accuracy``, and for all but the
    supervised baseline ``alignment``, ``uniformity``, ``mean_norm`` and ``effective_rank`` of the embeddings, and the
    same of the backbone's features as ``features_alignment`` and so on. Tables: ``scores-NAME`` and, where there were
    epochs, ``history-NAME``. The checkpoint of a pretraining goes when its rows are stored, not before.

    Returns:
        Whether there was anything to do.

    Raises:
        ValueError: if images or classes are too few for a batch.
        FloatingPointError: if a loss is no longer finite.
    """
    inputs = job.inputs
    with run.step(f"contrast/{job.name}", inputs, ROOMS) as todo:
        if todo:
            begun = time.perf_counter()
            # another name for other inputs or code, so that a training never goes on from a foreign checkpoint
            key = fingerprint({**inputs, "source": source_hash(ROOMS)})
            folder = run.folder(CHECKPOINTS) / f"{job.name}-{key}"
            backbone, measures = _trained(job, run, folder, device)
            if job.keep and job.kind != "untrained":
                save_backbone(backbone, job.chosen, run.folder(ENCODERS) / job.name)
            report = probe(job.train, job.test, backbone, job.chosen.size, replace(HEADS[job.head], seed=job.seed))
            run.write_table(f"scores-{job.name}", _scores(report, job.test))
            _add(job, run, report, measures, time.perf_counter() - begun)
    if todo:
        shutil.rmtree(folder, ignore_errors=True)  # the step is marked: nothing needs the checkpoint any more
    return todo


def contrast_all(jobs: Sequence[Contrast], run: Run, device: str = "auto") -> None:
    """All jobs in turn; the log says how far they are and what is left of the time."""
    pace = Pace(log, "encoders", len(jobs), unit="training")
    for done, job in enumerate(jobs, start=1):
        contrast(job, run, device)
        pace.at(done, f"{job.method}, {job.regime}, seed {job.seed}")


def report_of(scores: pd.DataFrame) -> ProbeReport:
    """The predictions of a stored table ``scores-NAME``."""
    classes = tuple(name.removeprefix(PROBABILITY) for name in scores.columns if name.startswith(PROBABILITY))
    labels = np.array([classes.index(name) for name in scores["class"]])
    return ProbeReport(classes, labels, scores[[f"{PROBABILITY}{name}" for name in classes]].to_numpy(dtype=float))


def _trained(job: Contrast, run: Run, folder: Path, device: str) -> tuple[Embedder, dict[str, float]]:
    """The backbone of a job and the measures of collapse at the end."""
    if job.kind == "supervised":
        return supervised_backbone(job.train, job.chosen, device), {}
    trainer = MoCoTrainer(job.train, job.chosen, None if job.kind == "untrained" else folder, device)
    if job.kind != "untrained":
        history = trainer.run().assign(method=job.method, regime=job.regime, seed=job.seed)
        run.write_table(f"history-{job.name}", history)
    return trainer.backbone, measures_of(*trainer.diagnose())


def _scores(report: ProbeReport, test: HeldImages) -> pd.DataFrame:
    """One line a test image: its class and group, and the probability of each class."""
    records = test.records
    table = pd.DataFrame(
        {
            "id": [record.id for record in records],
            "group": [record.group for record in records],
            "class": [record.defect for record in records],
        }
    )
    columns = [f"{PROBABILITY}{name}" for name in report.classes]
    return table.join(pd.DataFrame(report.probabilities, columns=columns))


def _add(job: Contrast, run: Run, report: ProbeReport, measures: Mapping[str, float], seconds: float) -> None:
    values: dict[str, float] = {f"ap_step_{name}": ap for name, ap in report.average_precision.items()}
    values |= {"map_step": report.mean_average_precision, "accuracy": report.accuracy}
    values |= measures
    columns: Mapping[str, Any] = {"method": job.method, "n_aug": job.n_aug, "seed": job.seed, "seconds": seconds}
    for regime in (job.regime, *job.also):
        run.add([run.result(**columns, regime=regime, metric=name, value=value) for name, value in values.items()])
