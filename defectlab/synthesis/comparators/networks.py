"""The convolutional halves that GAN and VAE share: from a latent vector to an image, and from an image to a vector."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from defectlab.synthesis.comparators.settings import LEAST_SIDE, ComparatorSettings

COLOURS = 3
WIDEST = 8
"""Channels of the coarsest level over those of the finest, at most."""


class Decoder(nn.Module):
    """A latent vector becomes an image: transposed convolutions, batch normalisation, ReLU, at last tanh.

    Args:
        settings: gives the size.
        latent: values of the vector.
        channels: of the finest level.

    Source: Radford et al. 2016, section 3 and Figure 1.
    """

    def __init__(self, settings: ComparatorSettings, latent: int, channels: int) -> None:
        super().__init__()
        self.latent_size = latent
        widths = widths_of(settings, channels)[::-1]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], LEAST_SIDE, bias=False)]
        for width, following in itertools.pairwise(widths):
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(width, following, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.ConvTranspose2d(widths[-1], COLOURS, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Images ``(n, 3, size, size)`` in [-1, 1] from vectors ``(n, latent)``."""
        return self.layers(z[:, :, None, None])


class Encoder(nn.Module):
    """An image becomes a vector: convolutions of stride 2, batch normalisation after all but the first, leaky ReLU.

    Args:
        settings: gives the size.
        outputs: values of the vector.
        channels: of the finest level.

    Source: Radford et al. 2016, section 3.
    """

    def __init__(self, settings: ComparatorSettings, outputs: int, channels: int) -> None:
        super().__init__()
        widths = widths_of(settings, channels)
        layers: list[nn.Module] = [nn.Conv2d(COLOURS, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for width, following in itertools.pairwise(widths):
            layers += [nn.Conv2d(width, following, 4, 2, 1, bias=False), nn.BatchNorm2d(following), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], outputs, LEAST_SIDE))

    def forward(self, x: Tensor) -> Tensor:
        """Vectors ``(n, outputs)`` from images ``(n, 3, size, size)``."""
        return self.layers(x).flatten(1)


def widths_of(settings: ComparatorSettings, channels: int) -> list[int]:
    """Channels of the levels below the image, from the finest on."""
    return [channels * min(WIDEST, 1 << level) for level in range(settings.halvings)]


def start_small(network: nn.Module) -> None:
    """First weights of a DCGAN: normal, 0.02 wide; scales of batch normalisation around 1 (section 3)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
