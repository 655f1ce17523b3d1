"""Training of `pocket-sd`: velocity prediction of whole images from their captions, resumable, one command."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from defectlab.files import atomic_path, write_text
from defectlab.synthesis.pocket_sd.captions import vocabulary
from defectlab.synthesis.pocket_sd.examples import BatchStream, as_input
from defectlab.synthesis.pocket_sd.network import CHANNELS, encode_captions, initial_networks, make_scheduler
from defectlab.synthesis.pocket_sd.storage import write_model
from defectlab.synthesis.pocket_sd.tokenizer import make_tokenizer
from defectlab.synthesis.pocket_sd.vae import HaarVAE


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one training.

    Attributes:
        steps: optimiser steps.
        batch_size: examples a step.
        lr: highest learning rate of AdamW, reached after ``warm_up`` steps, then a cosine down to a twentieth.
        warm_up: steps of linear warm-up.
        empty_captions: share of examples with an empty caption, for classifier-free guidance.
        ema: decay of the averaged weights.
        seed: seed of data, noise and weights.
        band_power: a channel's weight in the loss is its deviation to this power; 0 weighs all alike, which leaves
            1/18 to the channel of the local mean.
        bfloat16: autocast to bfloat16.
        workers: processes that render examples; the examples do not depend on it.
        channels: width of the U-Net at its three resolutions.
    """

    steps: int = 8000
    batch_size: int = 16
    lr: float = 6e-4
    warm_up: int = 100
    empty_captions: float = 0.11
    ema: float = 0.9985
    seed: int = 0
    band_power: float = 0.5
    bfloat16: bool = True
    workers: int = 1
    channels: tuple[int, int, int] = CHANNELS

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("warm_up", 1), ("seed", 0), ("workers", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        for name in ("empty_captions", "ema", "band_power"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a value in [0, 1], got {getattr(self, name)}")
        if self.lr <= 0:
            raise ValueError(f"lr: expected above 0, got {self.lr}")


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
        self.tokenizer = make_tokenizer(vocabulary())
        self.net = initial_networks(settings.seed, self.tokenizer, settings.channels).to(self.device).train()
        self.vae = HaarVAE()
        weight = self.vae.std**settings.band_power
        self.channel_weight = (weight / weight.mean()).to(self.device)
        self.average = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=settings.lr, betas=(0.9, 0.99), weight_decay=1e-3)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.alphas = make_scheduler().alphas_cumprod
        self.step = 0
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
        for step in tqdm(range(self.step, self.settings.steps), disable=None, desc="pocket-sd"):
            loss = self._train_step(*next(examples))
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

    def _examples(self) -> Iterator[tuple[Tensor, list[str]]]:
        s = self.settings
        stream = BatchStream(s.seed, s.batch_size, s.empty_captions, self.step)
        return iter(DataLoader(stream, batch_size=None, num_workers=s.workers))

    def _train_step(self, images: Tensor, captions: list[str]) -> float:
        self._set_rate()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16):
            loss = self._loss(images, captions)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                self.average[name].lerp_(p, 1 - decay)
        return loss.item()

    def _loss(self, images: Tensor, captions: list[str]) -> Tensor:
        n = len(images)
        # stratified steps: one in each n-th of the schedule
        t = ((torch.arange(n) + torch.rand(n, generator=self.generator)) / n * 1000).long().clamp(max=999)
        with torch.autocast(self.device.type, enabled=False):
            x0 = self.vae.encode(as_input(images)).latent_dist.mode()
        noise = torch.randn(x0.shape, generator=self.generator)
        signal, spread = (v.view(-1, 1, 1, 1) for v in (self.alphas[t].sqrt(), (1 - self.alphas[t]).sqrt()))
        noisy = signal * x0 + spread * noise
        velocity = signal * noise - spread * x0  # Salimans and Ho 2022, Eq. 11
        tokens = self.net["text"](encode_captions(self.tokenizer, captions).to(self.device))[0]
        predicted = self.net["unet"](noisy.to(self.device), t.to(self.device), encoder_hidden_states=tokens).sample
        # weight 1 in velocity is SNR + 1 in the image: steps of little noise, where texture is made, count in full
        return ((predicted.float() - velocity.to(self.device)).square() * self.channel_weight).mean()

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
        write_model(self.folder / "model", self.net, self.average, self.settings, self.step)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        asked, found = asdict(self.settings), state["settings"]
        if found != asked:
            changed = {name: (value, found.get(name)) for name, value in asked.items() if found.get(name) != value}
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
