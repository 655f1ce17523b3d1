"""The reverse process with extra variance: a model of normal images gives images that are abnormal all over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from defectlab.synthesis.diffusion.draws import generator_of
from defectlab.synthesis.diffusion.model import DiffusionModel
from defectlab.synthesis.diffusion.posterior import posterior_mean, step_variance
from defectlab.synthesis.diffusion.sampling import noise_of
from defectlab.synthesis.diffusion.schedule import NoiseSchedule, at
from defectlab.synthesis.diffusion.settings import SamplingSettings
from defectlab.synthesis.perturbed.settings import PerturbedSettings


def abnormal_images(
    model: DiffusionModel,
    indices: Sequence[int],
    seed: int,
    strengths: Sequence[float],
    settings: PerturbedSettings,
    name: str | None = None,
) -> np.ndarray:
    """Globally abnormal images P of one category; at strength 0, normal ones.

    Image ``i`` draws all its noise from a generator of its own, seeded with ``(seed, i)``, so that one image at
    several strengths is one image more and more disturbed.

    Args:
        model: of normal images, on the device to compute on.
        indices: numbers of the images, at most ``settings.batch_size`` of them.
        seed: of the set.
        strengths: s of each.
        settings: how.
        name: category; may be left out where the model knows one.

    Returns:
        uint8 ``(n, size, size, 3)``. A short batch is filled up to ``batch_size`` and cut again, so that what an
        image becomes does not depend on how many are left to make.

    Raises:
        ValueError: if there are too many indices, the category is not known, or the steps do not divide T.
    """
    if not 1 <= len(indices) <= settings.batch_size or len(strengths) != len(indices):
        raise ValueError(
            f"expected 1 to batch_size {settings.batch_size} indices and a strength for each, got {len(indices)} and "
            f"{len(strengths)}"
        )
    missing = settings.batch_size - len(indices)
    generators = [generator_of(seed, i) for i in (*indices, *[indices[-1]] * missing)]
    s = torch.tensor([*strengths, *[strengths[-1]] * missing], dtype=torch.float64)
    with torch.inference_mode():
        images = reverse(model, generators, s, settings, name)
    levels = (images.clamp(-1, 1) + 1) * 127.5  # [-1, 1] to 0..255
    return levels[: len(indices)].round().byte().permute(0, 2, 3, 1).cpu().numpy()


def reverse(
    model: DiffusionModel,
    generators: list[torch.Generator],
    strengths: Tensor,
    settings: PerturbedSettings,
    name: str | None = None,
) -> Tensor:
    """The whole way from noise to image, in [-1, 1], shape ``(n, 3, size, size)``.

    Each estimate of the image is brought into [-1, 1] first, as in the undisturbed sampler; the last step ends in it
    and adds no noise.

    Args:
        model: as in `abnormal_images`.
        generators: one an image, on the processor whatever the device.
        strengths: float64 ``(n,)``.
        settings: as there.
        name: as there.
    """
    side = model.settings.size
    device = next(model.network.parameters()).device

    def normal() -> Tensor:
        return torch.stack([torch.randn((3, side, side), generator=g) for g in generators]).to(device)

    noise = noise_of(model, len(generators), SamplingSettings(), name)
    schedule = model.schedule.respaced(SamplingSettings(steps=settings.steps).calls(len(model.schedule)))
    x = normal()
    for t in reversed(range(len(schedule))):
        level = torch.full((len(x),), int(schedule.levels[t]), device=device)
        x0 = schedule.clean(x, t, noise(x, level)).clamp(-1, 1)
        x = step_mean(schedule, x0, x, t, settings.sampler)
        if t:
            spread = step_deviation(schedule, t, strengths, settings).to(device, x.dtype)
            x = x + spread.view(-1, 1, 1, 1) * normal()
    return x


def step_mean(schedule: NoiseSchedule, x0: Tensor, x_t: Tensor, t: int, sampler: str) -> Tensor:
    """``x_{t-1}`` before any noise: the posterior's mean (mu of Eq. 2), or DDIM's step (Song et al. 2021, Eq. 12).

    Args:
        schedule: of the noise.
        x0: estimate of the image, ``(n, c, h, w)``.
        x_t: where the process is, likewise.
        t: the step, from 0.
        sampler: ``"ddpm"`` or ``"ddim"``.
    """
    if sampler == "ddpm":
        return posterior_mean(schedule, x0, x_t, t)
    bar, before = at(schedule.alpha_bars, t, x_t), at(schedule.previous_alpha_bars, t, x_t)
    direction = (x_t - bar.sqrt() * x0) / (1 - bar).sqrt()
    return before.sqrt() * x0 + (1 - before).sqrt() * direction


def step_deviation(schedule: NoiseSchedule, t: int, strengths: Tensor, settings: PerturbedSettings) -> Tensor:
    """Deviation of the noise that step ``t`` adds, float64 ``(n,)``.

    ``sqrt(1 + s) sigma_t`` in ancestral sampling and ``sqrt(s) sigma_t`` in DDIM, whose own steps add none; with
    ``extra="constant"``, ``sqrt(sigma_t^2 + s)`` and ``sqrt(s)``.

    Args:
        schedule: of the noise.
        t: the step, from 1.
        strengths: s of each image, float64 ``(n,)``.
        settings: sampler, variance and the way of the extra.
    """
    variance = step_variance(schedule, settings.variance)[t]
    extra = strengths * variance if settings.extra == "proportional" else strengths  # "constant-variance perturbation"
    return (extra + (variance if settings.sampler == "ddpm" else 0)).sqrt()
