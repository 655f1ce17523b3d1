"""The MoCo training: resumable after every epoch, its collapse logged as it happens."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from defectlab.data.base import SurfaceDataset
from defectlab.detection.checkpoints import Stateful, TrainingFolder
from defectlab.detection.inputs import images as read_images
from defectlab.detection.moco.augmentations import PRESETS
from defectlab.detection.moco.batches import check_batches, epoch_batches, step_generator
from defectlab.detection.moco.diagnostics import Diagnosis, collapsed, diagnose
from defectlab.detection.moco.losses import contrastive_loss
from defectlab.detection.moco.model import Embedder, MoCo
from defectlab.detection.moco.momentum import momentum_update
from defectlab.detection.moco.settings import MoCoSettings
from defectlab.detection.training import seeded
from defectlab.devices import pick_device
from defectlab.progress import Pace, time_left

log = logging.getLogger(__name__)

DIAGNOSED = 512
"""Images, evenly spread over the data set, that the collapse is measured on."""
FEATURES = "features_"
"""Begins the name of a measure of collapse that is taken on what the head reads: the backbone's pooled features."""


NO_LOSS: dict[str, Any] = {"loss": nan, "lr": nan}
NOT_TIMED: dict[str, Any] = {"collapsed": "", "seconds": 0.0, "left": "?"}
"""What the row of epoch 0 has in place of numbers."""


class MoCoTrainer:
    """One contrastive pretraining; labels are not read, but to sort batches where the settings ask for it.

    Args:
        dataset: the images, in memory from here on.
        settings: the settings.
        folder: for ``checkpoint.pt`` and ``log.csv``; a second trainer on the same folder goes on. ``None``: neither.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        show_progress: draw a bar of epochs with the time left; the log has it now and then in any case.

    Raises:
        ValueError: if the data set cannot fill a batch, or the folder's checkpoint is of another training.
    """

    def __init__(
        self,
        dataset: SurfaceDataset,
        settings: MoCoSettings,
        folder: Path | None = None,
        device: str = "auto",
        show_progress: bool = False,
    ) -> None:
        self.settings, self.device, self.show_progress = settings, pick_device(device), show_progress
        self.classes, names = classes_of(dataset)
        check_batches(self.classes, names, settings.batch_size, settings.batch_composition)
        settings.check_queue(len(dataset))
        self.images = torch.stack(list(read_images(dataset, (settings.size, settings.size))))
        self.model = MoCo(settings).to(self.device)
        if self.device.type == "cuda":
            self.model = self.model.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(
            self.model.query.parameters(),
            lr=settings.lr,
            momentum=settings.sgd_momentum,
            weight_decay=settings.weight_decay,
        )
        self.amp = settings.amp and self.device.type == "cuda"
        key = asdict(settings) | {"images": digest_of(self.images, self.classes), "n": len(dataset)}
        parts: dict[str, Stateful] = {"model": self.model, "optimiser": self.optimiser}
        self.kept = TrainingFolder(folder, key, parts, self.device, "epoch")
        self.epoch, self.rows = self.kept.done, self.kept.rows

    def run(self) -> pd.DataFrame:
        """Trains to the last epoch.

        Returns:
            The log: epoch, loss, lr, alignment, uniformity, mean_norm, effective_rank of the embeddings, the same four
            of the backbone's pooled features as ``features_alignment`` and so on, collapsed (a sentence or empty),
            seconds, left. Epoch 0 is the untrained encoder, by which `collapsed` judges; it has no loss and no rate.

        Raises:
            FloatingPointError: if the loss is no longer finite; the checkpoint of the epoch before is kept.
        """
        begun, first = time.perf_counter(), self.epoch
        if not self.rows:
            self.rows.append({"epoch": 0, **NO_LOSS, **self._measures(), **NOT_TIMED})
        pace = Pace(log, f"{self.settings.loss}, {self.settings.backbone}", self.settings.epochs, first, "epoch")
        bar = tqdm(range(first, self.settings.epochs), desc="moco", disable=not self.show_progress, leave=False)
        for epoch in bar:
            since = time.perf_counter()
            with seeded(self.settings.seed + epoch, self.device):  # for backbones with dropout
                loss = self._epoch(epoch)
            measures = self._measures()
            self.epoch = epoch + 1
            now = time.perf_counter()
            left = time_left(now - begun, self.epoch - first, self.settings.epochs - first)
            numbers = {"loss": loss, "lr": self.settings.rate(epoch), **measures}
            said = collapsed(_diagnosis(measures), _diagnosis(self.rows[0]))
            facts = {"collapsed": said, "seconds": round(now - since, 2), "left": left}
            self.rows.append({"epoch": self.epoch, **numbers, **facts})
            bar.set_postfix(loss=f"{loss:.3f}", mean_norm=f"{measures['mean_norm']:.2f}")
            self.kept.save(self.epoch)
            pace.at(self.epoch, f"loss {loss:.3f}, norm {measures['mean_norm']:.3f}")
        return self.history

    @property
    def history(self) -> pd.DataFrame:
        """The log so far, as `run` returns it."""
        return pd.DataFrame(self.rows)

    @property
    def verdict(self) -> str:
        """Whether the training collapsed, in a sentence, by the last epoch's diagnosis."""
        if not self.rows:
            return "not trained yet"
        last = self.rows[-1]
        return last["collapsed"] or f"no collapse: mean norm {last['mean_norm']:.2f}, rank {last['effective_rank']:.1f}"

    @property
    def backbone(self) -> Embedder:
        """The backbone that ``keep`` names, with its normalisation, in evaluation mode: see `probe.features`."""
        return self.model.kept.eval()

    def _epoch(self, epoch: int) -> float:
        """One pass; the mean loss."""
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(epoch)
        s, total = self.settings, torch.zeros((), device=self.device)
        batches = epoch_batches(self.classes, s.batch_size, s.batch_composition, s.seed, epoch)
        for step, chosen in enumerate(batches):
            batch = self.images[chosen].to(self.device, non_blocking=True)
            total += self.train_step(batch, step_generator(s.seed, epoch, step))
        mean = total.item() / len(batches)
        scaled = f"{0.03 * s.batch_size / 256:.4g}"
        advice = f"lower lr ({s.lr}; MoCo's 0.03 is for batches of 256, linear scaling gives {scaled}) or raise "
        self.kept.require_finite({"loss": mean}, epoch + 1, f"{advice}temperature ({s.temperature})")
        return mean

    def train_step(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """One step on a batch, uint8 ``(n, 3, H, W)`` on the device; the loss, detached and not waited for."""
        s, views = self.settings, PRESETS[self.settings.augmentation]
        first, second = (views(images, s.size, generator) for _ in range(2))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            queries: Tensor = self.model.query(first)
            momentum_update(self.model.key, self.model.query, s.m)  # Eq. 6 comes before the keys, as in MoCo's code
            keys = self.model.keys(second, generator)
        loss = contrastive_loss(queries, keys, self.model.queue.keys, s.temperature, s.loss)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.model.queue.enqueue(keys)  # after the backward pass, which still reads the queue
        return loss.detach()

    @torch.no_grad()
    def diagnose(self) -> tuple[Diagnosis, Diagnosis]:
        """Diagnosis of the kept encoder on two fixed views of up to `DIAGNOSED` images, in evaluation mode.

        Returns:
            Of the embeddings, which the loss sees, and of the backbone's pooled features at length one, which a head
            reads.
        """
        self.model.eval()
        generator, views = torch.Generator().manual_seed(0), PRESETS[self.settings.augmentation]
        kept = self.model.kept
        embeddings: tuple[list[Tensor], list[Tensor]] = ([], [])
        features: tuple[list[Tensor], list[Tensor]] = ([], [])
        chosen = self.images[:: -(-len(self.images) // DIAGNOSED)]
        for batch in chosen.split(64):
            for view in (0, 1):
                pooled = kept.features(views(batch.to(self.device), self.settings.size, generator))
                embeddings[view].append(kept.project(pooled).cpu())
                features[view].append(_unit(pooled).cpu())
        first, second = (diagnose(*(torch.cat(view) for view in space)) for space in (embeddings, features))
        return first, second

    def _measures(self) -> dict[str, float]:
        """What a row of the log has of `diagnose`."""
        embeddings, features = self.diagnose()
        return measures_of(embeddings, features)


def measures_of(embeddings: Diagnosis, features: Diagnosis) -> dict[str, float]:
    """The measures of `MoCoTrainer.diagnose` by name; those of features begin with `FEATURES`."""
    return {**asdict(embeddings), **{f"{FEATURES}{name}": value for name, value in asdict(features).items()}}


def _unit(features: Tensor) -> Tensor:
    """Features at length one; where all are zero, all are equal."""
    found = features.float()
    none = found.norm(dim=1, keepdim=True) == 0
    return F.normalize(torch.where(none, torch.ones_like(found), found), dim=1)


def digest_of(images: Tensor, classes: Tensor) -> str:
    """Sixteen hexadecimal digits of images, uint8 ``(n, ...)``, and their classes; no copy of all images is made."""
    found = hashlib.sha256(repr((tuple(images.shape), classes.tolist())).encode())
    for part in images.split(DIAGNOSED):
        found.update(part.contiguous().numpy())
    return found.hexdigest()[:16]


def _diagnosis(row: Mapping[str, Any]) -> Diagnosis:
    """The diagnosis of the embeddings in a row of the log."""
    return Diagnosis(**{item.name: row[item.name] for item in fields(Diagnosis)})


def classes_of(dataset: SurfaceDataset) -> tuple[Tensor, tuple[str, ...]]:
    """Class of each image, int64 ``(n,)``, and the names of the classes, sorted; a normal image is of ``"good"``."""
    names = tuple(sorted({record.defect for record in dataset.records}))
    return torch.tensor([names.index(record.defect) for record in dataset.records]), names
