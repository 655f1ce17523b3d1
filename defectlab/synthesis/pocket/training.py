"""Training of `pocket`: velocity prediction of the defect layer, resumable, one command."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from defectlab.files import atomic_path, write_text
from defectlab.synthesis.pocket.examples import ExampleStream
from defectlab.synthesis.pocket.haar import haar
from defectlab.synthesis.pocket.network import WordEncoder, make_scheduler, make_unet
from defectlab.synthesis.pocket.scales import Scales
from defectlab.synthesis.pocket.storage import write_model
from defectlab.synthesis.pocket.words import DEFECTS


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one training.

    Attributes:
        steps: optimiser steps.
        batch_size: examples a step.
        lr: highest learning rate of AdamW, reached after ``warm_up`` steps, then a cosine down to a twentieth.
        warm_up: steps of linear warm-up.
        empty_prompts: share of examples with the empty prompt, for classifier-free guidance.
        unsaid_polarity: share of the other examples whose polarity is not told.
        outside: weight of the loss outside the mask.
        ema: decay of the averaged weights.
        seed: seed of data, noise and weights.
        band_power: exponent that the Haar bands are whitened with; 0 keeps their energies, 1 makes them equal.
        tight_masks_from: first step whose masks may hug the defect.
        bfloat16: autocast to bfloat16.
        workers: processes that render examples.
    """

    steps: int = 6500
    batch_size: int = 16
    lr: float = 6e-4
    warm_up: int = 100
    empty_prompts: float = 0.12
    unsaid_polarity: float = 0.4
    outside: float = 0.05
    ema: float = 0.9985
    seed: int = 0
    band_power: float = 0.7
    tight_masks_from: int = 2500
    bfloat16: bool = True
    workers: int = 1

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("warm_up", 1), ("seed", 0), ("workers", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        for name in ("empty_prompts", "unsaid_polarity", "outside", "ema", "band_power"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a value in [0, 1], got {getattr(self, name)}")
        if self.lr <= 0:
            raise ValueError(f"lr: expected above 0, got {self.lr}")


def measure_scales(settings: TrainingSettings, count: int = 768) -> Scales:
    """Scales from examples of a stream of their own."""
    stream = iter(ExampleStream(settings.seed + 10_000, tight_from=count))
    batch = torch.utils.data.default_collate([next(stream) for _ in range(count)])
    inside = batch["mask"] > 0.4
    defect = torch.ones(len(DEFECTS))
    for i in range(1, len(DEFECTS)):
        chosen = batch["defect"] == i
        defect[i] = 1 / batch["layer"][chosen][inside[chosen]].std()
    layer = haar(batch["layer"] * defect[batch["defect"]].view(-1, 1, 1, 1))
    within = (haar(batch["mask"])[:, :1] / 4 > 0.4).expand_as(layer)
    bands = torch.stack([layer[:, i][within[:, i]].std() for i in range(layer.shape[1])])
    overall = layer[within].std()
    whitened = (bands / overall) ** -settings.band_power / overall
    return Scales(defect, whitened, 1 / haar(batch["crop"]).std(dim=(0, 2, 3)))


def initial_network(seed: int) -> nn.ModuleDict:
    """U-Net and words with the weights that a training of this seed starts from."""
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(seed)
        unet: Any = make_unet()
        return nn.ModuleDict({"unet": unet, "words": WordEncoder()})


class Trainer:
    """One training run in a folder, which a second call goes on with.

    Args:
        folder: where checkpoint, log and model go.
        settings: the settings; a checkpoint of other settings is refused.
        device: ``"cpu"`` or ``"cuda"``.
    """

    def __init__(self, folder: Path, settings: TrainingSettings, device: str = "cpu") -> None:
        self.folder, self.settings, self.device = Path(folder), settings, torch.device(device)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.net = initial_network(settings.seed).to(self.device)
        self.average = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=settings.lr, betas=(0.9, 0.99), weight_decay=1e-3)
        self.generator = torch.Generator().manual_seed(settings.seed)
        scheduler: Any = make_scheduler()
        self.alphas = scheduler.alphas_cumprod
        self.step = 0
        self.scales = measure_scales(settings)
        self._resume()

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
        for step in tqdm(range(self.step, self.settings.steps), disable=None, desc="pocket"):
            loss = self._train_step(next(examples))
            if not math.isfinite(loss):
                raise RuntimeError(
                    f"the loss is {loss} at step {step}: lower lr; the last good state is {self.checkpoint}"
                )
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            self.step = step + 1
            if self.step % 50 == 0:
                self._log(smooth, time.time() - started)
            if self.step % 250 == 0 or self.step == self.settings.steps:
                self.save()

    def _examples(self) -> Iterator[dict[str, Tensor]]:
        size = self.settings.batch_size
        stream = ExampleStream(self.settings.seed, size, self.step, self.settings.tight_masks_from)
        return iter(DataLoader(stream, batch_size=size, num_workers=self.settings.workers))

    def _train_step(self, batch: dict[str, Tensor]) -> float:
        self._set_rate()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16):
            loss = self._loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                self.average[name].lerp_(p, 1 - decay)
        return loss.item()

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        n = len(batch["defect"])
        # stratified steps: one in each n-th of the schedule
        t = ((torch.arange(n) + torch.rand(n, generator=self.generator)) / n * 1000).long().clamp(max=999)
        x0 = self.scales.latents(batch["layer"], batch["defect"])
        noise = torch.randn(x0.shape, generator=self.generator)
        signal, spread = (v.view(-1, 1, 1, 1) for v in (self.alphas[t].sqrt(), (1 - self.alphas[t]).sqrt()))
        noisy = signal * x0 + spread * noise
        velocity = signal * noise - spread * x0  # Salimans and Ho 2022, Eq. 11
        crop, mask = haar(batch["crop"]) * self.scales.crop.view(1, -1, 1, 1), haar(batch["mask"])
        said = self._words(batch)
        inputs = torch.cat([noisy, mask, crop], dim=1).to(self.device)
        tokens = self.net["words"](*(v.to(self.device) for v in said))
        predicted = self.net["unet"](inputs, t.to(self.device), encoder_hidden_states=tokens).sample.float()
        inside = (mask[:, :1] / 4).clamp(0, 1)
        weight = self.settings.outside + (1 - self.settings.outside) * inside
        # small regions count as much as large ones, in part
        weight = weight * inside.mean(dim=(1, 2, 3), keepdim=True).clamp(min=0.01).rsqrt()
        error = (predicted - velocity.to(self.device)).square()
        return (error * weight.to(self.device)).mean()

    def _words(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        n = len(batch["defect"])
        draw = torch.rand(2, n, generator=self.generator)
        defect = torch.where(draw[0] < self.settings.empty_prompts, len(DEFECTS), batch["defect"])
        polarity = torch.where(draw[1] < self.settings.unsaid_polarity, 0, batch["polarity"])
        return defect, polarity

    def _set_rate(self) -> None:
        s = self.settings
        progress = (self.step - s.warm_up) / max(1, s.steps - s.warm_up)
        cosine = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0), 1)))
        for group in self.optimiser.param_groups:
            group["lr"] = s.lr * min(1, (self.step + 1) / s.warm_up) * cosine

    def save(self) -> None:
        """Writes the checkpoint and the averaged model, each whole or not at all."""
        state = {
            "net": self.net.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(), "step": self.step, "settings": asdict(self.settings),
        }  # fmt: skip
        with atomic_path(self.checkpoint) as partial:
            torch.save(state, partial)
        write_model(self.folder / "model", self.average, self.scales, self.settings, self.step)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        if state["settings"] != asdict(self.settings):
            changed = {
                k: (v, state["settings"].get(k))
                for k, v in asdict(self.settings).items()
                if state["settings"].get(k) != v
            }
            raise ValueError(
                f"{self.checkpoint} was trained with other settings (asked, found): {changed}; use a new folder"
            )
        self.net.load_state_dict(state["net"])
        self.average, self.step = state["average"], state["step"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())

        self._forget_after(self.step)

    def _forget_after(self, step: int) -> None:
        """Drops the lines of the log that a resumed training writes again."""
        if self.log.exists():
            head, *lines = self.log.read_text().splitlines()
            kept = [line for line in lines if int(line.partition(",")[0]) <= step]
            write_text(self.log, "\n".join([head, *kept]) + "\n")

    def _log(self, loss: float, seconds: float) -> None:
        new = not self.log.exists()
        with self.log.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(["step", "loss", "lr", "seconds"])
            writer.writerow([self.step, f"{loss:.5f}", f"{self.optimiser.param_groups[0]['lr']:.2e}", f"{seconds:.0f}"])
