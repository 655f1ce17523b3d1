from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from diffusers.training_utils import compute_snr
from tiny_sd import build_tiny_sd

from defectlab.synthesis.dreambooth import DreamBoothSettings
from defectlab.synthesis.dreambooth.objective import (
    Learner,
    min_snr_weights,
    noise_schedule,
    signal_to_noise,
    target_of,
    weighted_mean,
)

SNR = torch.tensor([0.0, 0.5, 5.0, 20.0])


def test_min_snr_weights_of_the_noise_by_hand():
    assert min_snr_weights(SNR, 5.0, "epsilon").tolist() == [1.0, 1.0, 1.0, 0.25]


def test_min_snr_weights_of_the_velocity_by_hand():
    expected = [0.0, 0.5 / 1.5, 5 / 6, 5 / 21]
    assert min_snr_weights(SNR, 5.0, "v_prediction").tolist() == pytest.approx(expected)


def test_min_snr_weights_of_the_image_by_hand():
    assert min_snr_weights(SNR, 5.0, "sample").tolist() == [0.0, 0.5, 5.0, 5.0]


def test_without_gamma_all_noise_levels_weigh_the_same():
    assert min_snr_weights(SNR, None, "v_prediction").tolist() == [1.0] * 4


def test_one_error_weighs_the_same_whatever_is_predicted(built):
    """The three forms are one loss: the error of the image times min(SNR, gamma)."""
    schedule = noise_schedule(built)
    steps = torch.tensor([10, 400, 900])
    snr = signal_to_noise(schedule, steps)
    alpha = schedule.alphas_cumprod[steps]
    image_error = torch.tensor([0.3, 0.2, 0.1])
    noise_error = image_error * alpha.sqrt() / (1 - alpha).sqrt()  # x_t is given: one error fixes the other
    velocity_error = alpha.sqrt() * noise_error + (1 - alpha).sqrt() * image_error
    expected = min_snr_weights(snr, 5.0, "sample") * image_error**2
    assert torch.allclose(min_snr_weights(snr, 5.0, "epsilon") * noise_error**2, expected, rtol=1e-4)
    assert torch.allclose(min_snr_weights(snr, 5.0, "v_prediction") * velocity_error**2, expected, rtol=1e-4)


def test_the_signal_to_noise_ratio_is_that_of_diffusers(built):
    schedule, steps = noise_schedule(built), torch.arange(0, 1000, 37)
    assert torch.allclose(signal_to_noise(schedule, steps), compute_snr(schedule, steps), rtol=1e-4)


def test_zero_terminal_noise_schedules_are_kept(built):
    config = {**built.scheduler.config, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}
    pipeline = type("P", (), {"scheduler": DDIMScheduler.from_config(config)})
    schedule = noise_schedule(pipeline)
    assert signal_to_noise(schedule, torch.tensor([999])).item() == pytest.approx(0, abs=1e-6)


def test_a_scheduler_that_predicts_something_else_is_refused():
    config = EulerDiscreteScheduler(prediction_type="epsilon").config
    pipeline = type("P", (), {"scheduler": type("S", (), {"config": {**config, "prediction_type": "flow"}})})
    with pytest.raises(ValueError, match="expected epsilon, v_prediction or sample, found 'flow'"):
        noise_schedule(pipeline)


def test_the_velocity_is_that_of_its_definition():
    pipeline = build_tiny_sd(latent_channels=18, prediction_type="v_prediction")
    schedule, steps = noise_schedule(pipeline), torch.tensor([300])
    latents, noise = torch.randn(1, 18, 4, 4), torch.randn(1, 18, 4, 4)
    alpha = schedule.alphas_cumprod[300]
    expected = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    assert torch.allclose(target_of(schedule, latents, noise, steps), expected, atol=1e-6)


@pytest.mark.parametrize(("channels", "kind"), [(4, "epsilon"), (18, "v_prediction")])
def test_the_loss_of_an_image_does_not_depend_on_the_others(channels, kind):
    pipeline = build_tiny_sd(latent_channels=channels, prediction_type=kind)
    learner = Learner(pipeline, replace(DreamBoothSettings.smoke(), min_snr_gamma=None))
    generator = torch.Generator().manual_seed(0)
    latents, noise = torch.randn(2, 3, channels, 8, 4, generator=generator)
    steps, prompts = torch.tensor([5, 500, 900]), ["skt background", "background", "skt background"]
    with torch.no_grad():
        together = learner(latents, noise, steps, prompts)
        alone = [learner(latents[i : i + 1], noise[i : i + 1], steps[i : i + 1], prompts[i : i + 1]) for i in range(3)]
    assert together.shape == (3,)
    assert torch.allclose(together, torch.cat(alone), rtol=1e-4)


def test_the_weight_of_the_prior_scales_its_part_of_the_loss():
    losses = torch.tensor([2.0, 4.0, 6.0])
    assert weighted_mean(losses, torch.tensor([1.0, 1.0, 0.0]), 3).item() == pytest.approx(2.0)
    assert weighted_mean(losses, torch.tensor([1.0, 1.0, 0.5]), 3).item() == pytest.approx(3.0)


def test_a_prediction_without_error_costs_nothing(built, monkeypatch):
    learner = Learner(built, DreamBoothSettings.smoke())
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 4, 4, 4))).float()
    monkeypatch.setattr(
        learner.unet, "forward", lambda *inputs, **options: type("Out", (), {"sample": noise}), raising=True
    )
    assert learner(torch.zeros_like(noise), noise, torch.tensor([50]), ["background"]).item() == 0
