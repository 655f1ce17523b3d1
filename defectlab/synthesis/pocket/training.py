"""Training of `pocket`: velocity prediction of the defect layer, resumable, one command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from defectlab.synthesis.pocket.examples import ExampleStream
from defectlab.synthesis.pocket.haar import haar
from defectlab.synthesis.pocket.network import WordEncoder, make_scheduler, make_unet
from defectlab.synthesis.pocket.resumable import ResumableTrainer, stratified_steps
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


class Trainer(ResumableTrainer):
    """One training run in a folder, which a second call goes on with.

    Args:
        folder: where checkpoint, log and model go.
        settings: the settings; a checkpoint of other settings is refused.
        device: ``"cpu"`` or ``"cuda"``.
    """

    name = "pocket"

    def __init__(self, folder: Path, settings: TrainingSettings, device: str = "cpu") -> None:
        self.settings = settings
        super().__init__(folder, settings, initial_network(settings.seed), device)
        scheduler: Any = make_scheduler()
        self.alphas = scheduler.alphas_cumprod
        self.scales = measure_scales(settings)

    def _examples(self) -> Iterator[dict[str, Tensor]]:
        size = self.settings.batch_size
        stream = ExampleStream(self.settings.seed, size, self.step, self.settings.tight_masks_from)
        return iter(DataLoader(stream, batch_size=size, num_workers=self.settings.workers))

    def _write_model(self, folder: Path) -> None:
        write_model(folder, self.average, self.scales, self.settings, self.step)

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        n = len(batch["defect"])
        t = stratified_steps(n, self.generator)
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
