"""The Haar transform as a weightless autoencoder: 4 x 4 pixels become 16 latent channels, without loss."""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 2
CHANNELS = 4**LEVELS


def haar(x: Tensor, levels: int = LEVELS) -> Tensor:
    """Orthonormal Haar transform by space-to-depth.

    Args:
        x: shape ``(n, c, h, w)``, sides divisible by ``2 ** levels``.
        levels: how often the transform is applied; every band is transformed again (a wavelet packet).

    Returns:
        Shape ``(n, c * 4 ** levels, h / 2 ** levels, w / 2 ** levels)``; channel 0 is the scaled local mean. The sum
        of squares is kept.
    """
    for _ in range(levels):
        a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        x = torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], dim=1) / 2
    return x


def inverse_haar(z: Tensor, levels: int = LEVELS) -> Tensor:
    """The image that `haar` came from, shape ``(n, c, h, w)``."""
    for _ in range(levels):
        mean, across, down, diagonal = z.chunk(4, dim=1)
        n, c, h, w = mean.shape
        x = z.new_empty(n, c, 2 * h, 2 * w)
        x[..., ::2, ::2] = mean + across + down + diagonal
        x[..., ::2, 1::2] = mean - across + down - diagonal
        x[..., 1::2, ::2] = mean + across - down - diagonal
        x[..., 1::2, 1::2] = mean - across - down + diagonal
        z = x / 2
    return z
