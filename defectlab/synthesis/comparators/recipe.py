"""`Recipe`: what a kind of generator must say so that it can be trained, kept and drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from defectlab.synthesis.comparators.settings import ComparatorSettings
from defectlab.synthesis.diffusion.folder_trainer import DivergedError


class Generator(Protocol):
    """What turns standard normal values into images."""

    latent_size: int

    def decode(self, z: Tensor) -> Tensor:
        """Images ``(n, 3, size, size)`` in about [-1, 1] from standard normal values ``(n, latent_size)``."""


class Recipe(ABC):
    """Networks and optimisers of one training.

    A subclass names its kind, builds its networks with `settings.seed` and says what a step is.

    Args:
        settings: of the training.

    Attributes:
        network: what images are drawn from, a `Generator`; its averaged weights are the model.
        others: what only the training needs.
        optimisers: by name.
    """

    kind: ClassVar[str]

    def __init__(self, settings: ComparatorSettings) -> None:
        self.settings = settings
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(settings.seed)
            self.network = self.build(settings)
            self.others = self.build_others()
        self.optimisers: dict[str, torch.optim.Optimizer] = {}

    @staticmethod
    @abstractmethod
    def build(settings: ComparatorSettings) -> nn.Module:
        """The generator with its first weights."""

    @abstractmethod
    def step(self, images: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        """One step of the training.

        Args:
            images: uint8 ``(n, 3, size, size)`` on the device.
            generator: on the processor, of this step alone.
            rate: learning rate over that of the settings, 1 at the first step and towards 0 at the last.

        Returns:
            Losses by name.

        Raises:
            DivergedError: if a loss or a gradient is no number any more.
        """

    def build_others(self) -> nn.ModuleDict:
        """What only the training needs; nothing by default."""
        return nn.ModuleDict()

    def to(self, device: torch.device) -> None:
        """Moves all networks, before the first optimiser is made."""
        self.network.to(device).train()
        self.others.to(device).train()

    def descend(self, name: str, loss: Tensor, parameters: Iterable[nn.Parameter], rate: float) -> float:
        """One step of an optimiser down a loss, its gradient shortened; returns the loss.

        Raises:
            DivergedError: if the loss or its gradient is no number any more.
        """
        optimiser = self.optimisers[name]
        for group in optimiser.param_groups:
            group["lr"] = self.settings.lr * rate
        value = loss.item()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(parameters, self.settings.max_grad_norm))
        for what, number in ((f"loss of the {name}", value), (f"gradient of the {name}", norm)):
            if not torch.isfinite(torch.tensor(number)):
                raise DivergedError(f"the {what} is {number}: lower lr (now {self.settings.lr:g}) in a new folder")
        optimiser.step()
        return value

    def adam(self, network: nn.Module, betas: tuple[float, float] = (0.9, 0.999)) -> torch.optim.Optimizer:
        """Adam on all weights of a network."""
        return torch.optim.Adam(network.parameters(), lr=self.settings.lr, betas=betas)


def centred(images: Tensor) -> Tensor:
    """0..255 to [-1, 1]."""
    return images.float() / 127.5 - 1


def normal(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Standard normal values, drawn on the processor whatever the device."""
    return torch.randn(shape, generator=generator).to(like.device)
