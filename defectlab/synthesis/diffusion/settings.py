"""`DiffusionSettings`, every switch of a training, and `SamplingSettings`, how a trained model is asked.

The paper gives T = 1000, 512 x 512 pixels, a U-Net "from guided diffusion" with linear attention, and the cosine of
Eq. 8; all else is a choice, taken from Ho et al. 2020, Dhariwal and Nichol 2021 and their public code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from defectlab.choices import unknown_choice

GUESSES = ("none", "linear")
ATTENTIONS = ("linear", "full", "none")
PRECISIONS = ("no", "bf16", "fp16")
SAMPLERS = ("ddpm", "ddim", "dpm_solver")
VARIANCES = ("small", "large")


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of one training; the defaults are those of `paper`.

    Attributes:
        size: side of the square images, in pixels; every level but the last halves it.
        channels: of the levels of the U-Net, from the finest on; multiples of 4.
        layers: residual blocks a level.
        patch: side of the squares of pixels that the network takes as one position each; 1 takes the pixels. A larger
            one saves time on a processor (2 a fourth, 4 a sixteenth); the noise process stays that of the pixels.
        guess: ``"none"``: the network tells the noise by itself (the paper). ``"linear"``: it corrects the best linear
            guess, from mean and spectrum of the images, which saves most of a short training; see `linear_guess`.
        attention: ``"linear"`` (the paper), ``"full"`` or ``"none"``.
        attention_at: sides of the feature maps that attention is at. The coarsest level, between the way down and
            the way up, has full attention unless ``attention`` is ``"none"``.
        timesteps: T, levels of noise.
        beta_start: variance of the first level of the linear schedule.
        beta_end: variance of the last.
        steps: optimiser steps.
        batch_size: images a step.
        lr: learning rate of Adam at the first step; it falls to 0 on a cosine (Eq. 8).
        ema: decay of the averaged weights, which are those that are kept.
        max_grad_norm: the gradient is shortened to this length.
        precision: ``"no"`` (float32), ``"bf16"`` or ``"fp16"`` (GPU only).
        class_dropout: share of the images whose class a class-conditional model is not told (Ho and Salimans 2022).
        seed: of weights, order, levels and noise.
        checkpoint_every: steps between two checkpoints; no result depends on it.
    """

    size: int = 512
    channels: tuple[int, ...] = (64, 128, 128, 256, 256, 512, 512)
    layers: int = 2
    patch: int = 1
    guess: str = "none"
    attention: str = "linear"
    attention_at: tuple[int, ...] = (32, 16, 8)
    timesteps: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02
    steps: int = 100_000
    batch_size: int = 8
    lr: float = 1e-4
    ema: float = 0.9999
    max_grad_norm: float = 1.0
    precision: str = "bf16"
    class_dropout: float = 0.1
    seed: int = 0
    checkpoint_every: int = 1000

    def __post_init__(self) -> None:
        for name, known in (("attention", ATTENTIONS), ("precision", PRECISIONS), ("guess", GUESSES)):
            if getattr(self, name) not in known:
                raise unknown_choice(name, getattr(self, name), known)
        _require_least(self, 1, ("size", "layers", "patch", "steps", "batch_size", "checkpoint_every"))
        _require_least(self, 2, ("timesteps",))
        _require_least(self, 0, ("seed",))
        for name in ("lr", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected above 0, got {getattr(self, name)}")
        for name in ("ema", "class_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a value in [0, 1), got {getattr(self, name)}")
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise ValueError(f"betas: expected 0 < beta_start <= beta_end < 1, got {self.beta_start}, {self.beta_end}")
        self._require_shape()

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the feature maps, in positions, from the finest level on."""
        return tuple((self.size // self.patch) >> level for level in range(len(self.channels)))

    @classmethod
    def paper(cls) -> Self:
        """512 pixels; days of one GPU for four classes."""
        return cls()

    @classmethod
    def laptop(cls) -> Self:
        """32 pixels, less than a minute of two cores a class: textures as they are, small defects, few long scratches.

        Not as the paper: a small network without attention, on squares of two pixels, that corrects the linear guess.
        At an equal time the paper's way shows noise.
        """
        return cls(
            size=32, channels=(32, 64), layers=1, patch=2, guess="linear", attention="none", attention_at=(),
            steps=1200, batch_size=16, lr=2e-3, ema=0.995, precision="no", checkpoint_every=200,
        )  # fmt: skip

    @classmethod
    def smoke(cls) -> Self:
        """32 pixels, seconds: shows that everything runs, learns next to nothing."""
        return cls(**cls.smoke_values())

    @staticmethod
    def smoke_values() -> dict[str, Any]:
        """What `smoke` changes."""
        return {
            "size": 32, "channels": (16, 32), "layers": 1, "attention_at": (16,), "steps": 4, "batch_size": 4,
            "lr": 1e-3, "ema": 0.9, "precision": "no", "checkpoint_every": 2,
        }  # fmt: skip

    def _require_shape(self) -> None:
        if not self.channels or any(c < 4 or c % 4 for c in self.channels):
            raise ValueError(f"channels: expected multiples of 4, one a level, got {self.channels}")
        if self.size % (self.patch << (len(self.channels) - 1)):
            cut = f" cut into patches of {self.patch} and" if self.patch > 1 else ""
            raise ValueError(
                f"size: {self.size} cannot be{cut} halved {len(self.channels) - 1} times; expected a multiple of "
                f"{self.patch << (len(self.channels) - 1)}, or fewer channels"
            )
        if strange := [side for side in self.attention_at if side not in self.sides]:
            raise ValueError(f"attention_at: no feature map has the sides {strange}; known: {self.sides}")


@dataclass(frozen=True)
class SamplingSettings:
    """How images are drawn from a model; the defaults are the paper's.

    Attributes:
        sampler: ``"ddpm"`` (ancestral), ``"ddim"`` or ``"dpm_solver"`` (DPM-Solver++ of second order).
        steps: network calls an image; must divide T. ``None`` for all T.
        variance: of ancestral steps: ``"small"`` (the posterior's) or ``"large"`` (beta).
        eta: of DDIM, 0 (no noise) to 1.
        guidance: weight of the class in a class-conditional model; 1 is no guidance, and half the calls.
        batch_size: images at a time; they depend on it by rounding alone.
    """

    sampler: str = "ddpm"
    steps: int | None = None
    variance: str = "small"
    eta: float = 0.0
    guidance: float = 1.0
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name, known in (("sampler", SAMPLERS), ("variance", VARIANCES)):
            if getattr(self, name) not in known:
                raise unknown_choice(name, getattr(self, name), known)
        _require_least(self, 1, ("batch_size", "guidance", *(["steps"] if self.steps is not None else [])))
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta: expected a value in [0, 1], got {self.eta}")

    @classmethod
    def paper(cls) -> Self:
        """Ancestral sampling in T steps."""
        return cls()

    @classmethod
    def laptop(cls) -> Self:
        """DPM-Solver++ in 20 steps."""
        return cls(sampler="dpm_solver", steps=20)

    @classmethod
    def smoke(cls) -> Self:
        """DDIM in 4 steps."""
        return cls(sampler="ddim", steps=4, batch_size=4)

    def calls(self, timesteps: int) -> int:
        """Steps for a model of T levels.

        Raises:
            ValueError: if they do not divide T, or are too few for the solver.
        """
        steps = timesteps if self.steps is None else self.steps
        if steps > timesteps or timesteps % steps:
            raise ValueError(f"steps: expected a divisor of the {timesteps} levels of the model, got {steps}")
        return steps


def _require_least(settings: object, least: int, names: Iterable[str]) -> None:
    for name in names:
        if not getattr(settings, name) >= least:
            raise ValueError(f"{name}: expected at least {least}, got {getattr(settings, name)}")
