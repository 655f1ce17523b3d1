"""`Flow`: images of normalising flows, one a class, with their exact likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from defectlab.synthesis.comparators.comparator import Comparator
from defectlab.synthesis.comparators.coupling import FlowStep, Mapped, squeeze, start_at_zero, unsqueeze
from defectlab.synthesis.comparators.recipe import Recipe
from defectlab.synthesis.comparators.settings import ComparatorSettings, FlowSettings
from defectlab.synthesis.diffusion.classical import ClassicalSettings

GREYS = 256


class Glow(nn.Module):
    """An invertible map between images and standard normal values.

    After each level but the last, half of the channels leaves, brought to a standard normal by what the other half
    says of its mean and width; so the whole is one map, and its likelihood is a normal one times a volume factor.

    Args:
        settings: shape of the network.

    Source: Kingma and Dhariwal 2018, Figure 2.
    """

    def __init__(self, settings: FlowSettings) -> None:
        super().__init__()
        self.size, self.latent_size = settings.size, 3 * settings.size**2
        self.levels, self.priors = nn.ModuleList(), nn.ModuleList()
        channels = 3
        for level in range(settings.levels):
            channels *= 4
            self.levels.append(nn.ModuleList(FlowStep(channels, settings.hidden) for _ in range(settings.depth)))
            if level < settings.levels - 1:
                channels //= 2
                prior = nn.Conv2d(channels, 2 * channels, 3, padding=1)
                start_at_zero(prior)
                self.priors.append(prior)

    def encode(self, x: Tensor) -> Mapped:
        """Normal values ``(n, latent_size)`` of images in [-0.5, 0.5], and the logarithm of the volume factor."""
        volume, left = x.new_zeros(len(x)), []
        for i, steps in enumerate(self.levels):
            x = squeeze(x)
            for step in list(steps):  # type: ignore[call-overload]  # a ModuleList
                x, more = step(x)
                volume = volume + more
            if i < len(self.priors):
                x, leaving = x.chunk(2, dim=1)
                mean, log_width = self.priors[i](x).chunk(2, dim=1)
                left.append(((leaving - mean) * (-log_width).exp()).flatten(1))
                volume = volume - log_width.flatten(1).sum(dim=1)
        return torch.cat([*left, x.flatten(1)], dim=1), volume

    def invert(self, z: Tensor) -> Tensor:
        """Images around [-0.5, 0.5] that `encode` gives these values for."""
        parts = list(z.split(self._counts, dim=1))
        side = self.size >> len(self.levels)
        x = parts.pop().view(len(z), -1, side, side)
        for i in reversed(range(len(self.levels))):
            if i < len(self.priors):
                mean, log_width = self.priors[i](x).chunk(2, dim=1)
                x = torch.cat([x, parts.pop().view_as(x) * log_width.exp() + mean], dim=1)
            for step in reversed(list(self.levels[i])):  # type: ignore[call-overload]  # a ModuleList
                x = step.inverse(x)
            x = unsqueeze(x)
        return x

    def decode(self, z: Tensor) -> Tensor:
        """Images around [-1, 1] from normal values ``(n, latent_size)``; nothing keeps them inside."""
        return 2 * self.invert(z)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """``log p(x)`` of images in [-0.5, 0.5], in nats, ``(n,)``."""
        z, volume = self.encode(x)
        return volume - 0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)  # Glow, Eq. 6

    @property
    def _counts(self) -> list[int]:
        leaving = [self.latent_size >> (i + 1) for i in range(len(self.priors))]
        return [*leaving, self.latent_size - sum(leaving)]


def bits(log_likelihood: Tensor, values: int) -> Tensor:
    """Bits a value of an image of 256 greys whose greys are one 256th wide.

    Args:
        log_likelihood: in nats, ``(n,)``.
        values: of an image.

    Source: Theis et al. 2016, section 3.1.
    """
    return (math.log(GREYS) - log_likelihood / values) / math.log(2)


class FlowRecipe(Recipe):
    """Maximum likelihood of images whose greys are spread evenly over their width (Glow, Eq. 2)."""

    kind = "flow"
    settings: FlowSettings
    network: Glow

    def __init__(self, settings: FlowSettings, device: torch.device) -> None:
        super().__init__(settings)
        self.to(device)
        self.optimisers = {"bits": self.adam(self.network)}

    @staticmethod
    def build(settings: ComparatorSettings) -> Glow:
        """The network with its first weights."""
        assert isinstance(settings, FlowSettings)
        return Glow(settings)

    def step(self, images: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        """Bits a value of the image."""
        spread = torch.rand(images.shape, generator=generator).to(images.device)
        x = (images.float() + spread) / GREYS - 0.5
        loss = bits(self.network.log_likelihood(x), self.network.latent_size).mean()
        return {"bits": self.descend("bits", loss, self.network.parameters(), rate)}


class Flow(Comparator[FlowSettings]):
    """Learns a Glow for each class and draws from it; see `Comparator` for arguments and `Ddpm` for the form.

    Args:
        settings: as there.
        folder: as there.
        classes: as there.
        classical: as there.
        device: as there.
        temperature: width of the normal values that images are drawn from, at most 1; Glow's samples have 0.7.
    """

    name = "flow"
    recipe: ClassVar = FlowRecipe

    def __init__(
        self,
        settings: FlowSettings,
        folder: str | Path,
        classes: Sequence[str] | None = None,
        classical: ClassicalSettings | None = None,
        device: str = "auto",
        temperature: float = 0.7,
    ) -> None:
        super().__init__(settings, folder, classes, classical, device)
        if not 0 < temperature <= 1:
            raise ValueError(f"temperature: expected a value in (0, 1], got {temperature}")
        self.temperature = temperature
