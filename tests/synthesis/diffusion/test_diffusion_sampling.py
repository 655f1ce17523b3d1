from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from tiny_diffusion import TINY, tiny_model

from defectlab.synthesis.diffusion.draws import generator_of
from defectlab.synthesis.diffusion.model import DiffusionModel, blank_network
from defectlab.synthesis.diffusion.sampling import ancestral, noise_of, sample
from defectlab.synthesis.diffusion.settings import SamplingSettings

FOUR = SamplingSettings(batch_size=4)
EVERY = [
    FOUR,
    replace(FOUR, steps=5, variance="large"),
    replace(FOUR, sampler="ddim", steps=4),
    replace(FOUR, sampler="ddim", steps=4, eta=1.0),
    replace(FOUR, sampler="dpm_solver", steps=10),
]
NAMES = ["ddpm", "ddpm respaced", "ddim", "ddim eta", "dpm_solver"]


def close(one: np.ndarray, two: np.ndarray) -> bool:
    """Equal up to rounding of the network's sums."""
    return np.abs(one.astype(int) - two.astype(int)).max() <= 1


@pytest.mark.parametrize("sampling", EVERY, ids=NAMES)
def test_an_image_depends_on_its_number_and_the_seed_alone(sampling):
    model = tiny_model()
    all_four = sample(model, [0, 1, 2, 3], 0, sampling)
    assert all_four.shape == (4, 16, 16, 3) and all_four.dtype == np.uint8
    assert close(sample(model, [3, 1], 0, sampling), all_four[[3, 1]])
    assert close(sample(model, [2], 0, replace(sampling, batch_size=1)), all_four[2:3])
    assert not close(all_four[:1], all_four[1:2])
    assert not close(sample(model, [0], 1, sampling), all_four[:1])


class GaussianNetwork(torch.nn.Module):
    """Tells the noise exactly where the data are one Gaussian of a mean and a spread, pixel by pixel."""

    def __init__(self, model: DiffusionModel, mean: float, spread: float) -> None:
        super().__init__()
        self.bars, self.mean, self.spread = model.schedule.alpha_bars.float(), mean, spread
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, levels, classes=None):
        bar = self.bars[levels].view(-1, 1, 1, 1)
        return (1 - bar).sqrt() * (x - bar.sqrt() * self.mean) / (bar * self.spread**2 + 1 - bar)


@pytest.mark.parametrize("sampling", EVERY, ids=NAMES)
def test_a_perfect_network_gives_back_the_law_of_the_data(sampling):
    settings = replace(TINY, timesteps=100, beta_end=0.15)
    model = DiffusionModel(blank_network(settings, ("dent",)), settings, ("dent",))
    model = replace(model, network=GaussianNetwork(model, 0.3, 0.15))
    steps = {"ddpm": 100, "ddim": 100, "dpm_solver": 10}[sampling.sampler]
    images = sample(model, range(4), 0, replace(sampling, steps=steps)) / 127.5 - 1
    assert images.mean() == pytest.approx(0.3, abs=0.02)
    assert images.std() == pytest.approx(0.15, rel=0.15)


def test_ancestral_sampling_agrees_with_diffusers_step_by_step():
    model = tiny_model()
    generators = [generator_of(0, i) for i in range(2)]
    x = torch.randn(2, 3, 16, 16, generator=generator_of(9))
    noise = noise_of(model, 2, FOUR)
    with torch.inference_mode():
        ours = ancestral(model, noise, x, generators, FOUR)
        scheduler = DDPMScheduler(trained_betas=model.schedule.betas.float().numpy(), num_train_timesteps=20)
        generators = [generator_of(0, i) for i in range(2)]
        for t in scheduler.timesteps:
            x = scheduler.step(noise(x, torch.full((2,), int(t))), int(t), x, generator=generators).prev_sample
    torch.testing.assert_close(ours, x, rtol=1e-3, atol=1e-3)


def test_ddim_with_all_its_noise_in_all_steps_is_ancestral_sampling():
    model = tiny_model()
    same = sample(model, [0, 1], 0, replace(FOUR, sampler="ddim", eta=1.0))
    assert close(same, sample(model, [0, 1], 0, FOUR))


def test_a_class_conditional_model_draws_the_class_that_it_is_told():
    model = tiny_model(("dent", "scratch"))
    with torch.no_grad():
        model.network.unet.class_embedding.weight[1] += 5
    sampling = replace(FOUR, sampler="ddim", steps=4)
    dent, scratch = (sample(model, [0], 0, sampling, name) for name in model.classes)
    assert not close(dent, scratch)
    assert not close(sample(model, [0], 0, replace(sampling, guidance=4.0), "scratch"), scratch)


@pytest.mark.parametrize(
    ("classes", "name", "change", "message"),
    [
        (("dent", "scratch"), None, {}, "this model draws dent, scratch; say which"),
        (("dent",), "scratch", {}, "class 'scratch': this model draws dent"),
        (("dent",), None, {"guidance": 2.0}, "needs a class-conditional model"),
        (("dent",), None, {"steps": 3}, "expected a divisor of the 20 levels of the model, got 3"),
        (("dent",), None, {"batch_size": 1}, "expected 1 to batch_size 1, got 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(classes, name, change, message):
    with pytest.raises(ValueError, match=message):
        sample(tiny_model(classes), [0, 1], 0, replace(FOUR, **change), name)
