"""One pretraining without labels, or a baseline in its place, and what its frozen backbone is worth on test images."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from defectlab.detection.moco import (
    Diagnosis,
    MoCoSettings,
    MoCoTrainer,
    ProbeReport,
    ProbeSettings,
    probe,
    supervised_backbone,
)
from defectlab.detection.moco.model import Embedder
from defectlab.experiments.held_images import HeldImages
from defectlab.files import fingerprint, slug
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
        return {**asdict(self.chosen), "kind": self.kind, "also": self.also, **data}


def method_name(kind: str, data: str = "augmented") -> str:
    """Short name of a method: ``moco_original``, ``untrained``, ``moco_improved_original_data``."""
    return ("" if kind in BASELINES else "moco_") + kind + SUFFIX[data]


def contrast(job: Contrast, run: Run, device: str = "auto") -> bool:
    """Trains, tests and stores one job; what is stored already is not done again.

    Result rows: ``ap_step_<class>`` of each class against the rest, ``map_step``, ``accuracy``, and for all but the
    supervised baseline ``alignment``, ``uniformity``, ``mean_norm`` and ``effective_rank`` of the embeddings. Tables:
    ``scores-NAME`` and, where there were epochs, ``history-NAME``.

    Returns:
        Whether there was anything to do.

    Raises:
        ValueError: if images or classes are too few for a batch.
        RuntimeError: if a loss is no longer finite.
    """
    inputs = job.inputs
    with run.step(f"contrast/{job.name}", inputs, ROOMS) as todo:
        if todo:
            begun = time.perf_counter()
            backbone, diagnosis = _trained(job, run, fingerprint({**inputs, "source": source_hash(ROOMS)}), device)
            settings = ProbeSettings(seed=job.seed)
            report = probe(job.train, job.test, backbone, job.chosen.size, settings)
            run.write_table(f"scores-{job.name}", _scores(report, job.test))
            _add(job, run, report, diagnosis, time.perf_counter() - begun)
    return todo


def report_of(scores: pd.DataFrame) -> ProbeReport:
    """The predictions of a stored table ``scores-NAME``."""
    classes = tuple(name.removeprefix(PROBABILITY) for name in scores.columns if name.startswith(PROBABILITY))
    labels = np.array([classes.index(name) for name in scores["class"]])
    return ProbeReport(classes, labels, scores[[f"{PROBABILITY}{name}" for name in classes]].to_numpy(dtype=float))


def _trained(job: Contrast, run: Run, key: str, device: str) -> tuple[Embedder, Diagnosis | None]:
    """The backbone of a job and what its embeddings look like at the end."""
    if job.kind == "supervised":
        return supervised_backbone(job.train, job.chosen, device), None
    # another name for other inputs or code, so that a training never goes on from a foreign checkpoint
    folder = run.folder("checkpoints") / f"{job.name}-{key}"
    trainer = MoCoTrainer(job.train, job.chosen, None if job.kind == "untrained" else folder, device)
    if job.kind == "untrained":
        return trainer.backbone, trainer.diagnose()
    history = trainer.run().assign(method=job.method, regime=job.regime, seed=job.seed)
    run.write_table(f"history-{job.name}", history)
    diagnosis = trainer.diagnose()
    shutil.rmtree(folder)
    return trainer.backbone, diagnosis


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


def _add(job: Contrast, run: Run, report: ProbeReport, diagnosis: Diagnosis | None, seconds: float) -> None:
    values: dict[str, float] = {f"ap_step_{name}": ap for name, ap in report.average_precision.items()}
    values |= {"map_step": report.mean_average_precision, "accuracy": report.accuracy}
    values |= {} if diagnosis is None else asdict(diagnosis)
    columns: Mapping[str, Any] = {"method": job.method, "n_aug": job.n_aug, "seed": job.seed, "seconds": seconds}
    for regime in (job.regime, *job.also):
        run.add([run.result(**columns, regime=regime, metric=name, value=value) for name, value in values.items()])
