"""A training run in a folder that a second call goes on with: what the models of this package are trained by."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from defectlab.files import atomic_path
from defectlab.training_log import append_row, forget_after


class RunSettings(Protocol):
    """What a run must be told; a frozen dataclass with further fields of its own."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def steps(self) -> int:
        """Optimiser steps."""

    @property
    def lr(self) -> float:
        """Highest learning rate of AdamW, reached after ``warm_up`` steps, then a cosine down to a twentieth."""

    @property
    def warm_up(self) -> int:
        """Steps of linear warm-up."""

    @property
    def ema(self) -> float:
        """Decay of the averaged weights."""

    @property
    def seed(self) -> int:
        """Seed of data, noise and weights."""

    @property
    def bfloat16(self) -> bool:
        """Autocast to bfloat16."""


class ResumableTrainer(ABC):
    """One training run in a folder, which a second call goes on with.

    A subclass says what the batches are, what the loss of one is, and how the averaged weights become a model.

    Args:
        folder: where checkpoint, log and model go.
        settings: the settings; a checkpoint of other settings is refused.
        net: what is trained, with the weights that it starts from.
        device: ``"cpu"`` or ``"cuda"``.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, settings: RunSettings, net: nn.ModuleDict, device: str = "cpu") -> None:
        self.folder, self.run_settings, self.device = Path(folder), settings, torch.device(device)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.net = net.to(self.device)
        self.average = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=settings.lr, betas=(0.9, 0.99), weight_decay=1e-3)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.step = 0
        self._resume()

    @abstractmethod
    def _examples(self) -> Iterator[Any]:
        """Batches from step `step` on."""

    @abstractmethod
    def _loss(self, batch: Any) -> Tensor:
        """Loss of a batch; all that is drawn at random is drawn from `generator`."""

    @abstractmethod
    def _write_model(self, folder: Path) -> None:
        """Writes a model of the averaged weights."""

    @property
    def checkpoint(self) -> Path:
        """File that holds all that a resume needs."""
        return self.folder / "checkpoint.pt"

    @property
    def log(self) -> Path:
        """Table of step, smoothed loss, learning rate and seconds."""
        return self.folder / "log.csv"

    def run(self) -> None:
        """Trains to the last step; writes a checkpoint and the model every 250 steps and at the end."""
        examples = self._examples()
        started, smooth = time.time(), None
        for step in tqdm(range(self.step, self.run_settings.steps), disable=None, desc=self.name):
            loss = self._train_step(next(examples))
            if not math.isfinite(loss):
                raise RuntimeError(
                    f"the loss is {loss} at step {step}: lower lr; the last good state is {self.checkpoint}"
                )
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            self.step = step + 1
            if self.step % 50 == 0:
                self._log(smooth, time.time() - started)
            if self.step % 250 == 0 or self.step == self.run_settings.steps:
                self.save()

    def _train_step(self, batch: Any) -> float:
        self._set_rate()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.run_settings.bfloat16):
            loss = self._loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        decay = min(self.run_settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                self.average[name].lerp_(p, 1 - decay)
        return loss.item()

    def _set_rate(self) -> None:
        s = self.run_settings
        progress = (self.step - s.warm_up) / max(1, s.steps - s.warm_up)
        cosine = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0), 1)))
        for group in self.optimiser.param_groups:
            group["lr"] = s.lr * min(1, (self.step + 1) / s.warm_up) * cosine

    def save(self) -> None:
        """Writes the checkpoint and the averaged model, each whole or not at all."""
        state = {
            "net": self.net.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(), "step": self.step, "settings": asdict(self.run_settings),
        }  # fmt: skip
        with atomic_path(self.checkpoint) as partial:
            torch.save(state, partial)
        self._write_model(self.folder / "model")

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        asked, found = asdict(self.run_settings), state["settings"]
        if found != asked:
            changed = {name: (value, found.get(name)) for name, value in asked.items() if found.get(name) != value}
            raise ValueError(
                f"{self.checkpoint} was trained with other settings (asked, found): {changed}; use a new folder"
            )
        self.net.load_state_dict(state["net"])
        self.average, self.step = state["average"], state["step"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())
        forget_after(self.log, self.step)

    def _log(self, loss: float, seconds: float) -> None:
        rate = self.optimiser.param_groups[0]["lr"]
        row = {"step": self.step, "loss": f"{loss:.5f}", "lr": f"{rate:.2e}", "seconds": f"{seconds:.0f}"}
        append_row(self.log, row)


def stratified_steps(n: int, generator: torch.Generator, of: int = 1000) -> Tensor:
    """Steps of the noise schedule for a batch, int64 ``(n,)``: one in each n-th of the schedule."""
    return ((torch.arange(n) + torch.rand(n, generator=generator)) / n * of).long().clamp(max=of - 1)
