"""The invertible layers of a flow, each with the logarithm of how much it stretches volume.

Source: Kingma and Dhariwal 2018 (Glow), Table 1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

Mapped = tuple[Tensor, Tensor]
"""What a layer gives, and the logarithm of its volume factor for each image ``(n,)``."""


class ActNorm(nn.Module):
    """Scale and shift of each channel, which bring the first batch to mean 0 and variance 1.

    Args:
        channels: of the feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("started", torch.zeros(()))
        self.started: Tensor

    def forward(self, x: Tensor) -> Mapped:
        """``(x + shift) exp(log_scale)``."""
        if self.training and not self.started:
            with torch.no_grad():
                self.shift.copy_(-x.mean(dim=(0, 2, 3), keepdim=True))
                self.log_scale.copy_(-(x.std(dim=(0, 2, 3), keepdim=True) + 1e-6).log())
                self.started.fill_(1.0)
        volume = self.log_scale.sum() * x.shape[2] * x.shape[3]
        return (x + self.shift) * self.log_scale.exp(), volume.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """The ``x`` that `forward` gives ``y`` for."""
        return y * (-self.log_scale).exp() - self.shift


class Mixing(nn.Module):
    """An invertible 1 x 1 convolution, at first a random rotation (section 3.2).

    Args:
        channels: of the feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(channels, channels))[0])

    def forward(self, x: Tensor) -> Mapped:
        """Each place times the matrix."""
        volume = torch.linalg.slogdet(self.weight)[1] * x.shape[2] * x.shape[3]
        return torch.einsum("oc,nchw->nohw", self.weight, x), volume.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """Each place times the inverse of the matrix."""
        return torch.einsum("oc,nchw->nohw", torch.linalg.inv(self.weight.double()).to(y.dtype), y)


class Coupling(nn.Module):
    """Half of the channels is scaled and shifted by what a small network says of the other half (section 3.3).

    Its last layer starts at 0, so that the coupling first multiplies by the logistic function of 2.

    Args:
        channels: of the feature map, even.
        hidden: channels inside of the network.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        last = nn.Conv2d(hidden, channels, 3, padding=1)
        start_at_zero(last)
        first, second = nn.Conv2d(channels // 2, hidden, 3, padding=1), nn.Conv2d(hidden, hidden, 1)
        self.network = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)

    def forward(self, x: Tensor) -> Mapped:
        """The second half, moved; the first as it was."""
        kept, moved = x.chunk(2, dim=1)
        shift, log_scale = self._told(kept)
        return torch.cat([kept, (moved + shift) * log_scale.exp()], dim=1), log_scale.flatten(1).sum(dim=1)

    def inverse(self, y: Tensor) -> Tensor:
        """The ``x`` that `forward` gives ``y`` for."""
        kept, moved = y.chunk(2, dim=1)
        shift, log_scale = self._told(kept)
        return torch.cat([kept, moved * (-log_scale).exp() - shift], dim=1)

    def _told(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        shift, raw = self.network(kept).chunk(2, dim=1)
        return shift, nn.functional.logsigmoid(raw + 2)


class FlowStep(nn.Module):
    """Normalisation, mixing, coupling: one step of flow.

    Args:
        channels: of the feature map.
        hidden: channels inside of the coupling.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([ActNorm(channels), Mixing(channels), Coupling(channels, hidden)])

    def forward(self, x: Tensor) -> Mapped:
        """All three, and the sum of their volume factors."""
        volume = x.new_zeros(len(x))
        for layer in self.layers:
            x, more = layer(x)
            volume = volume + more
        return x, volume

    def inverse(self, y: Tensor) -> Tensor:
        """The ``x`` that `forward` gives ``y`` for."""
        inverses: list[Any] = list(reversed(self.layers))
        for layer in inverses:
            y = layer.inverse(y)
        return y


def start_at_zero(layer: nn.Conv2d) -> None:
    """A convolution that gives 0 until it has learnt something."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def squeeze(x: Tensor) -> Tensor:
    """Blocks of 2 x 2 places become channels: ``(n, c, 2h, 2w)`` to ``(n, 4c, h, w)``."""
    return nn.functional.pixel_unshuffle(x, 2)


def unsqueeze(x: Tensor) -> Tensor:
    """What `squeeze` was given."""
    return nn.functional.pixel_shuffle(x, 2)
