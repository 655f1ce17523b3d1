"""Wiener's guess at the noise: its statistics, that nothing linear is left, and that it knows Gaussian textures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_diffusion import TINY, tiny_model

from defectlab.synthesis.diffusion.linear_guess import LinearGuess, from_waves, to_waves
from defectlab.synthesis.diffusion.model import DiffusionModel
from defectlab.synthesis.diffusion.sampling import sample
from defectlab.synthesis.diffusion.schedule import NoiseSchedule
from defectlab.synthesis.diffusion.settings import SamplingSettings
from defectlab.synthesis.diffusion.training import Trainer

SCHEDULE = NoiseSchedule.linear(TINY.timesteps, TINY.beta_start, TINY.beta_end)
GUESSING = replace(TINY, guess="linear")


def smooth_images(n: int, level: float = 140.0, seed: int = 0) -> torch.Tensor:
    """Grey textures with neighbours alike, uint8 ``(n, 3, 16, 16)``."""
    white = torch.randn((n, 1, 16, 16), generator=torch.Generator().manual_seed(seed))
    smooth = sum(white.roll((i, j), (2, 3)) for i in range(3) for j in range(3)) / 3
    return (level + 25 * smooth).clamp(0, 255).byte().expand(-1, 3, -1, -1).contiguous()


def guess_of(images: torch.Tensor, labels: torch.Tensor | None = None, rows: int = 1) -> LinearGuess:
    guess = LinearGuess(rows, 16, SCHEDULE.alpha_bars)
    guess.fit(images, torch.zeros(len(images), dtype=torch.int64) if labels is None else labels)
    return guess


def test_waves_come_back_as_they_were_and_keep_the_power_of_white_noise():
    noise = torch.randn((64, 3, 16, 14), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(from_waves(to_waves(noise), 14), noise)
    assert float(to_waves(noise).abs().square().mean()) == pytest.approx(1, rel=0.03)


def test_grey_images_have_power_in_grey_alone_and_less_at_fine_frequencies():
    guess = guess_of(smooth_images(200))
    grey, red, yellow = guess.power[0]
    assert red.max() <= 1e-6 and yellow.max() <= 1e-6
    assert grey[1, 1] > 50 * grey[8, 8]
    assert float(guess.mean.mean()) == pytest.approx(140 / 127.5 - 1, abs=0.02)


def test_nothing_linear_is_left_and_the_error_has_the_size_that_the_correction_is_brought_to():
    images, t = smooth_images(400), 8
    guess = guess_of(images)
    noise = torch.randn((400, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    x_t = SCHEDULE.noisy(images.float() / 127.5 - 1, t, noise)
    levels, nothing = torch.full((400,), t), torch.zeros_like(x_t)
    rest = to_waves(noise - guess(x_t, levels, nothing))
    seen = to_waves(x_t - float(SCHEDULE.alpha_bars[t]) ** 0.5 * guess.mean)
    linked = (rest * seen.conj()).mean(0).abs() / (rest.abs().square().mean(0) * seen.abs().square().mean(0)).sqrt()
    assert float(linked[0].mean()) < 0.1
    unit = torch.randn((400, 3, 16, 16), generator=torch.Generator().manual_seed(2))
    told = to_waves(guess(x_t, levels, unit) - guess(x_t, levels, nothing))
    sizes = [part[:, 0].abs().square().mean(0).sqrt() for part in (rest, told)]
    torch.testing.assert_close(sizes[0], sizes[1], rtol=0.25, atol=0.02)


def test_what_the_network_sees_has_unit_variance_at_every_frequency():
    images, t = smooth_images(400), 8
    guess = guess_of(images)
    noise = torch.randn((400, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    x_t = SCHEDULE.noisy(images.float() / 127.5 - 1, t, noise)
    power = to_waves(guess.whitened(x_t, torch.full((400,), t))).abs().square().mean(0)
    assert float(power.mean()) == pytest.approx(1, rel=0.02) and power.min() > 0.7 and power.max() < 1.4


def test_each_class_has_its_own_row_and_the_last_is_of_all():
    images = torch.cat([smooth_images(20, 80), smooth_images(20, 180)])
    guess = guess_of(images, torch.arange(40) // 20, rows=3)
    means = guess.mean.mean(dim=(1, 2, 3)) * 127.5 + 127.5
    assert means.tolist() == pytest.approx([80, 180, 130], abs=3)


def test_an_untrained_network_with_the_guess_draws_textures_of_the_right_mean_and_contrast(tmp_path):
    images, settings = smooth_images(100), replace(GUESSING, timesteps=200, beta_end=0.06, steps=1, lr=1e-9)
    model = Trainer(tmp_path, settings, images, ("good",)).run()
    made = torch.from_numpy(sample(model, range(16), 0, SamplingSettings(steps=50))).permute(0, 3, 1, 2)
    assert float(made.float().mean()) == pytest.approx(140, abs=3)
    assert float(made.float().std()) == pytest.approx(float(images.float().std()), rel=0.15)
    assert float((made[:, 0].float() - made[:, 1]).abs().mean()) < 2  # grey, as the images are

    again = DiffusionModel.load(tmp_path / "model")
    torch.testing.assert_close(again.network.guess.mean, model.network.guess.mean)
    assert model.network.guess.mean.abs().sum() > 0


def test_a_conditional_model_takes_the_statistics_of_the_class_that_it_is_told(tmp_path):
    images, labels = torch.cat([smooth_images(8, 60), smooth_images(8, 200)]), torch.arange(16) // 8
    settings = replace(GUESSING, timesteps=200, beta_end=0.06, steps=1, lr=1e-9)
    model = Trainer(tmp_path, settings, images, ("dark", "light"), labels).run()
    levels = [sample(model, [0, 1], 0, SamplingSettings(steps=20), name).mean() for name in ("dark", "light")]
    assert levels == pytest.approx([60, 200], abs=12)


def test_a_model_without_the_guess_has_none():
    assert tiny_model().network.guess is None and tiny_model(settings=GUESSING).network.guess is not None
