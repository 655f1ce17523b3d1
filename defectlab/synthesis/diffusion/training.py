"""Training of a `DiffusionModel`: resumable, and equal to an unbroken run on a processor, bit by bit.

Order, levels and noise are functions of seed and step; a checkpoint holds the rest: weights, averages, optimiser.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import math
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from defectlab.files import atomic_path, write_text
from defectlab.synthesis.diffusion.draws import batch_indices, drop_classes, generator_of, step_levels
from defectlab.synthesis.diffusion.model import DiffusionModel, blank_network, write_model
from defectlab.synthesis.diffusion.settings import DiffusionSettings

LOG_EVERY = 10

log = logging.getLogger(__name__)


class DivergedError(RuntimeError):
    """The loss or the gradient is no number any more; the message says what to change."""


def cosine_rate(step: int, steps: int, lr: float) -> float:
    """Learning rate of a step: ``lr`` at the first, towards 0 after the last; half a cosine, not the text's sine."""
    return lr * 0.5 * (1 + math.cos(math.pi * step / steps))  # Eq. 8


class Trainer:
    """One training in a folder, which a second call goes on with.

    Args:
        folder: where ``checkpoint.pt``, ``log.csv`` and ``model/`` go.
        settings: of the training; a checkpoint of other settings is refused.
        images: uint8 ``(n, 3, size, size)``.
        classes: names; one for an unconditional model, more for a class-conditional one.
        labels: class of each image, int64 ``(n,)``; may be left out where there is one class.
        device: ``"cpu"`` or ``"cuda"``.

    Raises:
        ValueError: if images, labels, classes and settings do not fit together, or the folder holds another training.
    """

    def __init__(
        self,
        folder: str | Path,
        settings: DiffusionSettings,
        images: Tensor,
        classes: tuple[str, ...],
        labels: Tensor | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.folder, self.settings, self.device = Path(folder), settings, torch.device(device)
        labels = torch.zeros(len(images), dtype=torch.int64) if labels is None else labels
        _require_examples(images, labels, classes, settings, self.device)
        self.images, self.labels, self.classes = images.contiguous(), labels, classes
        self.digest = _digest(self.images, labels)
        self.network = blank_network(settings, classes).to(self.device)
        if self.network.guess is not None:
            self.network.guess.fit(self.images, labels)
        self.average = {name: p.detach().clone() for name, p in self.network.state_dict().items()}
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.lr)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "fp16")
        self.schedule = DiffusionModel(self.network, settings, classes).schedule
        self.step, self.loss, self.seconds = 0, math.nan, 0.0
        self._resume()

    @property
    def checkpoint(self) -> Path:
        """File that holds all that a resume needs."""
        return self.folder / "checkpoint.pt"

    @property
    def log(self) -> Path:
        """Table of step, smoothed loss, learning rate and seconds."""
        return self.folder / "log.csv"

    def run(self) -> DiffusionModel:
        """Trains to the last step and gives the model of the averaged weights.

        Raises:
            DivergedError: if the loss or the gradient is no number any more; the last good checkpoint stays.
        """
        total, began, first = self.settings.steps, time.perf_counter() - self.seconds, self.step
        with tqdm(total=total, initial=first, desc="diffusion", unit="step", disable=None) as progress:
            while self.step < total:
                loss = self._train_step()
                self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
                self.step += 1
                self.seconds = time.perf_counter() - began
                progress.update()
                progress.set_postfix(loss=f"{self.loss:.4f}", refresh=False)
                if self.step % LOG_EVERY == 0 or self.step == total:
                    self._log()
                if self.step % self.settings.checkpoint_every == 0 or self.step == total:
                    self.save()
                    left = timedelta(seconds=round(self.seconds / self.step * (total - self.step)))
                    log.info("step %d of %d, loss %.4f, %s left", self.step, total, self.loss, left)
        return DiffusionModel.load(self.folder / "model")

    def save(self) -> None:
        """Writes the averaged model and the checkpoint, each whole or not at all."""
        write_model(self.folder / "model", self.average, self.settings, self.classes, self.step)
        state = {
            "what": self._what(), "network": self.network.state_dict(), "average": self.average,
            "optimiser": self.optimiser.state_dict(), "scaler": self.scaler.state_dict(),
            "step": self.step, "loss": self.loss, "seconds": self.seconds,
        }  # fmt: skip
        with atomic_path(self.checkpoint) as partial:
            torch.save(state, partial)

    def _train_step(self) -> float:
        rate = cosine_rate(self.step, self.settings.steps, self.settings.lr)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = self._loss()
        value = loss.item()
        self._require_finite(value, "loss")
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.max_grad_norm)
        if not self.scaler.is_enabled():  # which leaves out a step that overflowed
            self._require_finite(float(norm), "gradient")
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._update_average()
        return value

    def _loss(self) -> Tensor:
        s, n = self.settings, self.settings.batch_size
        generator = generator_of(s.seed, self.step)
        chosen = batch_indices(len(self.images), n, s.seed, self.step)
        t = step_levels(n, s.timesteps, generator)
        x0 = self.images[chosen].to(self.device).float() / 127.5 - 1  # 0..255 to [-1, 1]
        told = None
        if len(self.classes) > 1:
            told = drop_classes(self.labels[chosen], s.class_dropout, self.network.untold, generator).to(self.device)
        noise = torch.randn(x0.shape, generator=generator).to(self.device)
        x_t = self.schedule.noisy(x0, t, noise)
        dtype = torch.float16 if s.precision == "fp16" else torch.bfloat16
        with torch.autocast(self.device.type, dtype, enabled=s.precision != "no"):
            predicted = self.network(x_t, t.to(self.device), told)
        return (noise - predicted).square().mean()  # Eq. 4, mean over elements

    def _update_average(self) -> None:
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))  # the first weights are soon forgotten
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)

    def _require_finite(self, value: float, what: str) -> None:
        if math.isfinite(value):
            return
        last = f"the last good state is {self.checkpoint}" if self.checkpoint.exists() else "no checkpoint was written"
        raise DivergedError(
            f"the {what} is {value} at step {self.step} of {self.settings.steps}: lower lr (now {self.settings.lr:g}), "
            f"or choose precision 'bf16' or 'no' (now {self.settings.precision!r}), in a new folder; {last}"
        )

    def _what(self) -> dict[str, Any]:
        return {"settings": asdict(self.settings), "classes": list(self.classes), "images": self.digest}

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.checkpoint.exists():
            self.log.unlink(missing_ok=True)
            return
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        asked, found = _flat(self._what()), _flat(state["what"])
        if changed := {k: (v, found.get(k)) for k, v in asked.items() if found.get(k) != v and k != "checkpoint_every"}:
            raise ValueError(f"{self.checkpoint} is of another training (asked, found): {changed}; use a new folder")
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.average, self.step = state["average"], state["step"]
        self.loss, self.seconds = state["loss"], state["seconds"]
        if self.log.exists():  # lines that are written again
            head, *lines = self.log.read_text().splitlines()
            kept = [line for line in lines if int(line.partition(",")[0]) <= self.step]
            write_text(self.log, "\n".join([head, *kept]) + "\n")

    def _log(self) -> None:
        new = not self.log.exists()
        rate = self.optimiser.param_groups[0]["lr"]
        with self.log.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(["step", "loss", "lr", "seconds"])
            writer.writerow([self.step, f"{self.loss:.5f}", f"{rate:.3e}", f"{self.seconds:.1f}"])


def _flat(what: dict[str, Any]) -> dict[str, Any]:
    return {**what["settings"], "classes": what["classes"], "images": what["images"]}


def _digest(images: Tensor, labels: Tensor) -> str:
    """Number of images, and hexadecimal digits of all that is learnt from."""
    digest = hashlib.sha256(images.numpy().data)
    digest.update(labels.contiguous().numpy().data)
    return f"{len(images)} images, {digest.hexdigest()[:12]}"


def _require_examples(
    images: Tensor, labels: Tensor, classes: tuple[str, ...], settings: DiffusionSettings, device: torch.device
) -> None:
    wanted = (3, settings.size, settings.size)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != wanted:
        raise ValueError(f"images: expected uint8 (n, {wanted}), got {images.dtype} {tuple(images.shape)}")
    if labels.shape != (len(images),):
        raise ValueError(f"labels: expected one an image ({len(images)}), got shape {tuple(labels.shape)}")
    counts = torch.bincount(labels, minlength=len(classes)).tolist()
    if len(counts) > len(classes):
        raise ValueError(f"labels: expected less than the {len(classes)} classes, got {int(labels.max())}")
    if few := [f"{name} ({n})" for name, n in zip(classes, counts, strict=True) if n < 2]:
        raise ValueError(f"classes: expected at least two images each, got {', '.join(few)}")
    if settings.precision == "fp16" and device.type != "cuda":
        raise ValueError(f"precision: 'fp16' needs a GPU, the device is {device}; choose 'bf16' or 'no'")
