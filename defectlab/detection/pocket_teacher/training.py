"""The teacher's training: one command, resumable to the bit on the CPU, a model that can be taken at any checkpoint."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from defectlab.detection.backbones import Normalise
from defectlab.detection.checkpoints import load_checkpoint, save_checkpoint, time_left, write_rows
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.encoder.training import write_encoder
from defectlab.detection.pocket_teacher.autoencoder import MaskedAutoencoder, feature_loss, pixel_loss
from defectlab.detection.pocket_teacher.images import make_images, visible
from defectlab.detection.pocket_teacher.settings import ARCHITECTURE, OPTIONS, TeacherSettings
from defectlab.detection.weights import load_backbone

EVERY = 25
"""Steps from one checkpoint to the next, and from one line of the log to the next."""


class TeacherTrainer:
    """One training in a folder, which a second call goes on with.

    Args:
        folder: for ``checkpoint.pt``, ``log.csv`` and the encoder as ``model``.
        settings: the settings; a checkpoint of other ones is refused.
        device: where to compute.
    """

    def __init__(self, folder: Path, settings: TeacherSettings, device: str | torch.device = "cpu") -> None:
        self.folder, self.settings, self.device = Path(folder), settings, torch.device(device)
        self.target = FeatureTarget().to(self.device) if settings.features else None
        self.network = MaskedAutoencoder(settings, self.target.channels if self.target else 0).to(self.device)
        self.learning = [p for p in self.network.parameters() if p.requires_grad]
        matrices = [p for p in self.learning if p.ndim > 1]
        rest = [p for p in self.learning if p.ndim <= 1]  # biases and scales are not decayed
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.95))  # as He et al.
        self.step, self.rows = 0, list[dict[str, Any]]()
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
        for step in tqdm(range(self.step, self.settings.steps), disable=None, desc="pocket teacher"):
            losses = self.train_step(step)
            if not math.isfinite(sum(losses.values())):
                raise RuntimeError(
                    f"the loss is {losses} at step {step}: lower lr; the last good state is {self.checkpoint}"
                )
            sums = {name: sums.get(name, 0.0) + value for name, value in losses.items()}
            self.step = step + 1
            if self.step % EVERY == 0 or self.step == self.settings.steps:
                count, seconds = self.step - since, time.perf_counter() - begun
                means = {name: round(value / count, 4) for name, value in sums.items()}
                left = time_left(seconds, count, count + self.settings.steps - self.step)
                rate = f"{self.rate(step):.2e}"
                self.rows.append({"step": self.step, **means, "lr": rate, "seconds": round(seconds, 1), "left": left})
                self.save()
                sums, begun, since = {}, time.perf_counter(), self.step

    def train_step(self, step: int) -> dict[str, float]:
        """One step of the optimiser; gives the losses, and how far the encoder's outputs are from all alike."""
        images = make_images(self.settings, step).to(self.device)
        seen = visible(self.settings, step, len(images), self.network.places).to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(step)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16):
            filled = self.network(images, seen)
        loss = pixel_loss(filled.pixels, images, seen, self.network.patch, self.settings.floor)
        losses = {"pixels": loss.item()}
        if self.target is not None and filled.features is not None:
            target = self.target(images)
            distance = feature_loss(filled.features, target.gather(1, seen[..., None].expand(-1, -1, target.shape[2])))
            losses["features"], loss = distance.item(), loss + self.settings.features * distance
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learning, 1.0)
        self.optimiser.step()
        return losses | {"spread": float(filled.tokens.detach().float().flatten(0, 1).std(dim=0).mean())}

    def rate(self, step: int) -> float:
        """Learning rate of a step: linear warm-up, then half a cosine."""
        s = self.settings
        progress = max(0.0, (step - s.warm_up) / max(1, s.steps - s.warm_up))
        return s.lr * min(1.0, (step + 1) / s.warm_up) * 0.5 * (1 + math.cos(math.pi * progress))

    def save(self) -> None:
        """Writes checkpoint, log and model, each whole or not at all."""
        state = {
            "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
            "step": self.step, "rows": self.rows,
        }  # fmt: skip
        save_checkpoint(self.checkpoint, state, asdict(self.settings))
        write_rows(self.folder / "log.csv", self.rows)
        training = asdict(self.settings) | {"steps_done": self.step}
        options = OPTIONS | {"img_size": self.settings.side}
        write_encoder(self.folder / "model", self.network.encoder, training, ARCHITECTURE, options)
        write_rows(self.folder / "model" / "log.csv", self.rows)

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint, asdict(self.settings), self.device)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.rows = state["step"], state["rows"]


class FeatureTarget(nn.Module):
    """The pocket encoder's maps of stride 8 and 16 as one row of features a patch of 8 pixels; frozen.

    Raises:
        FileNotFoundError: if the pocket encoder is not in this copy of the package.
    """

    def __init__(self) -> None:
        super().__init__()
        loaded, spec, _ = load_backbone(ClassifierConfig("auto", "pocket"))
        model: Any = loaded.eval().requires_grad_(False)
        self.normalise, self.model = Normalise(spec.mean, spec.std), model
        self.channels = sum(int(stage["num_chs"]) for stage in model.feature_info[2:4])

    def train(self, mode: bool = True) -> FeatureTarget:
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features ``(n, places, channels)`` of images in [0, 1]."""
        model: Any = self.model
        fine, coarse = model.forward_intermediates(self.normalise(images), indices=[2, 3], intermediates_only=True)
        joined = torch.cat([fine, F.interpolate(coarse, fine.shape[2:], mode="bilinear")], dim=1)
        return joined.flatten(2).transpose(1, 2)
