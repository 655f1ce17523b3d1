"""The way back from noise: the right step, and what Equation 3 of DDPM-MoCo computes as it is printed.

The paper prints ``abar_t`` where Ho et al. 2020 (Eq. 11) have ``a_t``, and ``sqrt(1 - abar_t)`` where they have
``(1 - a_t) / sqrt(1 - abar_t)``. With bars throughout, Eq. 3 is Eq. 2 solved for ``x_0``: a jump to the estimate of
the clean image with noise on top, not a step to ``t - 1``.
"""

from __future__ import annotations

from torch import Tensor

from defectlab.choices import unknown_choice
from defectlab.synthesis.diffusion.schedule import NoiseSchedule, at
from defectlab.synthesis.diffusion.settings import VARIANCES


def reverse_step(
    schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, noise: Tensor, z: Tensor, variance: str = "small"
) -> Tensor:
    """``x_{t-1}`` from ``x_t``: the step that Eq. 3 should have printed (Ho et al. 2020, algorithm 2).

    Args:
        schedule: of the noise.
        x_t: ``(n, c, h, w)``.
        t: one step, or one an image ``(n,)``.
        noise: what the network says that ``x_t`` holds.
        z: standard normal; of no effect at the first step, which ends in the mean.
        variance: ``"small"`` or ``"large"``, see `step_variance`.
    """
    a, bar = at(schedule.alphas, t, x_t), at(schedule.alpha_bars, t, x_t)
    mean = (x_t - (1 - a) / (1 - bar).sqrt() * noise) / a.sqrt()  # DDPM-MoCo Eq. 3, mended
    return mean + at(step_variance(schedule, variance), t, x_t).sqrt() * z


def reverse_step_as_printed(
    schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, noise: Tensor, sigma: Tensor | float
) -> Tensor:
    """Equation 3 to the letter, to show what it computes; no sampler uses it.

    Without ``sigma`` this is the estimate of ``x_0``, whatever ``t``; the paper prints ``sigma_t ~ N(0, 1)``, a scale
    and a sample in one.

    Args:
        schedule: as in `reverse_step`.
        x_t: as in `reverse_step`.
        t: as in `reverse_step`.
        noise: as in `reverse_step`.
        sigma: the added noise.
    """
    bar = at(schedule.alpha_bars, t, x_t)
    return x_t / bar.sqrt() - (1 - bar).sqrt() / bar.sqrt() * noise + sigma  # DDPM-MoCo Eq. 3 as printed


def posterior_mean(schedule: NoiseSchedule, x0: Tensor, x_t: Tensor, t: Tensor | int) -> Tensor:
    """Mean of ``x_{t-1}`` given ``x_t`` and ``x_0`` (Ho et al. 2020, Eq. 7).

    The mean of `reverse_step` is this at ``x_0 = schedule.clean(x_t, t, noise)``; a sampler that first brings the
    estimate of ``x_0`` back into the range of images uses this form.
    """
    beta, a = at(schedule.betas, t, x_t), at(schedule.alphas, t, x_t)
    bar, before = at(schedule.alpha_bars, t, x_t), at(schedule.previous_alpha_bars, t, x_t)
    return before.sqrt() * beta / (1 - bar) * x0 + a.sqrt() * (1 - before) / (1 - bar) * x_t


def posterior_variance(schedule: NoiseSchedule) -> Tensor:
    """Variance of ``x_{t-1}`` given ``x_t`` and ``x_0``, float64 ``(T,)``, 0 at the first step."""
    return (1 - schedule.previous_alpha_bars) / (1 - schedule.alpha_bars) * schedule.betas


def step_variance(schedule: NoiseSchedule, variance: str = "small") -> Tensor:
    """Variance of the noise of a reverse step, float64 ``(T,)``; none at the first step, which ends in the image.

    Args:
        schedule: of the noise.
        variance: ``"small"`` is the posterior's, right for a single image as data; ``"large"`` is beta, right for
            white noise as data (Ho et al. 2020, section 3.2).

    Raises:
        ValueError: if the variance is neither.
    """
    if variance not in VARIANCES:
        raise unknown_choice("variance", variance, VARIANCES)
    if variance == "small":
        return posterior_variance(schedule)
    large = schedule.betas.clone()
    large[0] = 0
    return large
