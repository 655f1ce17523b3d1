"""GAN, VAE and flow: their arithmetic by hand, and trainings that resume bit by bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from defectlab.synthesis.comparators.coupling import ActNorm, Coupling, FlowStep, Mixing, squeeze, unsqueeze
from defectlab.synthesis.comparators.flow import FlowRecipe, Glow, bits
from defectlab.synthesis.comparators.gan import GanGenerator, GanRecipe
from defectlab.synthesis.comparators.model import GeneratorModel
from defectlab.synthesis.comparators.networks import Decoder, Encoder
from defectlab.synthesis.comparators.settings import FlowSettings, GanSettings, VaeSettings
from defectlab.synthesis.comparators.training import ComparatorTrainer
from defectlab.synthesis.comparators.vae import VaeNetwork, VaeRecipe, divergence
from defectlab.synthesis.diffusion.folder_trainer import DivergedError

SIDE = 8
GAN = replace(GanSettings.smoke(), size=SIDE, steps=6)
VAE = replace(VaeSettings.smoke(), size=SIDE, steps=6)
FLOW = replace(FlowSettings.smoke(), size=SIDE, steps=6, depth=2)
KINDS = [(GanRecipe, GAN), (VaeRecipe, VAE), (FlowRecipe, FLOW)]
CPU = torch.device("cpu")


def images(n: int = 6, side: int = SIDE, seed: int = 0) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(100, 156, (n, 3, side, side), dtype=np.uint8)
    pixels[:, :, : side // 2] = 30
    return torch.from_numpy(pixels)


def moved(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The module in float64, no weight where it started."""
    generator = torch.Generator().manual_seed(seed)
    for p in module.double().parameters():
        p.data += 0.1 * torch.randn(p.shape, generator=generator, dtype=torch.float64)
    return module.eval()


def random_map(n: int, channels: int, side: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    "layer", [ActNorm(4), Mixing(4), Coupling(4, 5), FlowStep(4, 5)], ids=lambda m: type(m).__name__
)
def test_a_layer_of_the_flow_is_undone_and_its_volume_factor_is_that_of_its_jacobian(layer):
    layer, x = moved(layer), random_map(2, 4, 2)
    y, volume = layer(x)
    assert torch.allclose(layer.inverse(y), x, atol=1e-10)
    for one, told in zip(x, volume, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda z: layer(z[None])[0][0], one).reshape(16, 16)
        assert told.item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-8)


def test_the_whole_flow_is_undone_and_its_likelihood_is_that_of_a_change_of_variables():
    flow, x = moved(Glow(FLOW)), random_map(2, 3, SIDE) / 10
    z, volume = flow.encode(x)
    assert z.shape == (2, flow.latent_size) == (2, 3 * SIDE * SIDE)
    assert torch.allclose(flow.invert(z), x, atol=1e-8)
    jacobian = torch.autograd.functional.jacobian(lambda one: flow.encode(one[None])[0][0], x[0]).reshape(192, 192)
    assert volume[0].item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-6)
    expected = Normal(0, 1).log_prob(z[0]).sum() + volume[0]
    assert flow.log_likelihood(x)[0].item() == pytest.approx(expected.item())


def test_the_first_batch_sets_the_normalisation_of_the_flow():
    layer, x = ActNorm(3), 5 + 2 * torch.randn(50, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    y, _ = layer(x)
    assert y.mean(dim=(0, 2, 3)).abs().max() < 1e-5 and (y.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-5
    before = layer.shift.clone()
    layer(x + 100)
    assert torch.equal(layer.shift, before)


def test_the_mixing_starts_as_a_rotation_and_the_coupling_as_a_constant_factor():
    x = torch.randn(2, 4, 3, 3)
    assert torch.allclose(Mixing(4)(x)[1], torch.zeros(2), atol=1e-4)
    y, volume = Coupling(4, 5)(x)
    factor = 1 / (1 + math.exp(-2))
    assert torch.allclose(y[:, :2], x[:, :2]) and torch.allclose(y[:, 2:], x[:, 2:] * factor)
    assert volume.tolist() == pytest.approx([18 * math.log(factor)] * 2, rel=1e-5)


def test_blocks_of_four_become_channels_and_back():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert squeeze(x)[0, :, 0, 0].tolist() == [0, 1, 4, 5]
    assert torch.equal(unsqueeze(squeeze(x)), x)


def test_evenly_spread_greys_cost_eight_bits_a_value():
    assert bits(torch.zeros(1), 12).item() == pytest.approx(8)  # density 1 on an interval of length 1
    assert bits(torch.tensor([12 * math.log(2.0)]), 12).item() == pytest.approx(7)  # on half of it


def test_the_divergence_agrees_with_torch():
    mean, log_variance = torch.randn(3, 5), torch.randn(3, 5)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    assert torch.allclose(divergence(mean, log_variance), expected, atol=1e-5)
    assert divergence(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_the_misfit_of_a_vae_is_the_negative_density_of_its_decoder():
    network = VaeNetwork(VAE).eval()
    network.log_sigma.data.fill_(-0.7)
    x, noise = images(2).float() / 127.5 - 1, torch.randn(2, VAE.latent)
    mean, log_variance = network.encoder(x).chunk(2, dim=1)
    made = network.decode(mean + (log_variance / 2).exp() * noise)
    expected = -Normal(made, math.exp(-0.7)).log_prob(x).flatten(1).sum(dim=1)
    assert torch.allclose(network.bound(x, noise)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("size", [8, 32, 64])
def test_both_halves_fit_their_size(size):
    settings = replace(GAN, size=size)
    made = Decoder(settings, 5, 4)(torch.randn(2, 5))
    assert made.shape == (2, 3, size, size) and made.abs().max() <= 1
    assert Encoder(settings, 7, 4)(made).shape == (2, 7)


def test_a_gan_starts_from_an_undecided_discriminator():
    recipe = GanRecipe(GAN, CPU)
    losses = recipe.step(images(4), torch.Generator().manual_seed(0), 1.0)
    assert losses["discriminator"] == pytest.approx(2 * math.log(2), abs=0.2)
    assert losses["generator"] == pytest.approx(math.log(2), abs=0.2)


@pytest.mark.parametrize(("recipe", "settings"), KINDS)
def test_a_broken_training_ends_with_the_weights_of_an_unbroken_one(recipe, settings, tmp_path):
    whole = ComparatorTrainer(tmp_path / "whole", recipe(settings, CPU), images(), "dent").run()
    first = ComparatorTrainer(tmp_path / "broken", recipe(settings, CPU), images(), "dent")
    for _ in range(3):
        first.advance()
    first.save()
    second = ComparatorTrainer(tmp_path / "broken", recipe(settings, CPU), images(), "dent")
    assert second.step == 3
    assert second.run().fingerprint == whole.fingerprint
    logs = [(tmp_path / name / "log.csv").read_text().splitlines()[-1].split(",")[:-1] for name in ("whole", "broken")]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(("recipe", "settings"), KINDS)
def test_a_finished_training_is_read_not_repeated_and_other_images_are_refused(recipe, settings, tmp_path):
    trained = ComparatorTrainer(tmp_path, recipe(settings, CPU), images(), "dent").run()
    again = ComparatorTrainer(tmp_path, recipe(settings, CPU), images(), "dent")
    assert again.step == settings.steps and again.run().fingerprint == trained.fingerprint
    with pytest.raises(ValueError, match="is of another training .*'images'"):
        ComparatorTrainer(tmp_path, recipe(settings, CPU), images(seed=1), "dent")
    with pytest.raises(ValueError, match="is of another training .*'lr'"):
        ComparatorTrainer(tmp_path, recipe(replace(settings, lr=1e-5), CPU), images(), "dent")


@pytest.mark.parametrize(("recipe", "settings"), KINDS)
def test_an_image_depends_on_its_seed_and_number_alone(recipe, settings):
    model = GeneratorModel(recipe(settings, CPU).network, "dent", 0).to("cpu")
    four = model.sample([0, 1, 2, 3], 5, batch_size=4)
    assert four.shape == (4, SIDE, SIDE, 3) and four.dtype == np.uint8
    np.testing.assert_array_equal(model.sample([2], 5, batch_size=4)[0], four[2])
    assert not np.array_equal(model.sample([2], 6, batch_size=4)[0], four[2])
    with pytest.raises(ValueError, match="expected 1 to batch_size 2, got 3"):
        model.sample([0, 1, 2], 5, batch_size=2)


def test_training_brings_the_losses_down(tmp_path):
    for recipe, settings, key in ((VaeRecipe, VAE, "bound"), (FlowRecipe, FLOW, "bits")):
        longer = replace(settings, steps=40, batch_size=6, checkpoint_every=40, lr=3e-3)
        trainer = ComparatorTrainer(tmp_path / key, recipe(longer, CPU), images(12), "dent")
        trainer.run()
        assert trainer.rows[-1][key] < trainer.rows[0][key] - 0.05


def test_a_training_that_diverges_stops_with_advice(tmp_path):
    trainer = ComparatorTrainer(tmp_path, VaeRecipe(VAE, CPU), images(), "dent")
    trainer.advance()
    trainer.save()
    trainer.recipe.network.log_sigma.data.fill_(math.nan)
    with pytest.raises(
        DivergedError, match=r"step 1 of 6: the loss of the bound is nan: lower lr \(now 0.001\).*good state is"
    ):
        trainer.run()
    assert torch.load(trainer.checkpoint, weights_only=True)["step"] == 1


def test_a_model_of_another_kind_and_a_damaged_one_are_named(tmp_path):
    ComparatorTrainer(tmp_path, GanRecipe(GAN, CPU), images(), "dent").run()
    folder = tmp_path / "model"
    assert isinstance(GeneratorModel.load(folder, "gan", GanSettings, GanRecipe.build).network, GanGenerator)
    with pytest.raises(ValueError, match="expected the format 'defectlab vae 1', found 'defectlab gan 1'"):
        GeneratorModel.load(folder, "vae", VaeSettings, VaeRecipe.build)
    (folder / "model.safetensors").write_bytes(b"x" * 30)
    with pytest.raises(ValueError, match="does not hold the weights of this model"):
        GeneratorModel.load(folder, "gan", GanSettings, GanRecipe.build)
    with pytest.raises(FileNotFoundError, match=r"holds no config.json"):
        GeneratorModel.load(tmp_path, "gan", GanSettings, GanRecipe.build)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GanSettings(size=48), "size: expected 4 times a power of two"),
        (lambda: GanSettings(batch_size=1), "batch_size: expected at least 2"),
        (lambda: VaeSettings(latent=0), "latent: expected at least 1"),
        (lambda: VaeSettings(lr=0), "lr: expected above 0"),
        (lambda: FlowSettings(size=8, levels=4), "8 pixels cannot be halved 4 times"),
        (lambda: GanSettings(ema=1.0), "ema: expected a value in"),
        (lambda: GanSettings(beta1=1.0), "beta1: expected a value in"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_images_of_another_size_or_type_are_refused(tmp_path):
    for bad in (images(side=16), images().float(), images(1)):
        with pytest.raises(ValueError, match=r"expected uint8 \(n >= 2, 3, 8, 8\)"):
            ComparatorTrainer(tmp_path, GanRecipe(GAN, CPU), bad, "dent")


@pytest.mark.parametrize("settings", [GanSettings, VaeSettings, FlowSettings])
def test_every_preset_is_valid(settings):
    assert settings.paper().size == 64 and settings.laptop().size == 32 and settings.smoke().steps == 4


def test_presets_are_what_they_always_were():
    shared = {"size": 32, "batch_size": 32, "ema": 0.98, "checkpoint_every": 200}
    assert GanSettings.laptop() == GanSettings(**shared, steps=700, latent=64, channels=24)
    assert VaeSettings.laptop() == VaeSettings(**shared, steps=800, latent=32, channels=24)
    small = shared | {"batch_size": 16, "checkpoint_every": 100}
    assert FlowSettings.laptop() == FlowSettings(**small, steps=500, levels=3, depth=4, hidden=48)
    tiny = {"size": 32, "steps": 4, "batch_size": 4, "ema": 0.9, "checkpoint_every": 2}
    assert GanSettings.smoke() == GanSettings(**tiny, latent=8, channels=4)
    assert VaeSettings.smoke() == VaeSettings(**tiny, latent=8, channels=4)
    assert FlowSettings.smoke() == FlowSettings(**tiny, levels=2, depth=1, hidden=8)
    assert [settings.paper() for settings in (GanSettings, VaeSettings, FlowSettings)] == [
        GanSettings(), VaeSettings(), FlowSettings()
    ]  # fmt: skip
