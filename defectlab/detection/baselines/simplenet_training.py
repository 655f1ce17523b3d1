"""SimpleNet's adapter and discriminator, and their training against noise in feature space."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from defectlab.detection.checkpoints import Stateful, TrainingFolder
from defectlab.detection.sampling import epoch_order
from defectlab.detection.training import seeded
from defectlab.progress import time_left

NOISE = 1  # stream of random numbers beside that of the order


@dataclass(frozen=True)
class SimpleNetSettings:
    """Settings of `SimpleNet`; the defaults are the paper's (Liu et al. 2023, section 4.3) but for the size.

    Attributes:
        backbone: timm name; the paper's WideResNet-50, or ``"auto"``.
        weights: as `features.load_model`.
        size: ``(height, width)`` of the images. The paper takes the middle 224 of 256; here the whole image.
        layers: maps to read; ``None``: those of stride 8 and 16 (layer2 and layer3).
        neighbourhood: side in places that a patch averages over, odd; 3.
        hidden: width of the discriminator; 1024.
        noise: sigma of the Gaussian that makes a false feature; 0.015.
        noise_unit: what ``noise`` counts: ``"feature"``, the features as they are (the paper: right for the one
            backbone that it was chosen for); ``"spread"``, the mean over channels of their standard deviation.
        margin: of the truncated loss, to either side of 0; 0.5.
        epochs: passes over the normal images; 160.
        batch_size: images a step; 4.
        lr_adapter: of Adam; 1e-4.
        lr: of Adam for the discriminator; 2e-4.
        weight_decay: 1e-5.
        smoothing: sigma in pixels of the Gaussian on the map; 4.
        keep_features: compute features once and keep them in memory: ``n C h w`` floats; otherwise in every epoch.
        every: epochs from one checkpoint and row of the log to the next.
        seed: of weights, order and noise.
    """

    backbone: str = "wide_resnet50_2.tv_in1k"
    weights: str = "imagenet"
    size: tuple[int, int] = (256, 256)
    layers: tuple[int, ...] | None = None
    neighbourhood: int = 3
    hidden: int = 1024
    noise: float = 0.015
    noise_unit: str = "feature"
    margin: float = 0.5
    epochs: int = 160
    batch_size: int = 4
    lr_adapter: float = 1e-4
    lr: float = 2e-4
    weight_decay: float = 1e-5
    smoothing: float = 4.0
    keep_features: bool = False
    every: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hidden", "epochs", "batch_size", "every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("noise", "margin", "lr_adapter", "lr"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.noise_unit not in ("feature", "spread"):
            raise ValueError(f"noise_unit must be feature or spread, got {self.noise_unit!r}")
        if self.neighbourhood < 1 or self.neighbourhood % 2 == 0:
            raise ValueError(f"neighbourhood must be odd and at least 1, got {self.neighbourhood}")
        if min(self.smoothing, self.seed, self.weight_decay) < 0:
            raise ValueError("smoothing, seed and weight_decay must be at least 0")

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)


class Critic(nn.Module):
    """Adapter and discriminator: a patch feature to how normal it is.

    Args:
        channels: of the features.
        settings: the settings.

    Source: SimpleNet, sections 3.2 and 3.4.
    """

    def __init__(self, channels: int, settings: SimpleNetSettings) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.adapter = nn.Linear(channels, channels)
            self.discriminator = nn.Sequential(
                nn.Linear(channels, settings.hidden),
                nn.BatchNorm1d(settings.hidden),
                nn.LeakyReLU(0.2),
                nn.Linear(settings.hidden, 1, bias=False),
            )

    def forward(self, patches: Tensor) -> Tensor:
        """How normal each patch ``(n, channels)`` is, shape ``(n,)``: any real number, the higher, the more normal."""
        scores: Tensor = self.discriminator(self.adapter(patches))[:, 0]
        return scores

    def both(self, patches: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the patches and of the same with noise on their adapted features, in one pass of BatchNorm."""
        adapted = self.adapter(patches)
        scores = self.discriminator(torch.cat([adapted, adapted + noise]))[:, 0]  # SimpleNet Eq. 6
        return scores[: len(patches)], scores[len(patches) :]


def truncated_loss(normal: Tensor, false: Tensor, margin: float) -> Tensor:
    """Mean of what falls short of the margin: true features above it, false ones below its negative."""
    return F.relu(margin - normal).mean() + F.relu(margin + false).mean()  # SimpleNet Eq. 8


class SimpleNetTraining:
    """One training, which a second one on the same folder goes on with.

    Args:
        critic: on its device.
        draw: patches of some images, shape ``(n, channels)``, on that device, by the positions of the images.
        n_images: how many there are.
        sigma: of the noise, in units of the features.
        settings: the settings.
        digest: of the images, so that a resume notices others.
        folder: for ``checkpoint.pt`` and ``log.csv``; ``None``: neither.
        show_progress: draw a bar of epochs.
    """

    def __init__(
        self,
        critic: Critic,
        draw: Callable[[Tensor], Tensor],
        n_images: int,
        sigma: float,
        settings: SimpleNetSettings,
        digest: str,
        folder: Path | None = None,
        show_progress: bool = False,
    ) -> None:
        self.critic, self.draw, self.sigma, self.settings = critic, draw, sigma, settings
        self.device = next(critic.parameters()).device
        self.labels = torch.zeros(n_images)
        self.show_progress = show_progress
        rates = ((critic.adapter, settings.lr_adapter), (critic.discriminator, settings.lr))
        groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in rates]
        self.optimiser = torch.optim.Adam(groups, weight_decay=settings.weight_decay)
        parts: dict[str, Stateful] = {"critic": critic, "optimiser": self.optimiser}
        self.kept = TrainingFolder(folder, asdict(settings) | {"images": digest}, parts, self.device, "epoch")
        self.epoch, self.rows = self.kept.done, self.kept.rows

    def run(self) -> pd.DataFrame:
        """Trains to the last epoch.

        Returns:
            The log: epoch, loss, normal and false (mean scores of both kinds of features), seconds, left.

        Raises:
            FloatingPointError: if the loss is no longer finite; the last checkpoint stays.
        """
        begun, first, epochs = time.perf_counter(), self.epoch, self.settings.epochs
        for epoch in tqdm(range(first, epochs), desc="simplenet", disable=not self.show_progress, leave=False):
            means = self.train_epoch(epoch)
            self.epoch = epoch + 1
            self.kept.require_finite(means, self.epoch, "lower lr and lr_adapter")
            if self.epoch % self.settings.every == 0 or self.epoch == epochs:
                seconds = time.perf_counter() - begun
                left = time_left(seconds, self.epoch - first, epochs - first)
                self.rows.append({"epoch": self.epoch, **means, "seconds": round(seconds, 2), "left": left})
                self.kept.save(self.epoch)
        self.critic.eval()
        return pd.DataFrame(self.rows)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the images; its order and noise depend on the seed and its number alone."""
        self.critic.train()
        sums = torch.zeros(3, dtype=torch.float64)
        batches = epoch_order(self.labels, 1, "none", self.settings.seed, epoch).batches(self.settings.batch_size)
        for step, (indices, _) in enumerate(batches):
            patches = self.draw(indices)
            with seeded(_noise_seed(self.settings.seed, epoch, step), self.device):
                noise = torch.randn(patches.shape, device=self.device) * self.sigma
            normal, false = self.critic.both(patches, noise)
            loss = truncated_loss(normal, false, self.settings.margin)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            sums += torch.stack([loss, normal.mean(), false.mean()]).detach().cpu().double()
        return dict(zip(("loss", "normal", "false"), (sums / len(batches)).tolist(), strict=True))


def _noise_seed(seed: int, epoch: int, step: int) -> int:
    state = np.random.SeedSequence([seed, NOISE, epoch, step]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
