"""Settings of the three comparators; the paper names none, so all are choices of their authors or of this package.

The `laptop` presets take about two minutes of two cores for all three and four classes: each has less training than
diffusion. The seconds of each training, and their share of those of diffusion, are shown in a comparison; more `steps`
would make budgets equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

LEAST_SIDE = 4
"""Side of the coarsest feature map of GAN and VAE, in pixels."""


@dataclass(frozen=True)
class ComparatorSettings:
    """What the three have in common.

    Attributes:
        size: side of the square images in pixels, 4 times a power of two.
        steps: optimiser steps, of both networks in a GAN.
        batch_size: images a step.
        lr: learning rate of Adam at the first step.
        ema: decay of the averaged weights, which are those that are kept.
        max_grad_norm: the gradient is shortened to this length.
        seed: of weights, order and noise.
        checkpoint_every: steps between two checkpoints; no result depends on it.
        small: what `laptop` changes; a kind adds its own.
        tiny: what `smoke` changes.
    """

    size: int = 64
    steps: int = 20_000
    batch_size: int = 64
    lr: float = 2e-4
    ema: float = 0.999
    max_grad_norm: float = 100.0
    seed: int = 0
    checkpoint_every: int = 500

    small: ClassVar[dict[str, Any]] = {"size": 32, "batch_size": 32, "ema": 0.98, "checkpoint_every": 200}
    tiny: ClassVar[dict[str, Any]] = {"size": 32, "batch_size": 4, "ema": 0.9, "checkpoint_every": 2, "steps": 4}

    @classmethod
    def paper(cls) -> Self:
        """64 pixels; hours of one GPU for four classes."""
        return cls()

    @classmethod
    def laptop(cls) -> Self:
        """32 pixels, some ten seconds of two cores a class."""
        return cls(**cls.small)

    @classmethod
    def smoke(cls) -> Self:
        """32 pixels, seconds: shows that everything runs, learns next to nothing."""
        return cls(**cls.tiny)

    def __post_init__(self) -> None:
        side = self.size // LEAST_SIDE
        if self.size != side * LEAST_SIDE or side < 2 or side & (side - 1):
            raise ValueError(f"size: expected 4 times a power of two, at least 8, got {self.size}")
        self._require_least(1, "steps", "checkpoint_every")
        self._require_least(2, "batch_size")  # what batch normalisation and the first batch of a flow need
        self._require_least(0, "seed")
        for name in ("lr", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected above 0, got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema: expected a value in [0, 1), got {self.ema}")

    @property
    def halvings(self) -> int:
        """Levels between the image and the coarsest feature map."""
        return (self.size // LEAST_SIDE).bit_length() - 1

    def _require_least(self, least: int, *names: str) -> None:
        for name in names:
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True)
class GanSettings(ComparatorSettings):
    """A DCGAN (Radford et al. 2016): its learning rate, its momentum, its hundred latent values.

    Attributes:
        latent: values that an image is made from.
        channels: of the finest level; each coarser one has twice as many, up to eight times.
        beta1: momentum of Adam, lowered from 0.9 against oscillation.
    """

    latent: int = 100
    channels: int = 64
    beta1: float = 0.5

    small = ComparatorSettings.small | {"steps": 700, "latent": 64, "channels": 24}
    tiny = ComparatorSettings.tiny | {"latent": 8, "channels": 4}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_least(1, "latent", "channels")
        if not 0 <= self.beta1 < 1:
            raise ValueError(f"beta1: expected a value in [0, 1), got {self.beta1}")


@dataclass(frozen=True)
class VaeSettings(ComparatorSettings):
    """A convolutional variational autoencoder (Kingma and Welling 2014) that learns its own noise.

    Attributes:
        latent: values that an image is brought to.
        channels: as in `GanSettings`.
    """

    lr: float = 1e-3
    latent: int = 128
    channels: int = 64

    small = ComparatorSettings.small | {"steps": 800, "latent": 32, "channels": 24}
    tiny = GanSettings.tiny

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_least(1, "latent", "channels")


@dataclass(frozen=True)
class FlowSettings(ComparatorSettings):
    """Glow (Kingma and Dhariwal 2018): levels of invertible steps, half of the values leaving after each.

    Attributes:
        levels: each halves the side; the image must be divisible so often.
        depth: steps of flow a level.
        hidden: channels inside of a coupling.
    """

    lr: float = 1e-3
    levels: int = 4
    depth: int = 16
    hidden: int = 256

    small = ComparatorSettings.small | {
        "steps": 500, "batch_size": 16, "checkpoint_every": 100, "levels": 3, "depth": 4, "hidden": 48,
    }  # fmt: skip
    tiny = ComparatorSettings.tiny | {"levels": 2, "depth": 1, "hidden": 8}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_least(1, "levels", "depth", "hidden")
        if self.size % (1 << self.levels):
            raise ValueError(f"levels: {self.size} pixels cannot be halved {self.levels} times; choose fewer levels")
