import pytest
import torch
from diffusers import DDPMScheduler

from defectlab.synthesis.diffusion.posterior import (
    posterior_mean,
    posterior_variance,
    reverse_step,
    reverse_step_as_printed,
    step_variance,
)
from defectlab.synthesis.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule.linear()
STEPS = [0, 1, 17, 500, 999]


def normal(seed: int, n: int = 2) -> torch.Tensor:
    return torch.randn(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def diffusers_scheduler(variance="fixed_small"):
    return DDPMScheduler(1000, 1e-4, 0.02, "linear", clip_sample=False, variance_type=variance)


def test_two_steps_by_hand():
    schedule = NoiseSchedule(torch.tensor([0.36, 0.75], dtype=torch.float64), torch.arange(2))
    assert schedule.alpha_bars.tolist() == pytest.approx([0.64, 0.16])
    one, two = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.full((1, 1, 1, 1), 2.0, dtype=torch.float64)
    assert schedule.step_forward(one, 0, two).item() == pytest.approx(0.8 + 0.6 * 2)
    assert schedule.noisy(one, 1, two).item() == pytest.approx(0.4 + 0.84**0.5 * 2)
    assert posterior_variance(schedule).tolist() == pytest.approx([0, 0.36 / 0.84 * 0.75])


def test_steps_in_turn_have_the_mean_and_variance_of_the_jump():
    mean, variance = 1.0, 0.0
    for a in SCHEDULE.alphas[:200].tolist():  # Eq. 1 on the moments
        mean, variance = a**0.5 * mean, a * variance + 1 - a
    bar = SCHEDULE.alpha_bars[199].item()
    assert (mean, variance) == (pytest.approx(bar**0.5), pytest.approx(1 - bar))


def test_the_last_level_is_next_to_pure_noise():
    assert SCHEDULE.alphas.min() > 0.97 and SCHEDULE.alpha_bars[-1] < 1e-4


@pytest.mark.parametrize("t", STEPS)
def test_the_printed_equation_less_its_noise_returns_the_clean_image_at_every_step(t):
    x0, noise, sigma = normal(0), normal(1), normal(2)
    printed = reverse_step_as_printed(SCHEDULE, SCHEDULE.noisy(x0, t, noise), t, noise, sigma)
    torch.testing.assert_close(printed - sigma, x0)


def test_the_printed_equation_is_no_step_to_the_level_before():
    x0, noise = normal(0), normal(1)
    x_t = SCHEDULE.noisy(x0, 500, noise)
    printed = reverse_step_as_printed(SCHEDULE, x_t, 500, noise, 0.0)
    right = reverse_step(SCHEDULE, x_t, 500, noise, torch.zeros_like(noise))
    assert (printed - right).abs().mean() > 0.5 and (right - x_t).abs().mean() < 0.05


@pytest.mark.parametrize("t", STEPS)
def test_our_step_has_the_closed_form_mean_and_variance_of_the_posterior(t):
    x0, noise, z = normal(0), normal(1), normal(2)
    x_t = SCHEDULE.noisy(x0, t, noise)
    mean = posterior_mean(SCHEDULE, x0, x_t, t)
    torch.testing.assert_close(reverse_step(SCHEDULE, x_t, t, noise, torch.zeros_like(z)), mean)
    spread = reverse_step(SCHEDULE, x_t, t, noise, z) - mean
    torch.testing.assert_close(spread, posterior_variance(SCHEDULE)[t].sqrt() * z)


@pytest.mark.parametrize("t", [1, 17, 500, 999])
def test_bayes_on_the_forward_process_gives_the_posterior(t):
    # q(x_{t-1} | x_t, x_0) is the product of q(x_t | x_{t-1}) and q(x_{t-1} | x_0), all Gaussian
    a, beta, before = (v[t].item() for v in (SCHEDULE.alphas, SCHEDULE.betas, SCHEDULE.previous_alpha_bars))
    precision = a / beta + 1 / (1 - before)
    x0, x_t = normal(0), normal(1)
    mean = (a**0.5 / beta * x_t + before**0.5 / (1 - before) * x0) / precision
    torch.testing.assert_close(posterior_mean(SCHEDULE, x0, x_t, t), mean)
    assert posterior_variance(SCHEDULE)[t].item() == pytest.approx(1 / precision)


@pytest.mark.parametrize("t", STEPS)
@pytest.mark.parametrize("variance", ["small", "large"])
def test_our_step_agrees_with_diffusers(t, variance):
    x_t, noise = normal(3).float(), normal(4).float()
    z = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(5))
    scheduler = diffusers_scheduler(f"fixed_{variance}")
    theirs = scheduler.step(noise, t, x_t, generator=torch.Generator().manual_seed(5)).prev_sample
    torch.testing.assert_close(reverse_step(SCHEDULE, x_t, t, noise, z, variance), theirs, rtol=1e-4, atol=1e-4)


def test_noise_of_a_batch_with_a_level_an_image_agrees_with_diffusers():
    x0, noise, t = normal(0, 5).float(), normal(1, 5).float(), torch.tensor(STEPS)
    torch.testing.assert_close(SCHEDULE.noisy(x0, t, noise), diffusers_scheduler().add_noise(x0, noise, t))
    torch.testing.assert_close(SCHEDULE.clean(SCHEDULE.noisy(x0, t, noise), t, noise), x0, rtol=1e-3, atol=1e-3)


def test_a_respaced_schedule_passes_through_levels_of_the_whole_one():
    short = SCHEDULE.respaced(10)
    assert short.levels.tolist() == list(range(99, 1000, 100))
    torch.testing.assert_close(short.alpha_bars, SCHEDULE.alpha_bars[short.levels])
    torch.testing.assert_close(SCHEDULE.respaced(1000).betas, SCHEDULE.betas)


def test_no_noise_is_added_at_the_first_step():
    assert step_variance(SCHEDULE, "small")[0] == 0 and step_variance(SCHEDULE, "large")[0] == 0


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="expected a divisor of 1000, got 7"):
        SCHEDULE.respaced(7)
    with pytest.raises(ValueError, match="unknown variance 'smal'; did you mean 'small'"):
        step_variance(SCHEDULE, "smal")
    with pytest.raises(ValueError, match=r"values in \(0, 1\)"):
        NoiseSchedule(torch.tensor([0.5, 1.0]), torch.arange(2))
