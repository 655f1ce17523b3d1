"""The encoder's training: one command, resumable to the bit on the CPU, a log of every task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from defectlab.detection.encoder.objective import Objective
from defectlab.detection.encoder.pretraining import Pretraining, write_encoder
from defectlab.detection.encoder.settings import ARCHITECTURE, OPTIONS, STRIDES, EncoderSettings
from defectlab.detection.encoder.views import make_views


def initial_networks(settings: EncoderSettings) -> tuple[Any, Objective]:
    """Encoder and tasks with the weights that a training of this seed starts from."""
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(settings.seed)
        encoder: Any = timm.create_model(ARCHITECTURE, num_classes=0, zero_init_last=False, **OPTIONS)
        channels = tuple(encoder.feature_info[STRIDES.index(s) + 2]["num_chs"] for s in STRIDES)
        return encoder, Objective(channels, settings)


class EncoderTrainer(Pretraining):
    """One training in a folder, which a second call goes on with.

    Args:
        folder: for ``checkpoint.pt``, ``log.csv`` and the encoder as ``model``.
        settings: the settings; a checkpoint of other ones is refused.
        device: where to compute.
    """

    name, interval, clip = "pocket encoder", 100, 2.0

    def __init__(self, folder: Path, settings: EncoderSettings, device: str | torch.device = "cpu") -> None:
        encoder, objective = initial_networks(settings)
        self.settings = settings
        self.encoder = encoder.to(torch.device(device), memory_format=torch.channels_last)
        self.objective = objective.to(torch.device(device))
        learning = [*self.encoder.parameters(), *self.objective.parameters()]
        optimiser = torch.optim.AdamW(learning, lr=settings.lr, weight_decay=settings.weight_decay)
        networks = {"encoder": self.encoder, "objective": self.objective}
        super().__init__(folder, settings, networks, optimiser, learning)

    def losses(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of all tasks, and each of them."""
        views = make_views(self.settings, step)
        views = type(views)(*(part.to(self.device) for part in (views.images, views.masks, views.kinds)))
        images = ((views.images - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)
        with self.autocast():
            maps = self.encoder.forward_intermediates(images, indices=[2, 3, 4], intermediates_only=True)
        losses = self.objective([m.float() for m in maps], views)
        return self.objective.total(losses), losses

    def write_model(self, folder: Path, training: dict[str, Any]) -> None:
        """Writes the encoder."""
        write_encoder(folder, self.encoder, training)
