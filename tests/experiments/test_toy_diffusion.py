"""Mixtures and points: the exact denoiser is exact, samplers reach the data, the printed equation does not."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from defectlab.experiments import toy_diffusion as toy
from defectlab.synthesis.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule.linear(40, end=0.4)


def one_bump(mean=0.0, deviation=0.5):
    return toy.Mixture(*(torch.tensor([value], dtype=torch.float64) for value in (1.0, mean, deviation)))


def test_density_and_score_of_one_bump_are_those_of_a_normal():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    bump = one_bump(0.3, 0.5)
    assert bump.density(x).numpy() == pytest.approx(norm.pdf(x, 0.3, 0.5))
    assert bump.score(x).numpy() == pytest.approx((0.3 - x.numpy()) / 0.25)


def test_the_score_is_the_derivative_of_the_logarithm():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    mixture = toy.Mixture.two_bumps()
    (slope,) = torch.autograd.grad(mixture.density(x).log().sum(), x)
    assert mixture.score(x.detach()).numpy() == pytest.approx(slope.numpy())


def test_noise_ends_in_the_standard_normal_density():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    assert toy.Mixture.two_bumps().noisy(1e-9).density(x).numpy() == pytest.approx(norm.pdf(x), abs=1e-3)


def test_the_best_denoiser_is_the_mean_of_the_noise_in_small_bins():
    mixture, t = toy.Mixture.two_bumps(), 12
    generator = torch.Generator().manual_seed(0)
    x0 = mixture.draw(400_000, generator)
    noise = torch.randn(x0.shape, generator=generator, dtype=torch.float64)
    x_t = SCHEDULE.noisy(x0[:, None], t, noise[:, None])[:, 0]
    for place in (-0.8, 0.0, 0.6):
        near = (x_t - place).abs() < 0.02
        told = mixture.best_noise(SCHEDULE)(torch.tensor([[place]], dtype=torch.float64), torch.tensor([t]))
        assert float(told) == pytest.approx(float(noise[near].mean()), abs=0.05)


@pytest.mark.parametrize("sampler", ["ancestral", "ddim"])
def test_samplers_with_the_best_denoiser_reach_the_data(sampler):
    mixture, generator = toy.Mixture.two_bumps(), torch.Generator().manual_seed(1)
    start = torch.randn(4000, 1, generator=generator, dtype=torch.float64)
    made = toy.walk_back(mixture.best_noise(SCHEDULE), SCHEDULE, start, sampler, generator)[-1]
    assert float((made < 0).double().mean()) == pytest.approx(0.3, abs=0.04)
    assert float(made.mean()) == pytest.approx(0.3 * -1 + 0.7 * 0.7, abs=0.05)


def test_the_last_ddim_step_is_the_estimate_of_the_data():
    x = torch.tensor([[0.4]])
    noise = torch.tensor([[0.2]])
    wanted = (0.4 - math.sqrt(SCHEDULE.betas[0]) * 0.2) / math.sqrt(1 - SCHEDULE.betas[0])
    assert float(toy.ddim_step(SCHEDULE, x, 0, noise)) == pytest.approx(wanted)


def test_the_printed_equation_misses_the_data_by_far():
    frame = toy.sampled(toy.Mixture.two_bumps(), SCHEDULE, ["ancestral", "as printed"], 2000, seed=0)
    width = 6 / 60
    table = frame.pivot(index="x", columns="sampler", values="density")
    error = (table.sub(table["true density"], axis=0).abs().sum() * width).to_dict()
    assert error["as printed"] > 2 * error["ancestral"]
    assert table.sum().to_numpy() * width == pytest.approx(1, abs=0.01)


def test_more_steps_bring_the_ancestral_sampler_nearer():
    frame = toy.by_steps(toy.Mixture.two_bumps(), SCHEDULE, [4, 40], 3000, seed=0)
    table = frame.pivot(index="steps", columns="sampler", values="distance")
    assert table.loc[40, "ancestral"] < table.loc[4, "ancestral"]
    assert table["two draws of the data"].nunique() == 1
    assert (frame["low"] <= frame["distance"]).all() and (frame["distance"] <= frame["high"]).all()


def test_with_few_steps_ddim_is_nearer_in_every_draw_and_with_many_the_bands_overlap():
    frame = toy.by_steps(toy.Mixture.two_bumps(), NoiseSchedule.linear(200, end=0.1), [5, 200], 2000, seed=0)
    of = frame.set_index(["steps", "sampler"])
    assert of.loc[(5, "ddim"), "high"] < of.loc[(5, "ancestral"), "low"]
    assert of.loc[(200, "ddim"), "low"] < of.loc[(200, "ancestral"), "high"]
    assert of.loc[(200, "ancestral"), "low"] < of.loc[(200, "ddim"), "high"]


def test_an_unknown_sampler_is_refused():
    with pytest.raises(ValueError, match="one of ancestral, ddim, as printed, got 'euler'"):
        toy.walk_back(one_bump().best_noise(SCHEDULE), SCHEDULE, torch.zeros(1, 1), "euler", torch.Generator())


def test_the_network_of_points_learns_and_repeats_itself():
    points = toy.crack_points(500, seed=0)
    assert points.shape == (500, 2) and float(points.abs().max()) < 1.6
    network, losses = toy.train_points(points, SCHEDULE, 200, seed=0)
    again, _ = toy.train_points(points, SCHEDULE, 200, seed=0)
    assert losses["step"].iloc[-1] == 200 and len(losses) == 50
    assert losses["loss"].iloc[-5:].mean() < 0.8 * losses["loss"].iloc[0]
    back = toy.way_back(network, SCHEDULE, 50, 0, [40, 0])
    assert np.array_equal(back, toy.way_back(again, SCHEDULE, 50, 0, [40, 0]))
    assert back["step"].tolist() == [40] * 50 + [0] * 50
    assert toy.cloud(points[:3], "data")["step"].tolist() == ["data"] * 3


def test_densities_are_named_by_step_and_begin_with_the_data():
    frame = toy.densities(one_bump(), SCHEDULE, [0, 40], points=7)
    assert frame["step"].unique().tolist() == ["t = 0", "t = 40"]
    assert frame["density"].iloc[3] == pytest.approx(norm.pdf(0, 0, 0.5))
