"""The training loop: binary cross-entropy on image labels, epoch by epoch, resumable after each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from tqdm.auto import tqdm

from defectlab.detection.config import ClassifierConfig
from defectlab.detection.heads import PatchHead
from defectlab.detection.inputs import Inputs
from defectlab.detection.sampling import Order, epoch_order, epoch_seed
from defectlab.files import atomic_path

State = dict[str, Tensor]
CALIBRATION = 64  # images that a patch head's scale is taken from


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: epochs done.
        rows: one an epoch: epoch (from 1), loss, lr, validation_loss, validation_ap (``None`` without validation).
        best: weights of the epoch with the best validation AP so far; ``None`` without validation.
        best_epoch: which that was, from 1; 0 without validation.
    """

    epoch: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: State | None = None
    best_epoch: int = 0


class Training:
    """One training of ``trained`` on ``inputs``.

    Args:
        trained: the layers that learn, head last, from a batch of ``inputs`` to image logits ``(n,)``.
        inputs: the training set.
        validation: images to choose an epoch by, or ``None``.
        config: the settings.
        device: where to compute.
        checkpoint: file written after each epoch, from which the same training goes on; ``None`` for none.
    """

    def __init__(
        self,
        trained: nn.Sequential,
        inputs: Inputs,
        validation: Inputs | None,
        config: ClassifierConfig,
        device: torch.device,
        checkpoint: Path | None = None,
    ) -> None:
        self.trained, self.inputs, self.validation = trained.to(device), inputs, validation
        self.config, self.device, self.checkpoint = config, device, checkpoint
        self.optimiser = _optimiser(trained, config)
        self.amp = config.amp and device.type == "cuda"
        self.amp_dtype = torch.bfloat16 if self.amp and torch.cuda.is_bf16_supported() else torch.float16
        self.scaler = torch.amp.GradScaler(enabled=self.amp and self.amp_dtype == torch.float16)
        self.progress = Progress()
        self.steps = len(self.order(0).batches(config.batch_size))

    def order(self, epoch: int) -> Order:
        """What an epoch, from 0, draws; as many images in each."""
        return epoch_order(self.inputs.labels, len(self.inputs.flips), self.config.balance, self.config.seed, epoch)

    def run(self, show: bool = False) -> Progress:
        """Trains to the last epoch, from the checkpoint where there is one."""
        self._calibrate()
        self._resume()
        epochs = range(self.progress.epoch, self.config.epochs)
        for epoch in tqdm(epochs, desc="training", disable=not show, leave=False):
            with seeded(epoch_seed(self.config.seed, epoch), self.device):
                loss, lr = self._epoch(epoch)
            self._record(epoch, loss, lr)
            self._save()
        self.trained.eval()
        return self.progress

    def _calibrate(self) -> None:
        """Shows a patch head the features that training starts from."""
        head = self.trained[-1]
        if not isinstance(head, PatchHead):
            return
        chosen = torch.arange(len(self.inputs.labels))
        chosen = chosen[:: -(-len(chosen) // CALIBRATION)]
        self.trained.eval()
        with torch.inference_mode():
            parts = chosen.split(self.config.batch_size)
            batches = (to_device(self.inputs.draw(i, torch.zeros_like(i)), self.device) for i in parts)
            head.calibrate(torch.cat([self.trained[:-1](batch) for batch in batches]))

    def _epoch(self, epoch: int) -> tuple[float, float]:
        # released DIAG code: eval() after the first epoch, and nothing sets training mode again
        self.trained.train(epoch == 0 or not self.config.legacy_bn_eval)
        order = self.order(epoch)
        total, lr = 0.0, self.config.lr
        for step, (indices, variants) in enumerate(order.batches(self.config.batch_size)):
            lr = self._lr(epoch * self.steps + step)
            total += self._step(indices, variants, lr) * len(indices)
        return total / len(order.indices), lr

    def _step(self, indices: Tensor, variants: Tensor, lr: float) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        batch = to_device(self.inputs.draw(indices, variants), self.device)
        labels = self.inputs.labels[indices].to(self.device)
        with torch.autocast(self.device.type, self.amp_dtype, enabled=self.amp):
            logits = self.trained(batch)
        # DIAG Eq. 8 on logits, mean over the batch; in float32 also under mixed precision
        loss = F.binary_cross_entropy_with_logits(logits.float(), labels)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return float(loss.detach())

    def _lr(self, step: int) -> float:
        if self.config.schedule == "constant":
            return self.config.lr
        return float(self.config.lr * 0.5 * (1 + np.cos(np.pi * step / (self.steps * self.config.epochs))))

    def _record(self, epoch: int, loss: float, lr: float) -> None:
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss of epoch {epoch + 1} is {loss}: lower lr (now {self.config.lr})")
        row: dict[str, Any] = {"epoch": epoch + 1, "loss": loss, "lr": lr}
        row.update(validation_loss=None, validation_ap=None)
        if self.validation is not None:
            logits = predict(self.trained, self.validation, self.config.batch_size, self.device)
            labels = self.validation.labels
            row["validation_loss"] = float(F.binary_cross_entropy_with_logits(logits, labels))
            row["validation_ap"] = float(average_precision_score(labels.numpy(), logits.numpy()))
            if self._is_best(row):
                self.progress.best, self.progress.best_epoch = snapshot(self.trained), epoch + 1
        self.progress.rows.append(row)
        self.progress.epoch = epoch + 1

    def _is_best(self, row: dict[str, Any]) -> bool:
        """Higher validation AP; among equals the lower validation loss."""
        rank = (row["validation_ap"], -row["validation_loss"])
        return all(rank > (other["validation_ap"], -other["validation_loss"]) for other in self.progress.rows)

    def _fingerprint(self) -> str:
        # what changes the result: the number of epochs too, for the cosine schedule depends on it
        validation = self.validation.digest if self.validation else None
        parts = {"config": asdict(self.config), "train": self.inputs.digest, "validation": validation}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        content = {
            "fingerprint": self._fingerprint(),
            "trained": self.trained.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": vars(self.progress),
        }
        with atomic_path(self.checkpoint) as partial:
            torch.save(content, partial)

    def _resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.is_file():
            return
        content = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        if content["fingerprint"] != self._fingerprint():
            raise ValueError(
                f"{self.checkpoint} belongs to a training with other settings or other images: "
                "name another checkpoint, or delete it to start anew"
            )
        self.trained.load_state_dict(content["trained"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        self.progress = Progress(**content["progress"])


def predict(trained: nn.Module, inputs: Inputs, batch_size: int, device: torch.device) -> Tensor:
    """Image logits of unmirrored inputs, float32 ``(n,)`` on the processor, in evaluation mode."""
    mode = trained.training
    trained.eval()
    with torch.inference_mode():
        parts = [
            trained(to_device(inputs.draw(indices, torch.zeros_like(indices)), device)).cpu()
            for indices in torch.arange(len(inputs.labels)).split(batch_size)
        ]
    trained.train(mode)
    return torch.cat(parts).float()


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """A batch on the device, channels last on a GPU, where convolutions want it so."""
    memory = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return batch.to(device, memory_format=memory)


def snapshot(module: nn.Module) -> State:
    """A copy of the weights, on the processor."""
    return {name: tensor.detach().cpu().clone() for name, tensor in deepcopy(module).state_dict().items()}


def _optimiser(trained: nn.Module, config: ClassifierConfig) -> torch.optim.Optimizer:
    parameters = list(trained.parameters())
    if config.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=config.lr, weight_decay=config.weight_decay)
    return torch.optim.SGD(parameters, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Dropout and its like draw from torch's global generator: seeded for one epoch, then put back as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
