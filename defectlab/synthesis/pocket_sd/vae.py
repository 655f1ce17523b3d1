"""The autoencoder of `pocket-sd`: a Haar transform with fixed scales, without weights, called like AutoencoderKL."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import ModelMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from defectlab.synthesis.pocket.haar import CHANNELS, haar, inverse_haar

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luminance (ITU-R BT.601)."""
BLACK = 0.05
"""Luminance that is added where colour is divided by luminance, so that black has a colour, too."""
BLOCK = 4
LATENT_CHANNELS = CHANNELS + 2
MEANS = (-0.385, *(0.0,) * (CHANNELS - 1), 0.06, -0.079)
STDS = (
    1.114, 0.073, 0.072, 0.034, 0.157, 0.097, 0.049, 0.039, 0.151, 0.048, 0.1, 0.038, 0.091, 0.06, 0.062, 0.045,
    0.176, 0.271,
)  # fmt: skip
"""Measured on 448 training images of both shapes (`examples.BatchStream(123, 16)`)."""


class HaarVAE(ModelMixin, ConfigMixin):
    """RGB to 18 latent channels at a quarter of the side, and back.

    Channels 0 to 15 are the Haar bands of the luminance, which is kept without loss. Channels 16 and 17 say how much
    redder and bluer than grey a block of 4 x 4 pixels is, relative to its luminance: a surface of one tint keeps its
    colour exactly, finer colour is averaged. Each channel is shifted and scaled to mean 0 and deviation 1 over the
    training images.

    Args:
        latent_channels: 18; here because pipelines ask the configuration for it.
        scaling_factor: 1; the scales below do its work.
        block_out_channels: only its length counts: pipelines take ``2 ** (length - 1) = 4`` as the factor of the side.
        means: mean of each channel.
        stds: deviation of each channel.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = LATENT_CHANNELS,
        scaling_factor: float = 1.0,
        block_out_channels: Sequence[int] = (1, 1, 1),
        means: Sequence[float] = MEANS,
        stds: Sequence[float] = STDS,
    ) -> None:
        super().__init__()
        if not len(means) == len(stds) == latent_channels == LATENT_CHANNELS:
            raise ValueError(f"expected {LATENT_CHANNELS} means and stds, got {len(means)} and {len(stds)}")
        self.register_buffer("mean", torch.tensor(means).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(stds).view(1, -1, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderKLOutput | tuple[DiagonalGaussianDistribution]:
        """Latents of images; the distribution has no spread, ``sample()`` and ``mode()`` are alike.

        Args:
            x: float ``(n, 3, h, w)`` in [-1, 1], sides divisible by 4.
            return_dict: as in diffusers.

        Raises:
            ValueError: if a side is not divisible by 4.
        """
        if x.shape[-1] % BLOCK or x.shape[-2] % BLOCK:
            raise ValueError(f"sides must be divisible by {BLOCK}, got {x.shape[-2]} x {x.shape[-1]}")
        luma = (x * x.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        blocks, grey = avg_pool2d(x, BLOCK), avg_pool2d(luma, BLOCK)
        colour = (blocks[:, ::2] - grey) / ((grey + 1) / 2 + BLACK)  # red and blue
        latents = (torch.cat([haar(luma), colour], dim=1) - self.mean) / self.std
        distribution = DiagonalGaussianDistribution(torch.cat([latents, latents], dim=1), deterministic=True)
        return AutoencoderKLOutput(latent_dist=distribution) if return_dict else (distribution,)

    def decode(
        self, z: Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> DecoderOutput | tuple[Tensor]:
        """Images of latents.

        Args:
            z: float ``(n, 18, h, w)``.
            return_dict: as in diffusers.
            generator: not used; pipelines pass it.

        Returns:
            Float ``(n, 3, 4 h, 4 w)``, not clipped.
        """
        z = z * self.std + self.mean
        luma = inverse_haar(z[:, :CHANNELS])
        colour = interpolate(z[:, CHANNELS:], scale_factor=BLOCK, mode="nearest")
        red, blue = (luma + colour * ((luma + 1) / 2 + BLACK)).chunk(2, dim=1)
        green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
        image = torch.cat([red, green, blue], dim=1)
        return DecoderOutput(sample=image) if return_dict else (image,)
