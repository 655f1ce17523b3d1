"""Do the running averages of batch normalisation move? One distance, and one layer to try it on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Averages = list[tuple[Tensor, Tensor]]
"""Running mean and variance of each layer, with the layer's own small constant added to the variance."""


def averages(network: nn.Module) -> Averages:
    """Copies of the running means and variances of all layers of batch normalisation, in their order."""
    found: Averages = []
    for layer in network.modules():
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None and layer.running_var is not None:
            found.append((layer.running_mean.detach().cpu().clone(), layer.running_var.detach().cpu() + layer.eps))
    return found


def distance(now: Averages, then: Averages) -> float:
    """How far the running means moved, in deviations of a channel: root mean square over all channels.

    Args:
        now: as `averages` gives them.
        then: of the same network at an earlier time; its variances are the unit.

    Returns:
        At least 0, and exactly 0 where no mean changed; NaN for a network without such layers.
    """
    squares = [(mean - before).square() / variance for (mean, _), (before, variance) in zip(now, then, strict=True)]
    return math.sqrt(float(torch.cat(squares).mean())) if squares else math.nan  # Eq. moved


def means_of_one_layer(training: Sequence[bool], momentum: float = 0.5, steps: int = 20) -> list[float]:
    """Running mean of one layer after each epoch, over data whose mean drifts: 0 in the first epoch, then 10, 20, ...

    Args:
        training: whether the layer is in training mode, epoch by epoch.
        momentum: weight of the newest batch in the average.
        steps: batches an epoch.
    """
    layer = nn.BatchNorm1d(1, momentum=momentum)
    found = []
    for epoch, mode in enumerate(training):
        layer.train(mode)
        for _ in range(steps):
            layer(10.0 * epoch + torch.tensor([[-1.0], [0.0], [0.0], [1.0]]))
        ((mean, _),) = averages(layer)
        found.append(float(mean))
    return found
