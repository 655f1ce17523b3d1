"""The weightless autoencoder: luminance without loss, colour of one tint exact, AutoencoderKL's calling form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from defectlab.data.surfaces.render import colourise
from defectlab.synthesis.pocket_sd.examples import BatchStream, as_input
from defectlab.synthesis.pocket_sd.vae import LUMA, HaarVAE


@pytest.fixture(scope="module")
def vae():
    return HaarVAE()


def images(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def luminance(x):
    return (x * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1)


def test_luminance_comes_back_whatever_the_colours(vae):
    x = images(2, 3, 32, 48)
    z = vae.encode(x).latent_dist.mode()
    assert z.shape == (2, 18, 8, 12)
    torch.testing.assert_close(luminance(vae.decode(z).sample), luminance(x), atol=1e-5, rtol=0)


def test_grey_images_come_back_and_have_no_colour(vae):
    grey = images(1, 1, 16, 16).expand(1, 3, 16, 16)
    z = vae.encode(grey).latent_dist.mode()
    torch.testing.assert_close(vae.decode(z).sample, grey.contiguous(), atol=1e-5, rtol=0)
    neutral = z[:, 16:] * vae.std[:, 16:] + vae.mean[:, 16:]
    assert neutral.abs().max() < 1e-5


def test_a_surface_of_one_tint_comes_back_to_a_grey_level_or_two(vae):
    shades = np.random.default_rng(0).uniform(0.2, 0.7, (32, 32)).astype(np.float32)
    image = torch.from_numpy(colourise(shades, (1.2, 1.0, 0.7))).permute(2, 0, 1)[None]
    back = vae.decode(vae.encode(as_input(image)).latent_dist.mode()).sample
    assert ((back + 1) * 127.5 - image).abs().max() < 6  # colour beside black is drawn to grey a little
    assert ((back + 1) * 127.5 - image).abs().mean() < 1.5


def test_latents_of_any_numbers_survive_decoding_and_encoding(vae):
    z = torch.randn(1, 18, 4, 4, generator=torch.Generator().manual_seed(1))
    again = vae.encode(vae.decode(z).sample).latent_dist.mode()
    torch.testing.assert_close(again[:, :16], z[:, :16], atol=1e-4, rtol=0)


def test_latents_of_training_images_have_about_mean_zero_and_deviation_one(vae):
    latents = [vae.encode(as_input(BatchStream(5, 16).draw(k)[0])).latent_dist.mode() for k in range(6)]
    flat = torch.cat([z.permute(1, 0, 2, 3).flatten(1) for z in latents], dim=1)
    assert flat.mean(1).abs().max() < 0.5
    assert ((flat.std(1) > 0.5) & (flat.std(1) < 2)).all()


def test_the_calling_form_is_that_of_autoencoderkl(vae):
    x = images(1, 3, 16, 16)
    assert vae.config.scaling_factor == 1 and vae.config.latent_channels == 18
    assert 2 ** (len(vae.config.block_out_channels) - 1) == 4
    posterior = vae.encode(x, return_dict=False)[0]
    assert torch.equal(posterior.sample(torch.Generator().manual_seed(3)), posterior.mode())
    z = posterior.mode()
    assert torch.equal(vae.decode(z, return_dict=False, generator=None)[0], vae.decode(z).sample)
    assert vae.dtype == torch.float32 and sum(p.numel() for p in vae.parameters()) == 0


def test_a_saved_autoencoder_comes_back_without_weights(vae, tmp_path):
    vae.save_config(tmp_path)
    again = HaarVAE.from_config(HaarVAE.load_config(tmp_path))
    assert torch.equal(again.std, vae.std) and torch.equal(again.mean, vae.mean)


def test_wrong_sizes_and_scales_are_refused(vae):
    with pytest.raises(ValueError, match="divisible by 4, got 16 x 18"):
        vae.encode(images(1, 3, 16, 18))
    with pytest.raises(ValueError, match="expected 18 means and stds, got 2 and 18"):
        HaarVAE(means=(0.0, 0.0))
