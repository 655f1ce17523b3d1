"""Loss of one image: error of the prediction, by noise level and by its part in prior preservation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from defectlab.synthesis.dreambooth.settings import DreamBoothSettings
from defectlab.synthesis.dreambooth.text import encode_prompts


def noise_schedule(pipeline: Any) -> Any:
    """The forward process that the model was trained with: betas and prediction type of the pipeline's scheduler.

    Raises:
        ValueError: if the scheduler predicts something else than noise, velocity or the image.
    """
    from diffusers import DDPMScheduler

    schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
    kind = schedule.config.prediction_type
    if kind not in ("epsilon", "v_prediction", "sample"):
        raise ValueError(f"prediction_type of the scheduler: expected epsilon, v_prediction or sample, found {kind!r}")
    return schedule


def target_of(schedule: Any, latents: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
    """What the network is to predict."""
    kind = schedule.config.prediction_type
    if kind == "v_prediction":
        return schedule.get_velocity(latents, noise, steps)  # Salimans and Ho 2022, Eq. 11
    return noise if kind == "epsilon" else latents


def signal_to_noise(schedule: Any, steps: Tensor) -> Tensor:
    """SNR of some steps, ``alpha_bar / (1 - alpha_bar)``."""
    kept = schedule.alphas_cumprod.to(steps.device, torch.float32)[steps]
    return kept / (1 - kept)


def min_snr_weights(snr: Tensor, gamma: float | None, prediction_type: str) -> Tensor:
    """Weights of the squared error, Hang et al. 2023: ``min(SNR, gamma)`` in units of the error of the image.

    The error of the noise is SNR times that of the image (section 3.4), that of the velocity SNR + 1 times.

    Args:
        snr: shape ``(n,)``, at least 0 (0 at the end of a schedule of zero terminal SNR).
        gamma: cap, or ``None`` for weights of 1.
        prediction_type: ``epsilon``, ``v_prediction`` or ``sample``.
    """
    if gamma is None:
        return torch.ones_like(snr)
    if prediction_type == "epsilon":
        return (gamma / snr).clamp(max=1)  # min(SNR, gamma) / SNR, and 1 where SNR is 0
    capped = snr.clamp(max=gamma)
    return capped / (snr + 1) if prediction_type == "v_prediction" else capped


class Learner(nn.Module):
    """UNet and text encoder as one module that gives the loss, so that one wrapper shares it among processes.

    Args:
        pipeline: with adapters in place.
        settings: min-SNR and the layer of the text encoder.
    """

    def __init__(self, pipeline: Any, settings: DreamBoothSettings) -> None:
        super().__init__()
        self.unet, self.text_encoder = pipeline.unet, pipeline.text_encoder
        self.settings = settings
        self.schedule = noise_schedule(pipeline)
        self._pipeline = pipeline

    def forward(self, latents: Tensor, noise: Tensor, steps: Tensor, prompts: Sequence[str]) -> Tensor:
        """Loss of each image, without the weight of its subset.

        ``|target - prediction|^2`` averaged over the latents, times the min-SNR weight.

        Args:
            latents: float32, shape ``(n, C, h, w)``, scaled as the UNet expects.
            noise: standard normal, of that shape.
            steps: of the noise schedule, int64, shape ``(n,)``.
            prompts: one an image.

        Returns:
            float32, shape ``(n,)``.
        """
        noisy = self.schedule.add_noise(latents, noise, steps)
        text = encode_prompts(self._pipeline, prompts, self.settings.clip_skip)
        kind = self.unet.dtype
        predicted = self.unet(noisy.to(kind), steps, encoder_hidden_states=text.to(kind)).sample.float()
        errors = (predicted - target_of(self.schedule, latents, noise, steps)).square().flatten(1).mean(1)
        snr = signal_to_noise(self.schedule, steps)
        return errors * min_snr_weights(snr, self.settings.min_snr_gamma, self.schedule.config.prediction_type)


def weighted_mean(losses: Tensor, weights: Tensor, count: int) -> Tensor:
    """``sum(weight * loss) / count``: weight 1 for instances, lambda for the regularisation subset.

    Over an epoch, where both subsets are as large, it is half of ``E[instance] + lambda E[prior]`` (Ruiz et al. 2023,
    Eq. 2), as in the kohya trainer.

    Args:
        losses: of the images of this process, shape ``(n,)``.
        weights: of the same images.
        count: images of the batch in all processes.
    """
    return (losses * weights).sum() / count
