"""The disturbed reverse process: what s adds to a step, that 0 adds nothing, and what it does to data known in full."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from defectlab.synthesis.diffusion.model import DiffusionModel, blank_network
from defectlab.synthesis.diffusion.sampling import sample
from defectlab.synthesis.diffusion.schedule import NoiseSchedule
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings
from defectlab.synthesis.perturbed.process import abnormal_images, reverse, step_deviation, step_mean
from defectlab.synthesis.perturbed.settings import PerturbedSettings, laptop_model, paper_model

TINY = replace(
    DiffusionSettings.smoke(), size=16, channels=(8, 8), attention_at=(16,), timesteps=20, steps=6, beta_end=0.4
)
SPREAD = 0.1


class RightNoise(nn.Module):
    """The noise that a network which knew white data of deviation `SPREAD` would tell."""

    def __init__(self, schedule: NoiseSchedule) -> None:
        super().__init__()
        self.bars = schedule.alpha_bars.float()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x_t, levels, classes=None):
        bar = self.bars[levels].view(-1, 1, 1, 1)
        return (1 - bar).sqrt() * x_t / (bar * SPREAD**2 + 1 - bar)


def model_of_white_noise(size: int = 32) -> DiffusionModel:
    settings = replace(DiffusionSettings.smoke(), size=size, timesteps=100, beta_end=0.1)
    blank = DiffusionModel(blank_network(settings, ("good",)), settings, ("good",))
    return DiffusionModel(RightNoise(blank.schedule), settings, ("good",))  # type: ignore[arg-type]


def tiny(classes=("good",)) -> DiffusionModel:
    return DiffusionModel(blank_network(TINY, classes), TINY, classes).to("cpu")


def test_strength_zero_is_the_undisturbed_ancestral_sampler():
    settings = PerturbedSettings(steps=5, batch_size=3)
    plain = sample(tiny(), [4, 7, 9], 1, SamplingSettings(steps=5, batch_size=3))
    np.testing.assert_array_equal(abnormal_images(tiny(), [4, 7, 9], 1, [0.0] * 3, settings), plain)


def test_an_image_depends_on_its_number_and_strength_alone():
    settings = PerturbedSettings(steps=5, batch_size=3)
    all_three = abnormal_images(tiny(), [4, 7, 9], 1, [0.0, 0.5, 2.0], settings)
    np.testing.assert_array_equal(abnormal_images(tiny(), [7], 1, [0.5], settings)[0], all_three[1])
    assert (abnormal_images(tiny(), [7], 2, [0.5], settings)[0] != all_three[1]).any()
    assert (abnormal_images(tiny(), [7], 1, [0.6], settings)[0] != all_three[1]).any()
    assert all_three.shape == (3, 16, 16, 3) and all_three.dtype == np.uint8


def test_deviations_of_a_step_by_hand():
    schedule = NoiseSchedule(torch.tensor([0.1, 0.5], dtype=torch.float64), torch.arange(2))
    s = torch.tensor([0.0, 3.0], dtype=torch.float64)
    small = (1 - 0.9) / (1 - 0.9 * 0.5) * 0.5  # variance of the posterior

    def deviations(**options) -> list[float]:
        return step_deviation(schedule, 1, s, PerturbedSettings(**options)).tolist()

    assert deviations() == pytest.approx([small**0.5, (4 * small) ** 0.5])  # sqrt(1 + s) sigma
    assert deviations(variance="large") == pytest.approx([0.5**0.5, 2**0.5])
    assert deviations(sampler="ddim") == pytest.approx([0, (3 * small) ** 0.5])  # sqrt(s) sigma
    assert deviations(extra="constant") == pytest.approx([small**0.5, (small + 3) ** 0.5])
    assert deviations(extra="constant", sampler="ddim") == pytest.approx([0, 3**0.5])


def test_ddim_steps_along_the_noise_that_it_sees():
    schedule = NoiseSchedule(torch.tensor([0.1, 0.5], dtype=torch.float64), torch.arange(2))
    generator = torch.Generator().manual_seed(0)
    x0, noise = (torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    x1 = schedule.noisy(x0, 1, noise)
    torch.testing.assert_close(step_mean(schedule, x0, x1, 1, "ddim"), schedule.noisy(x0, 0, noise))
    torch.testing.assert_close(step_mean(schedule, x0, x1, 0, "ddpm"), x0)  # the last step ends in the estimate


def test_more_strength_spreads_white_data_as_the_recurrence_says():
    model, generators = model_of_white_noise(), lambda: [torch.Generator().manual_seed(i) for i in range(4)]
    for extra, s in (("proportional", 0.0), ("proportional", 0.5), ("constant", 0.001)):
        settings = PerturbedSettings(steps=20, batch_size=4, extra=extra)
        images = reverse(model, generators(), torch.full((4,), s, dtype=torch.float64), settings)
        assert float(images.std()) == pytest.approx(_expected(model, settings, s), rel=0.03)
    assert _expected(model, PerturbedSettings(steps=20), 0.5) > 1.05 * _expected(model, PerturbedSettings(steps=20), 0)


def test_presets_fit_their_models():
    for model in (laptop_model(), paper_model()):
        assert model.timesteps % PerturbedSettings().steps == 0
    assert laptop_model().sides == (32, 16, 8)
    assert PerturbedSettings().strengths == (0.1, 0.2) and PerturbedSettings(sampler="ddim").strengths == (0.01, 0.03)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"content": "textures"}, "unknown content 'textures'; did you mean 'texture'"),
        ({"strength": (0.3, 0.1)}, r"strength: expected 0 <= low <= high, got \(0.3, 0.1\)"),
        ({"opacity": (0.0, 1.0)}, "opacity: expected 0 < low <= high <= 1"),
        ({"extra": "constnt"}, "unknown extra 'constnt'; did you mean 'constant'"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        PerturbedSettings(**options)


def test_what_does_not_fit_the_batch_is_refused():
    with pytest.raises(ValueError, match="expected 1 to batch_size 2 indices and a strength for each, got 3 and 3"):
        abnormal_images(tiny(), [0, 1, 2], 0, [0.1] * 3, PerturbedSettings(steps=5, batch_size=2))
    with pytest.raises(ValueError, match="steps: expected a divisor of the 20 levels of the model, got 7"):
        abnormal_images(tiny(), [0], 0, [0.1], PerturbedSettings(steps=7))


def _expected(model: DiffusionModel, settings: PerturbedSettings, s: float) -> float:
    """Deviation of the image, step by step, for a network that is linear: x0 = k x, x' = (a k + b) x + noise."""
    schedule = model.schedule.respaced(settings.steps)
    variance = 1.0
    for t in reversed(range(len(schedule))):
        bar = float(schedule.alpha_bars[t])
        k = bar**0.5 * SPREAD**2 / (bar * SPREAD**2 + 1 - bar)
        one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
        factor = float(step_mean(schedule, k * one, one, t, settings.sampler))
        added = float(step_deviation(schedule, t, torch.tensor([s], dtype=torch.float64), settings)) if t else 0.0
        variance = factor**2 * variance + added**2
    return variance**0.5
