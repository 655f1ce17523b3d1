"""Images from a `DiffusionModel`: ancestral sampling (the paper), DDIM and DPM-Solver++ over the same network.

Image ``i`` draws all its noise, first and later, from a generator of its own, seeded with ``(seed, i)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from defectlab.synthesis.diffusion.draws import generator_of
from defectlab.synthesis.diffusion.model import DiffusionModel
from defectlab.synthesis.diffusion.posterior import posterior_mean, step_variance
from defectlab.synthesis.diffusion.settings import SamplingSettings

Noise = Callable[[Tensor, Tensor], Tensor]
"""Tells the noise of images ``(n, 3, h, w)`` at levels int64 ``(n,)``."""
Generators = list[torch.Generator]


def sample(
    model: DiffusionModel, indices: Sequence[int], seed: int, sampling: SamplingSettings, name: str | None = None
) -> np.ndarray:
    """Draws images of one class.

    Args:
        model: on the device to compute on.
        indices: numbers of the images, at most ``sampling.batch_size`` of them.
        seed: of the set.
        sampling: how.
        name: class; may be left out where the model draws one.

    Returns:
        uint8 ``(n, h, w, 3)``. A short batch is filled up to ``batch_size`` and cut again, so that what an image
        becomes does not depend on how many are left to make.

    Raises:
        ValueError: if the class is not known or not said, if there are too many indices, or if the steps do not
            divide the levels.
    """
    if not 1 <= len(indices) <= sampling.batch_size:
        raise ValueError(f"indices: expected 1 to batch_size {sampling.batch_size}, got {len(indices)}")
    filled = [*indices, *[indices[-1]] * (sampling.batch_size - len(indices))]
    generators = [generator_of(seed, i) for i in filled]
    start = _normal(generators, model)
    noise = noise_of(model, len(filled), sampling, name)
    with torch.inference_mode():
        images = _WAYS[sampling.sampler](model, noise, start, generators, sampling)
    levels = (images.clamp(-1, 1) + 1) * 127.5  # [-1, 1] to 0..255
    return levels[: len(indices)].round().byte().permute(0, 2, 3, 1).cpu().numpy()


def noise_of(model: DiffusionModel, n: int, sampling: SamplingSettings, name: str | None = None) -> Noise:
    """The network as a function of image and level alone: class and guidance are in it.

    On a GPU it computes in the precision that it was trained in.

    Args:
        model: on the device to compute on.
        n: images at a time.
        sampling: of which the guidance counts here.
        name: class; may be left out where the model draws one.

    Raises:
        ValueError: if the class is not known or not said, or if guidance is asked of a model that is told no class.
    """
    if name is None and model.conditional:
        raise ValueError(f"class: this model draws {', '.join(model.classes)}; say which")
    place = model.place(model.classes[0] if name is None else name)
    if sampling.guidance > 1 and not model.conditional:
        raise ValueError(f"guidance: {sampling.guidance} needs a class-conditional model; this one draws one class")
    device = next(model.network.parameters()).device
    told = torch.full((n,), place, device=device) if model.conditional else None
    half = model.settings.precision != "no" and device.type == "cuda"
    dtype = torch.float16 if model.settings.precision == "fp16" else torch.bfloat16

    def noise(x_t: Tensor, levels: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype, enabled=half):
            if told is not None and sampling.guidance > 1:
                return model.network.guided(x_t, levels, told, sampling.guidance)
            return model.network(x_t, levels, told)

    return noise


def ancestral(
    model: DiffusionModel, noise: Noise, x: Tensor, generators: Generators, sampling: SamplingSettings
) -> Tensor:
    """The paper's sampler (Ho et al. 2020, algorithm 2), each estimate of the image brought into [-1, 1] first.

    With fewer steps than levels it walks the respaced process.
    """
    schedule = model.schedule.respaced(sampling.calls(len(model.schedule)))
    spread = step_variance(schedule, sampling.variance).sqrt()
    for t in reversed(range(len(schedule))):
        level = torch.full((len(x),), int(schedule.levels[t]), device=x.device)
        x0 = schedule.clean(x, t, noise(x, level)).clamp(-1, 1)
        x = posterior_mean(schedule, x0, x, t)  # DDPM-MoCo Eq. 3, mended
        if t:
            x = x + float(spread[t]) * _normal(generators, model)
    return x


def ddim(model: DiffusionModel, noise: Noise, x: Tensor, generators: Generators, sampling: SamplingSettings) -> Tensor:
    """DDIM (Song et al. 2021), each estimate of the image brought into [-1, 1]."""
    scheduler = DDIMScheduler(**_process(model), clip_sample=True, timestep_spacing="trailing")
    more = {"eta": sampling.eta, "generator": generators, "use_clipped_model_output": True}
    return _walk(scheduler, noise, x, sampling.calls(len(model.schedule)), more)


def dpm_solver(
    model: DiffusionModel, noise: Noise, x: Tensor, generators: Generators, sampling: SamplingSettings
) -> Tensor:
    """DPM-Solver++ of second order, multistep (Lu et al. 2022); it draws no noise on the way.

    Its steps are even in the logarithm of signal to noise, as its authors have them in pixels. Even in ``t``, as
    DDIM's are, the last of few steps starts from so much noise that it takes fine texture for noise: of Gaussian
    data with a spread of 0.15, 20 steps of 1000 leave 0.10 that way and 0.15 this way.
    """
    inside = {"thresholding": True, "sample_max_value": 1.0}  # each estimate of the image is cut to [-1, 1]
    scheduler = DPMSolverMultistepScheduler(**_process(model), use_lu_lambdas=True, solver_order=2, **inside)
    return _walk(scheduler, noise, x, sampling.calls(len(model.schedule)), {})


_WAYS = {"ddpm": ancestral, "ddim": ddim, "dpm_solver": dpm_solver}


def _walk(scheduler: Any, noise: Noise, x: Tensor, steps: int, more: dict[str, Any]) -> Tensor:
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        level = torch.full((len(x),), int(t), device=x.device)
        x = scheduler.step(noise(x, level), t, x, **more).prev_sample
    return x


def _process(model: DiffusionModel) -> dict[str, Any]:
    return {
        "num_train_timesteps": len(model.schedule),
        "trained_betas": model.schedule.betas.float().numpy(),
        "prediction_type": "epsilon",
    }


def _normal(generators: Generators, model: DiffusionModel) -> Tensor:
    """Standard normal images, each from its own generator on the processor, whatever the device."""
    shape = (3, model.settings.size, model.settings.size)
    drawn = torch.stack([torch.randn(shape, generator=g) for g in generators])
    return drawn.to(next(model.network.parameters()).device)
