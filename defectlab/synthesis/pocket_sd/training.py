"""Training of `pocket-sd`: velocity prediction of whole images from their captions, resumable, one command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from defectlab.synthesis.pocket.resumable import ResumableTrainer, stratified_steps
from defectlab.synthesis.pocket_sd.captions import vocabulary
from defectlab.synthesis.pocket_sd.examples import Batch, BatchStream, as_input
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
        defect_weight: weight of the loss on a defect and around it, 1 elsewhere; thin defects are a hundredth of an
            image, and a model that leaves them out loses next to nothing at weight 1.
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
    defect_weight: float = 8.0
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
        if self.defect_weight < 1:
            raise ValueError(f"defect_weight: expected at least 1, got {self.defect_weight}")


class Trainer(ResumableTrainer):
    """One training run in a folder, which a second call goes on with.

    Args:
        folder: where checkpoint, log and model go.
        settings: the settings; a checkpoint of other settings is refused.
        device: ``"cpu"`` or ``"cuda"``.
    """

    name = "pocket-sd"

    def __init__(self, folder: Path, settings: TrainingSettings, device: str = "cpu") -> None:
        self.settings = settings
        self.tokenizer = make_tokenizer(vocabulary())
        super().__init__(folder, settings, initial_networks(settings.seed, self.tokenizer, settings.channels), device)
        self.net.train()
        self.vae = HaarVAE()
        weight = self.vae.std**settings.band_power
        self.channel_weight = (weight / weight.mean()).to(self.device)
        self.alphas = make_scheduler().alphas_cumprod

    def _examples(self) -> Iterator[Batch]:
        s = self.settings
        stream = BatchStream(s.seed, s.batch_size, s.empty_captions, self.step)
        return iter(DataLoader(stream, batch_size=None, num_workers=s.workers))

    def _write_model(self, folder: Path) -> None:
        write_model(folder, self.net, self.average, self.settings, self.step)

    def _loss(self, batch: Batch) -> Tensor:
        images, masks, captions = batch
        t = stratified_steps(len(images), self.generator)
        with torch.autocast(self.device.type, enabled=False):
            x0 = self.vae.encode(as_input(images)).latent_dist.mode()
        noise = torch.randn(x0.shape, generator=self.generator)
        signal, spread = (v.view(-1, 1, 1, 1) for v in (self.alphas[t].sqrt(), (1 - self.alphas[t]).sqrt()))
        noisy = signal * x0 + spread * noise
        velocity = signal * noise - spread * x0  # Salimans and Ho 2022, Eq. 11
        tokens = self.net["text"](encode_captions(self.tokenizer, captions).to(self.device))[0]
        predicted = self.net["unet"](noisy.to(self.device), t.to(self.device), encoder_hidden_states=tokens).sample
        # weight 1 in velocity is SNR + 1 in the image: steps of little noise, where texture is made, count in full
        error = (predicted.float() - velocity.to(self.device)).square() * self.channel_weight
        return (error * defect_weights(masks, self.settings.defect_weight).to(self.device)).mean()


def defect_weights(masks: Tensor, weight: float) -> Tensor:
    """Weights of the loss by latent pixel: ``weight`` where a defect is and one latent pixel around it, 1 elsewhere.

    Args:
        masks: bool ``(n, 1, h, w)``, sides multiples of 4.
        weight: at least 1.

    Returns:
        float32 ``(n, 1, h / 4, w / 4)``.
    """
    touched = F.max_pool2d(masks.float(), 4)
    return 1 + (weight - 1) * F.max_pool2d(touched, 3, stride=1, padding=1)
