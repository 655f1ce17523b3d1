"""Training of a `DiffusionModel`: resumable, and equal to an unbroken run on a processor, bit by bit.

Order, levels and noise are functions of seed and step; a checkpoint holds the rest: weights, averages, optimiser.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from defectlab.synthesis.diffusion.draws import batch_indices, drop_classes, generator_of, step_levels
from defectlab.synthesis.diffusion.folder_trainer import DivergedError, FolderTrainer, update_average
from defectlab.synthesis.diffusion.model import DiffusionModel, blank_network, write_model
from defectlab.synthesis.diffusion.settings import DiffusionSettings
from defectlab.training_log import append_row, forget_after


def cosine_rate(step: int, steps: int, lr: float) -> float:
    """Learning rate of a step: ``lr`` at the first, towards 0 after the last; half a cosine, not the text's sine."""
    return lr * 0.5 * (1 + math.cos(math.pi * step / steps))  # DDPM-MoCo Eq. 8


class Trainer(FolderTrainer):
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
        super().__init__(folder, settings, "diffusion")
        self.settings, self.device = settings, torch.device(device)
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
        self.loss = math.nan
        self._resume()

    def run(self) -> DiffusionModel:
        """Trains to the last step and gives the model of the averaged weights.

        Raises:
            DivergedError: if the loss or the gradient is no number any more; the last good checkpoint stays.
        """
        self.train()
        return DiffusionModel.load(self.folder / "model")

    def save(self) -> None:
        """Writes the averaged model and the checkpoint, each whole or not at all."""
        write_model(self.folder / "model", self.average, self.settings, self.classes, self.step)
        state = {
            "network": self.network.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(), "loss": self.loss,
        }  # fmt: skip
        self.write_checkpoint(self._what(), state)

    def said(self) -> str:
        """The smoothed loss."""
        return f"loss {self.loss:.4f}"

    def advance(self) -> None:
        """One step; the loss is smoothed."""
        loss = self._train_step()
        self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
        self.step += 1

    def write_log(self) -> None:
        """Step, smoothed loss, learning rate and seconds."""
        rate = self.optimiser.param_groups[0]["lr"]
        row = {"step": self.step, "loss": f"{self.loss:.5f}", "lr": f"{rate:.3e}", "seconds": f"{self.seconds:.1f}"}
        append_row(self.log, row)

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
        update_average(self.average, self.network, self.settings.ema, self.step)
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
        return (noise - predicted).square().mean()  # DDPM-MoCo Eq. 4, mean over elements

    def _require_finite(self, value: float, what: str) -> None:
        if math.isfinite(value):
            return
        raise DivergedError(
            f"the {what} is {value} at step {self.step} of {self.settings.steps}: lower lr (now {self.settings.lr:g}), "
            f"or choose precision 'bf16' or 'no' (now {self.settings.precision!r}), in a new folder; {self.last_good}"
        )

    def _what(self) -> dict[str, Any]:
        return {"settings": asdict(self.settings), "classes": list(self.classes), "images": self.digest}

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = self.read_checkpoint(self._what(), self.device)
        if state is None:
            self.log.unlink(missing_ok=True)
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.average, self.loss = state["average"], state["loss"]
        forget_after(self.log, self.step)


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
