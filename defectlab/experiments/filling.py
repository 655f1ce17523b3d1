"""Filling in what is missing: exactly, in a plane and on a line, and with the small model that ships."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from defectlab.data import load_dataset
from defectlab.experiments.toy_diffusion import Mixture
from defectlab.synthesis.diffusion.posterior import reverse_step
from defectlab.synthesis.diffusion.schedule import NoiseSchedule
from defectlab.synthesis.lines import LineMasks
from defectlab.synthesis.masks import mask_source
from defectlab.synthesis.pocket.pipeline import PocketPipeline

SCHEDULE = NoiseSchedule.linear(100, end=0.2)


def fill_by_replacement(correlation: float, known: float, resamplings: int, n: int, seed: int) -> Tensor:
    """Draws the second of two correlated normal numbers when the first is known, by replacement at each step.

    The reverse steps are exact, those of the joint density; nothing is learned.

    Args:
        correlation: of the two numbers, each of mean 0 and variance 1.
        known: value of the first.
        resamplings: times that each step is taken; from the second on, after a step back into noise.
        n: draws.
        seed: of the noise.

    Returns:
        float64 ``(n,)``; exactly, they would have mean ``correlation * known`` and variance ``1 - correlation**2``.

    Source: Lugmayr et al. 2022 (RePaint), algorithm 1.
    """
    generator = torch.Generator().manual_seed(seed)
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)

    def normal() -> Tensor:
        return torch.randn(n, 2, generator=generator, dtype=torch.float64)

    x = normal()
    for t in reversed(range(len(SCHEDULE))):
        bar = float(SCHEDULE.alpha_bars[t])
        pull, spread = exact_step(covariance, t)
        for again in reversed(range(resamplings)):
            x[:, 0] = math.sqrt(bar) * known + math.sqrt(1 - bar) * normal()[:, 0]  # Eq. replace
            x = x @ pull.T + normal() @ spread.T
            if again:
                x = SCHEDULE.step_forward(x, t, normal())  # back into noise, and once more
    return x[:, 1]


def exact_step(covariance: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """The step from ``x_t`` to ``x_{t-1}`` for normal data of mean 0.

    Args:
        covariance: of the data, ``(d, d)``.
        t: step, from 0.

    Returns:
        The matrix that takes ``x_t`` to the mean of ``x_{t-1}``, and a root of its covariance.
    """
    one = torch.eye(len(covariance), dtype=torch.float64)
    a, before = float(SCHEDULE.alphas[t]), float(SCHEDULE.previous_alpha_bars[t])
    noisy = before * covariance + (1 - before) * one
    left = torch.linalg.inv(torch.linalg.inv(noisy) + a / (1 - a) * one)  # Eq. exact
    return math.sqrt(a) / (1 - a) * left, torch.linalg.cholesky(left)


def by_resamplings(correlation: float, known: float, counts: Sequence[int], n: int, seed: int) -> pd.DataFrame:
    """What `fill_by_replacement` gives by number of resamplings: columns ``resamplings, mean, deviation``."""
    rows: list[tuple[Any, ...]] = []
    for count in counts:
        drawn = fill_by_replacement(correlation, known, count, n, seed)
        rows.append((count, float(drawn.mean()), float(drawn.std())))
    return pd.DataFrame(rows, columns=["resamplings", "mean", "deviation"])


def guided(weight: float, n: int, seed: int) -> Tensor:
    """Draws from the left of the two bumps of `Mixture.two_bumps`, asked for with a weight.

    Args:
        weight: of the class; 1 is the class itself, 0 the whole mixture.
        n: draws.
        seed: of the noise.

    Returns:
        float64 ``(n,)``.
    """
    whole = Mixture.two_bumps()
    left = Mixture(torch.ones(1, dtype=torch.float64), whole.means[:1], whole.deviations[:1])
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    denoise = whole.best_noise(SCHEDULE), left.best_noise(SCHEDULE)
    for t in reversed(range(len(SCHEDULE))):
        untold, told = (noise(x, SCHEDULE.levels[t].repeat(n)) for noise in denoise)
        noise = untold + weight * (told - untold)  # Eq. guidance
        x = reverse_step(SCHEDULE, x, t, noise, torch.randn(n, 1, generator=generator, dtype=torch.float64))
    return x[:, 0]


def by_weight(weights: Sequence[float], n: int, seed: int) -> pd.DataFrame:
    """Histograms of `guided`: columns ``x, density, weight``."""
    edges = np.linspace(-2.2, 1.6, 77)
    frames = []
    for weight in weights:
        share = np.histogram(guided(weight, n, seed).clamp(-2.2, 1.6).numpy(), edges)[0] / n / np.diff(edges)
        frames.append(pd.DataFrame({"x": (edges[:-1] + edges[1:]) / 2, "density": share, "weight": f"w = {weight:g}"}))
    return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True)
class Easel:
    """A normal image and a region, ready to be painted on.

    Attributes:
        pipeline: the model.
        pixels: uint8 ``(H, W, 3)``.
        mask: bool ``(H, W)``.
        seed: of the first draw; the others have the following.
    """

    pipeline: PocketPipeline
    pixels: np.ndarray
    mask: np.ndarray
    seed: int

    @classmethod
    def set_up(cls, model: str, mask: str, seed: int, size: tuple[int, int] = (192, 96)) -> Easel:
        """A surface that no model was trained on, and a region from a source of masks.

        Args:
            model: folder of a model of `pocket`, empty for the one that ships.
            mask: ``"lines"``, ``"blobs"``, ``"perlin"`` or a mask image.
            seed: of surface and region.
            size: ``(height, width)`` in pixels.

        Raises:
            ValueError: if there is no such source of masks.
        """
        normal = load_dataset("surfaces", "test", size=size, scale=0.01, seed=seed)[0].image
        pixels = (normal * 255).round().byte().permute(1, 2, 0).numpy()
        source = LineMasks(length=(0.7, 0.8), margin=(0.06, 0.08)) if mask == "lines" else mask_source(mask)
        region = source.draw(np.random.default_rng((seed, 1)), *size)[0]
        return cls(PocketPipeline.from_pretrained(model or None), pixels, region, seed)

    def paint(self, prompt: str, n: int, **options: Any) -> list[np.ndarray]:
        """``n`` draws of a described defect, uint8 ``(H, W, 3)``; draw ``i`` has one noise whatever the options."""
        region = Image.fromarray(self.mask.astype(np.uint8) * 255)
        generators = [torch.Generator().manual_seed(self.seed * 1000 + i) for i in range(n)]
        pictures, regions = [Image.fromarray(self.pixels)] * n, [region] * n
        return self.pipeline(prompt, pictures, regions, generator=generators, output_type="np", **options).images

    def change(self, painted: np.ndarray) -> tuple[float, float]:
        """Mean change inside the mask and largest change outside it, in grey levels."""
        moved = np.abs(painted.astype(float) - self.pixels).mean(-1)
        return float(moved[self.mask].mean()), float(moved[~self.mask].max(initial=0.0))


def sweep(easel: Easel, prompt: str, name: str, values: Sequence[float], n: int, **fixed: Any) -> pd.DataFrame:
    """Paints one prompt at several values of a setting.

    Args:
        easel: image, region and model.
        prompt: what is painted.
        name: of the setting, such as ``"guidance_scale"``.
        values: of the setting.
        n: draws a value.
        fixed: other settings.

    Returns:
        Columns ``value, inside, outside`` (change in grey levels, means over the draws) and ``image``, the first draw.
    """
    rows: list[tuple[Any, ...]] = []
    for value in values:
        painted = easel.paint(prompt, n, **{**fixed, name: value})
        inside, outside = np.mean([easel.change(image) for image in painted], axis=0)
        rows.append((value, inside, outside, painted[0]))
    return pd.DataFrame(rows, columns=["value", "inside", "outside", "image"])


def strokes_left(widths: Sequence[int], cell: int, n: int, seed: int) -> pd.DataFrame:
    """What is left of a drawn stroke when its mask is sampled once a latent.

    Args:
        widths: of the strokes, in pixels.
        cell: pixels a latent covers, along each side.
        n: strokes of random place and direction a width.
        seed: of the strokes.

    Returns:
        Columns ``width, share, kind``: share of the stroke's latents that nearest-neighbour sampling keeps, and that
        the area maximum keeps (always one).
    """
    rng = np.random.default_rng(seed)
    side = 32 * cell
    rows: list[tuple[Any, ...]] = []
    for width in widths:
        kept = []
        for _ in range(n):
            ends = rng.uniform(0.1 * side, 0.9 * side, (2, 2)).astype(int)
            canvas = np.zeros((side, side), np.uint8)
            cv2.line(canvas, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 1, width)
            touched = canvas.reshape(32, cell, 32, cell).max((1, 3)) > 0
            kept.append((canvas[cell // 2 :: cell, cell // 2 :: cell] > 0).sum() / max(touched.sum(), 1))
        rows += [(width, float(np.mean(kept)), "nearest"), (width, 1.0, "area maximum")]
    return pd.DataFrame(rows, columns=["width", "share", "kind"])
