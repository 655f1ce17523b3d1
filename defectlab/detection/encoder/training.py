"""The encoder's training: one command, resumable to the bit on the CPU, a log of every task."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from defectlab.detection.checkpoints import load_checkpoint, save_checkpoint, write_rows
from defectlab.detection.encoder.objective import Objective
from defectlab.detection.encoder.settings import ARCHITECTURE, NORMALISE, OPTIONS, STRIDES, EncoderSettings
from defectlab.detection.encoder.views import make_views
from defectlab.files import atomic_path, write_json

EVERY = 100
"""Steps from one checkpoint to the next, and from one line of the log to the next."""


def initial_networks(settings: EncoderSettings) -> tuple[Any, Objective]:
    """Encoder and tasks with the weights that a training of this seed starts from."""
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(settings.seed)
        encoder: Any = timm.create_model(ARCHITECTURE, num_classes=0, zero_init_last=False, **OPTIONS)
        channels = tuple(encoder.feature_info[STRIDES.index(s) + 2]["num_chs"] for s in STRIDES)
        return encoder, Objective(channels, settings)


class EncoderTrainer:
    """One training in a folder, which a second call goes on with.

    Args:
        folder: for ``checkpoint.pt``, ``log.csv`` and the encoder as ``model``.
        settings: the settings; a checkpoint of other ones is refused.
        device: where to compute.
    """

    def __init__(self, folder: Path, settings: EncoderSettings, device: str | torch.device = "cpu") -> None:
        self.folder, self.settings, self.device = Path(folder), settings, torch.device(device)
        encoder, objective = initial_networks(settings)
        self.encoder = encoder.to(self.device, memory_format=torch.channels_last)
        self.objective = objective.to(self.device)
        self.parameters = [*self.encoder.parameters(), *self.objective.parameters()]
        self.optimiser = torch.optim.AdamW(self.parameters, lr=settings.lr, weight_decay=settings.weight_decay)
        self.step = 0
        self.rows: list[dict[str, float]] = []
        self.checkpoint = self.folder / "checkpoint.pt"
        if self.checkpoint.exists():
            self._resume()

    def run(self) -> None:
        """Trains to the last step; checkpoint, log and model every `EVERY` steps and at the end.

        Raises:
            RuntimeError: if the loss is no longer finite.
        """
        sums: dict[str, float] = {}
        begun, since = time.perf_counter(), self.step
        for step in tqdm(range(self.step, self.settings.steps), disable=None, desc="pocket encoder"):
            losses = self._train_step(step)
            if not math.isfinite(sum(losses.values())):
                raise RuntimeError(
                    f"the loss is {losses} at step {step}: lower lr; the last good state is {self.checkpoint}"
                )
            sums = {name: sums.get(name, 0.0) + value for name, value in losses.items()}
            self.step = step + 1
            if self.step % EVERY == 0 or self.step == self.settings.steps:
                count, seconds = self.step - since, time.perf_counter() - begun
                means = {name: round(value / count, 4) for name, value in sums.items()}
                self.rows.append({"step": self.step, **means, "lr": self._rate(step), "seconds": round(seconds, 1)})
                self.save()
                sums, begun, since = {}, time.perf_counter(), self.step

    def _train_step(self, step: int) -> dict[str, float]:
        views = make_views(self.settings, step)
        views = type(views)(*(part.to(self.device) for part in (views.images, views.masks, views.kinds)))
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(step)
        images = ((views.images - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)
        self.encoder.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16):
            maps = self.encoder.forward_intermediates(images, indices=[2, 3, 4], intermediates_only=True)
        losses = self.objective([m.float() for m in maps], views)
        self.optimiser.zero_grad(set_to_none=True)
        self.objective.total(losses).backward()
        nn.utils.clip_grad_norm_(self.parameters, 2.0)
        self.optimiser.step()
        return {name: loss.item() for name, loss in losses.items()}

    def _rate(self, step: int) -> float:
        s = self.settings
        progress = max(0.0, (step - s.warm_up) / max(1, s.steps - s.warm_up))
        return s.lr * min(1.0, (step + 1) / s.warm_up) * 0.5 * (1 + math.cos(math.pi * progress))

    def save(self) -> None:
        """Writes checkpoint, log and model, each whole or not at all."""
        state = {
            "encoder": self.encoder.state_dict(), "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state_dict(), "step": self.step, "rows": self.rows,
        }  # fmt: skip
        save_checkpoint(self.checkpoint, state, asdict(self.settings))
        write_rows(self.folder / "log.csv", self.rows)
        write_encoder(self.folder / "model", self.encoder, asdict(self.settings) | {"steps_done": self.step})
        write_rows(self.folder / "model" / "log.csv", self.rows)

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint, asdict(self.settings), self.device)
        self.encoder.load_state_dict(state["encoder"])
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.rows = state["step"], state["rows"]


def write_encoder(
    folder: Path,
    encoder: nn.Module,
    training: dict[str, Any],
    architecture: str = ARCHITECTURE,
    options: dict[str, Any] = OPTIONS,
) -> None:
    """Writes an encoder as timm's hub folders are, floats as float16: ``config.json`` and ``model.safetensors``."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {k: v.detach().cpu().contiguous() for k, v in encoder.state_dict().items()}
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    with atomic_path(folder / "model.safetensors") as partial:
        save_file(tensors, partial)
    config = {"architecture": architecture, "model_args": options, "pretrained_cfg": NORMALISE}
    write_json(folder / "config.json", config | {"training": training})
