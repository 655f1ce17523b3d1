"""Diffusion where everything is known: mixtures with a known best denoiser, and points in a plane."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor, nn

from defectlab.synthesis.diffusion.posterior import reverse_step, reverse_step_as_printed
from defectlab.synthesis.diffusion.schedule import NoiseSchedule, at

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""Tells the noise of points ``(n, d)`` at levels int64 ``(n,)``."""
SAMPLERS = ("ancestral", "ddim", "as printed")


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of normal densities on a line; noise turns it into another mixture.

    Attributes:
        weights: ``(k,)``, above 0, of sum 1.
        means: ``(k,)``.
        deviations: ``(k,)``, above 0.
    """

    weights: Tensor
    means: Tensor
    deviations: Tensor

    @classmethod
    def two_bumps(cls) -> Mixture:
        """Two narrow bumps of unequal weight, the example of the chapter."""
        return cls(*(torch.tensor(values, dtype=torch.float64) for values in ([0.3, 0.7], [-1.0, 0.7], [0.15, 0.25])))

    def noisy(self, bar: float) -> Mixture:
        """The density after noise of cumulative level ``bar``: each part is moved and widened."""
        spread = (bar * self.deviations**2 + 1 - bar).sqrt()
        return Mixture(self.weights, math.sqrt(bar) * self.means, spread)

    def density(self, x: Tensor) -> Tensor:
        """Density at points ``(n,)``."""
        return self._parts(x).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        """Derivative of the logarithm of the density at points ``(n,)``."""
        parts = self._parts(x)
        pull = (self.means - x[:, None]) / self.deviations**2
        return (parts * pull).sum(-1) / parts.sum(-1)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` points, float64 ``(n,)``."""
        part = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        return self.means[part] + self.deviations[part] * noise

    def best_noise(self, schedule: NoiseSchedule) -> Denoiser:
        """The denoiser that no network can better: the expected noise, from the score."""

        def noise(x: Tensor, levels: Tensor) -> Tensor:
            bar = float(at(schedule.alpha_bars, levels[:1], x))
            return -math.sqrt(1 - bar) * self.noisy(bar).score(x[:, 0])[:, None]  # Eq. tweedie

        return noise

    def _parts(self, x: Tensor) -> Tensor:
        z = (x[:, None] - self.means) / self.deviations
        return self.weights * torch.exp(-0.5 * z**2) / (self.deviations * math.sqrt(2 * math.pi))


def densities(mixture: Mixture, schedule: NoiseSchedule, steps: Sequence[int], points: int = 161) -> pd.DataFrame:
    """Densities on the way to noise: columns ``x, density, step``; step 0 is the data."""
    x = torch.linspace(-3, 3, points, dtype=torch.float64)
    frames = []
    for step in steps:
        bar = 1.0 if step == 0 else float(schedule.alpha_bars[step - 1])
        frames.append(pd.DataFrame({"x": x, "density": mixture.noisy(bar).density(x), "step": f"t = {step}"}))
    return pd.concat(frames, ignore_index=True)


def ddim_step(schedule: NoiseSchedule, x_t: Tensor, t: int, noise: Tensor) -> Tensor:
    """``x_{t-1}`` from ``x_t`` without fresh noise (Song et al. 2021, Eq. 12 with sigma 0)."""
    before = at(schedule.previous_alpha_bars, t, x_t)
    return before.sqrt() * schedule.clean(x_t, t, noise) + (1 - before).sqrt() * noise  # Eq. ddim


def walk_back(
    noise: Denoiser, schedule: NoiseSchedule, start: Tensor, sampler: str, generator: torch.Generator
) -> list[Tensor]:
    """From noise to points.

    Args:
        noise: the denoiser; it is told the levels of the schedule.
        schedule: full or respaced.
        start: standard normal, ``(n, d)``.
        sampler: one of `SAMPLERS`; ``"as printed"`` takes Equation 3 of DDPM-MoCo to the letter.
        generator: of the fresh noise.

    Returns:
        ``x_T`` to ``x_0``, each ``(n, d)``.

    Raises:
        ValueError: if the sampler is not known.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {sampler!r}")
    path = [start]
    for t in reversed(range(len(schedule))):
        x = path[-1]
        told = noise(x, schedule.levels[t].repeat(len(x)))
        fresh = torch.randn(x.shape, generator=generator, dtype=x.dtype) if sampler != "ddim" else torch.zeros_like(x)
        if sampler == "ancestral":
            path.append(reverse_step(schedule, x, t, told, fresh))
        elif sampler == "ddim":
            path.append(ddim_step(schedule, x, t, told))
        else:
            sigma = fresh * schedule.betas[t].sqrt() if t else 0.0
            path.append(reverse_step_as_printed(schedule, x, t, told, sigma))
    return path


def by_steps(
    mixture: Mixture, schedule: NoiseSchedule, steps: Sequence[int], n: int, seed: int, repeats: int = 6
) -> pd.DataFrame:
    """How far samples with the best denoiser lie from the data, by sampler and number of steps.

    Args:
        mixture: the data.
        schedule: of the noise; each number of steps divides its length.
        steps: numbers of steps.
        n: samples.
        seed: of the samples.
        repeats: independent draws of data and samples; near the floor a single one orders the samplers by chance.

    Returns:
        Columns ``steps, sampler, distance, low, high``: Wasserstein, in units of x, the mean of the draws, the least
        and the largest. ``two draws of the data`` is what a perfect sampler reaches.
    """
    generator = torch.Generator().manual_seed(seed)
    rows: list[tuple[int, str, float]] = []
    for _ in range(repeats):
        data, other = mixture.draw(n, generator).numpy(), mixture.draw(n, generator).numpy()
        floor = wasserstein_distance(data, other)
        for count in steps:
            short = schedule.respaced(count)
            for sampler in ("ancestral", "ddim"):
                start = torch.randn(n, 1, generator=generator, dtype=torch.float64)
                made = walk_back(mixture.best_noise(schedule), short, start, sampler, generator)[-1][:, 0]
                rows.append((count, sampler, wasserstein_distance(made.numpy(), data)))
            rows.append((count, "two draws of the data", floor))
    drawn = pd.DataFrame(rows, columns=["steps", "sampler", "distance"])
    return (
        drawn.groupby(["steps", "sampler"], sort=False)["distance"]
        .agg(distance="mean", low="min", high="max")
        .reset_index()
    )


def sampled(mixture: Mixture, schedule: NoiseSchedule, samplers: Sequence[str], n: int, seed: int) -> pd.DataFrame:
    """Histograms of samples with the best denoiser: columns ``x, density, sampler``, the true density last."""
    edges = np.linspace(-3, 3, 61)
    middle = (edges[:-1] + edges[1:]) / 2
    frames = []
    for sampler in samplers:
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(n, 1, generator=generator, dtype=torch.float64)
        made = walk_back(mixture.best_noise(schedule), schedule, start, sampler, generator)[-1][:, 0].numpy()
        share = np.histogram(np.clip(made, -3, 3), edges)[0] / len(made) / np.diff(edges)
        frames.append(pd.DataFrame({"x": middle, "density": share, "sampler": sampler}))
    true = mixture.density(torch.from_numpy(middle)).numpy()
    frames.append(pd.DataFrame({"x": middle, "density": true, "sampler": "true density"}))
    return pd.concat(frames, ignore_index=True)


def crack_points(n: int, seed: int) -> Tensor:
    """Points along a branching crack in a square of side about 2: float32 ``(n, 2)``, something to learn."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(-1, 1, n)
    trunk = np.stack([u, 0.35 * np.sin(4 * u)], axis=1)
    branch = np.stack([0.2 + 0.6 * np.abs(u), 0.25 + 0.9 * np.abs(u) - 0.1], axis=1)
    points = np.where(rng.random(n)[:, None] < 0.7, trunk, branch)
    return torch.from_numpy(points + 0.02 * rng.standard_normal((n, 2))).float()


class PointDenoiser(nn.Module):
    """A small network that tells the noise of points in the plane.

    Args:
        timesteps: levels that it can be told.
        width: of its layers.
    """

    clock: Tensor
    waves: Tensor

    def __init__(self, timesteps: int, width: int = 128) -> None:
        super().__init__()
        angles = torch.arange(timesteps)[:, None] / timesteps * (2.0 ** torch.arange(8)) * math.pi
        self.register_buffer("clock", torch.cat([angles.sin(), angles.cos()], dim=1))
        self.register_buffer("waves", 2.0 ** torch.arange(4) * math.pi / 2)  # fine structure is hard to learn without
        layers: list[nn.Module] = [nn.Linear(2 + 16 + 16, width), nn.SiLU()]
        layers += [nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Linear(width, 2))

    def forward(self, x: Tensor, levels: Tensor) -> Tensor:
        """Noise ``(n, 2)`` of points ``(n, 2)`` at levels int64 ``(n,)``."""
        phases = (x[:, :, None] * self.waves).flatten(1)
        return self.body(torch.cat([x, phases.sin(), phases.cos(), self.clock[levels]], dim=1))


def train_points(
    points: Tensor, schedule: NoiseSchedule, steps: int, seed: int, batch_size: int = 256, lr: float = 2e-3
) -> tuple[PointDenoiser, pd.DataFrame]:
    """Trains a `PointDenoiser` with the simple loss.

    Args:
        points: ``(n, 2)``.
        schedule: of the noise.
        steps: of the optimiser.
        seed: of weights, points, levels and noise.
        batch_size: points a step.
        lr: at the first step; it falls to 0 on a cosine.

    Returns:
        The network, and its loss: columns ``step, loss``, means of at most 50 stretches.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PointDenoiser(len(schedule))
    optimiser = torch.optim.Adam(network.parameters(), lr=lr)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses = []
    for _ in range(steps):
        x0 = points[torch.randint(len(points), (batch_size,), generator=generator)]
        t = torch.randint(len(schedule), (batch_size,), generator=generator)
        noise = torch.randn(x0.shape, generator=generator)
        loss = (network(schedule.noisy(x0, t, noise), t) - noise).square().mean()  # Eq. simple
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
        losses.append(loss.item())
    stretches = np.array_split(np.array(losses), min(50, steps))
    ends = np.cumsum([len(stretch) for stretch in stretches])
    return network.eval(), pd.DataFrame({"step": ends, "loss": [stretch.mean() for stretch in stretches]})


def way_back(network: PointDenoiser, schedule: NoiseSchedule, n: int, seed: int, shown: Sequence[int]) -> pd.DataFrame:
    """Points on their way from noise: columns ``x, y, step``; step 0 is the result."""
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        path = walk_back(network, schedule, torch.randn(n, 2, generator=generator), "ancestral", generator)
    frames = []
    for step in shown:
        x, y = path[len(schedule) - step].T
        frames.append(pd.DataFrame({"x": x, "y": y, "step": step}))
    return pd.concat(frames, ignore_index=True)


def cloud(points: Tensor, name: str) -> pd.DataFrame:
    """Points ``(n, 2)`` as a frame: columns ``x, y, step``."""
    return pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "step": name})
