"""`Vae`: images of variational autoencoders, one a class."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from defectlab.synthesis.comparators.comparator import Comparator
from defectlab.synthesis.comparators.networks import Decoder, Encoder
from defectlab.synthesis.comparators.recipe import Recipe, centred, normal
from defectlab.synthesis.comparators.settings import ComparatorSettings, VaeSettings


class VaeNetwork(nn.Module):
    """Encoder, decoder, and the one width of the decoder's noise, learnt with them.

    A drawn image is the mean of ``p(x | z)``, without its noise, as is usual.

    Args:
        settings: shape of the network.
    """

    def __init__(self, settings: VaeSettings) -> None:
        super().__init__()
        self.latent_size = settings.latent
        self.encoder = Encoder(settings, 2 * settings.latent, settings.channels)
        self.decoder = Decoder(settings, settings.latent, settings.channels)
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def decode(self, z: Tensor) -> Tensor:
        """Images ``(n, 3, size, size)`` in [-1, 1] from standard normal values ``(n, latent)``."""
        return self.decoder(z)

    def bound(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Both parts of the negative evidence bound of images in [-1, 1], each ``(n,)`` in nats.

        Args:
            x: ``(n, 3, size, size)``.
            noise: standard normal ``(n, latent)``.

        Returns:
            ``-log p(x | z)`` and ``KL(q(z | x) || p(z))``.
        """
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * noise
        error = (x - self.decode(z)).square().flatten(1).sum(dim=1)
        width = self.log_sigma.clamp(min=-6)  # below a level of grey there is nothing to gain
        misfit = error / (2 * (2 * width).exp()) + x[0].numel() * (width + math.log(2 * math.pi) / 2)
        return misfit, divergence(mean, log_variance)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(mean, variance) || N(0, 1))`` in nats, summed over the last axis.

    Source: Kingma and Welling 2014, appendix B.
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=-1)


class VaeRecipe(Recipe):
    """A VAE whose noise has a learnt width, which weighs both parts of the bound without a factor to be tuned.

    Source: Kingma and Welling 2014, Eq. 10; Rybkin et al. 2021 for the width.
    """

    kind = "vae"
    settings: VaeSettings
    network: VaeNetwork

    def __init__(self, settings: VaeSettings, device: torch.device) -> None:
        super().__init__(settings)
        self.to(device)
        self.optimisers = {"bound": self.adam(self.network)}

    @staticmethod
    def build(settings: ComparatorSettings) -> VaeNetwork:
        """The network with its first weights."""
        assert isinstance(settings, VaeSettings)
        return VaeNetwork(settings)

    def step(self, images: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        """The negative bound and its parts, in nats a value of the image."""
        x = centred(images)
        misfit, kl = self.network.bound(x, normal((len(x), self.settings.latent), generator, x))
        values = x[0].numel()
        loss = (misfit + kl).mean() / values
        parts = {"misfit": misfit.mean().item() / values, "divergence": kl.mean().item() / values}
        return {"bound": self.descend("bound", loss, self.network.parameters(), rate), **parts}


class Vae(Comparator[VaeSettings]):
    """Learns a VAE for each class and draws from it; see `Comparator` for arguments and `Ddpm` for the form."""

    name = "vae"
    recipe: ClassVar = VaeRecipe
