"""The noise process: how an image turns into noise, step by step and at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """Variances of the noise that each step adds, and all that follows from them.

    A step ``t`` is counted from 0, as in diffusers: it is the paper's ``t`` less one. The paper calls the ``a_t`` very
    small; small are the betas, ``a_t = 1 - beta_t`` is close to 1.

    Attributes:
        betas: float64 ``(T,)``, each in (0, 1).
        levels: int64 ``(T,)``, what the network is told instead of ``t``; differs from it in a respaced schedule.
    """

    betas: Tensor
    levels: Tensor

    def __post_init__(self) -> None:
        if self.betas.ndim != 1 or not len(self.betas) or not ((self.betas > 0) & (self.betas < 1)).all():
            raise ValueError(f"betas: expected shape (T >= 1,) and values in (0, 1), got {tuple(self.betas.shape)}")
        if self.levels.shape != self.betas.shape:
            raise ValueError(f"levels: expected shape {tuple(self.betas.shape)}, got {tuple(self.levels.shape)}")

    @classmethod
    def linear(cls, timesteps: int = 1000, start: float = 1e-4, end: float = 0.02) -> NoiseSchedule:
        """Betas on a line (Ho et al. 2020, section 4)."""
        return cls(torch.linspace(start, end, timesteps, dtype=torch.float64), torch.arange(timesteps))

    def __len__(self) -> int:
        return len(self.betas)

    @property
    def alphas(self) -> Tensor:
        """``a_t = 1 - beta_t``."""
        return 1 - self.betas

    @property
    def alpha_bars(self) -> Tensor:
        """``abar_t``, the product of the ``a_s`` up to ``t``; derived, though the paper calls it a hyper-parameter."""
        return self.alphas.cumprod(0)

    @property
    def previous_alpha_bars(self) -> Tensor:
        """``abar_{t-1}``, 1 at the first step."""
        return torch.cat([torch.ones(1, dtype=self.betas.dtype), self.alpha_bars[:-1]])

    def respaced(self, steps: int) -> NoiseSchedule:
        """The same process in fewer, longer steps, the last of them at the last level.

        Source: Nichol and Dhariwal 2021, section 4.

        Raises:
            ValueError: if ``steps`` does not divide T.
        """
        if steps < 1 or len(self) % steps:
            raise ValueError(f"steps: expected a divisor of {len(self)}, got {steps}")
        kept = torch.arange(1, steps + 1) * (len(self) // steps) - 1
        bars = self.alpha_bars[kept]
        before = torch.cat([torch.ones(1, dtype=bars.dtype), bars[:-1]])
        return NoiseSchedule(1 - bars / before, self.levels[kept])

    def step_forward(self, before: Tensor, t: Tensor | int, noise: Tensor) -> Tensor:
        """``x_t`` from ``x_{t-1}``: one step of noise.

        Args:
            before: ``(n, c, h, w)``.
            t: one step, or one an image ``(n,)``.
            noise: standard normal, as ``before``.
        """
        a = at(self.alphas, t, before)
        return a.sqrt() * before + (1 - a).sqrt() * noise  # DDPM-MoCo Eq. 1

    def noisy(self, x0: Tensor, t: Tensor | int, noise: Tensor) -> Tensor:
        """``x_t`` from ``x_0`` at once; arguments as in `step_forward`."""
        bar = at(self.alpha_bars, t, x0)
        return bar.sqrt() * x0 + (1 - bar).sqrt() * noise  # DDPM-MoCo Eq. 2

    def clean(self, x_t: Tensor, t: Tensor | int, noise: Tensor) -> Tensor:
        """``x_0`` from ``x_t`` and its noise: Eq. 2 solved for it."""
        bar = at(self.alpha_bars, t, x_t)
        return (x_t - (1 - bar).sqrt() * noise) / bar.sqrt()


def at(values: Tensor, t: Tensor | int, like: Tensor) -> Tensor:
    """Values of steps, in type, place and number of dimensions of a batch of images."""
    chosen = values[torch.as_tensor(t, device="cpu").reshape(-1)].to(like.device, like.dtype)
    return chosen.view(-1, *[1] * (like.ndim - 1))
