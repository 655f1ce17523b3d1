"""The key encoder follows the query encoder slowly."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def momentum_update(key: nn.Module, query: nn.Module, m: float) -> None:
    """``theta_k <- m theta_k + (1 - m) theta_q`` for all parameters; buffers, such as BatchNorm's, stay its own.

    Args:
        key: the encoder that follows, changed in place.
        query: the encoder that is trained.
        m: in [0, 1]; 1 keeps the key encoder as it is.

    Source: He et al. 2020 (MoCo), Eq. 2; DDPM-MoCo Eq. 6.
    """
    followers: list[Tensor] = list(key.parameters())
    leaders: list[Tensor] = list(query.parameters())
    torch._foreach_lerp_(followers, leaders, 1 - m)  # Eq. 6, all tensors in one call
