"""The two heads: one logit on the global average (the papers), and the worst patches of the image (MIL)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defectlab.detection.config import ClassifierConfig


def mean_of_top(logits: Tensor, k: int) -> Tensor:
    """Image logits from patch logits: the mean of the ``k`` highest.

    A thin crack covers a few patches of hundreds: a mean over all drowns it, the maximum alone hears noise.

    Args:
        logits: shape ``(n, h, w)``.
        k: patches that count; all of them where the map has fewer.

    Returns:
        Shape ``(n,)``.
    """
    flat = logits.flatten(1)
    return flat.topk(min(k, flat.shape[1]), dim=1).values.mean(dim=1)


class GapHead(nn.Module):
    """One logit on the global average of the features: ``Linear(C, 1)``, as papers.md 3.5."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Image logits of shape ``(n,)`` from features of shape ``(n, C, h, w)``."""
        return self.linear(features.mean(dim=(2, 3))).squeeze(1)


class PatchHead(nn.Module):
    """A logit at each place of the feature map; the image's logit is the mean of the highest.

    Features are standardised a channel at a time (`calibrate`): a pretrained backbone's channels differ in scale
    by orders of magnitude. The division is folded into the first layer's weights, so it costs no pass over them.

    Args:
        channels: of the features.
        hidden: channels of the hidden layer, 0 for a linear head.
        k: how many places the image's logit averages.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, hidden: int, k: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.first = nn.Conv2d(channels, hidden or 1, 1)
        self.second = nn.Conv2d(hidden, 1, 1) if hidden else None
        self.k = k

    def calibrate(self, features: Tensor) -> None:
        """Takes mean and deviation of each channel from features ``(n, C, h, w)`` of training images."""
        values = features.detach().double().transpose(0, 1).flatten(1)
        self.mean.copy_(values.mean(dim=1))
        self.std.copy_(values.std(dim=1).clamp(min=1e-3))  # a channel that is always off must not be blown up

    def maps(self, features: Tensor) -> Tensor:
        """Patch logits of shape ``(n, h, w)`` from features of shape ``(n, C, h, w)``."""
        # W (x - mean) / std + b  =  (W / std) x + (b - (W / std) mean)
        weight = self.first.weight / self.std[:, None, None]
        bias = self.first.bias - weight.flatten(1) @ self.mean if self.first.bias is not None else None
        hidden = F.conv2d(features, weight, bias)
        return (hidden if self.second is None else self.second(F.relu(hidden))).squeeze(1)

    def forward(self, features: Tensor) -> Tensor:
        """Image logits of shape ``(n,)`` from features of shape ``(n, C, h, w)``."""
        if features.requires_grad or not torch.is_grad_enabled():
            return mean_of_top(self.maps(features), self.k)
        # frozen features: the gradient reaches the highest places alone, so it is computed for those alone
        with torch.no_grad():
            logits = self.maps(features).flatten(1)
        top = logits.topk(min(self.k, logits.shape[1]), dim=1).indices
        chosen = features.flatten(2).gather(2, top[:, None].expand(-1, features.shape[1], -1))
        return self.maps(chosen[..., None]).flatten(1).mean(dim=1)


def make_head(config: ClassifierConfig, channels: int) -> nn.Module:
    """The head that the settings name, on features of so many channels."""
    return GapHead(channels) if config.head == "gap" else PatchHead(channels, config.hidden, config.top_k)
