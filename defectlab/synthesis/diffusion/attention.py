"""Linear attention over a feature map: cost in proportion to its area, not to the square of it.

Source: Shen et al. 2021 (Efficient Attention), in the form of the public code denoising-diffusion-pytorch: four heads
of 32 features, softmax of the queries over features and of the keys over positions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

HEADS, HEAD_SIZE = 4, 32


class LinearAttention(nn.Module):
    """What each position reads from a summary of all of them; added to its input.

    Args:
        channels: of the feature map.
        heads: number of summaries.
        head_size: features of a query.
    """

    def __init__(self, channels: int, heads: int = HEADS, head_size: int = HEAD_SIZE) -> None:
        super().__init__()
        self.heads, self.scale = heads, head_size**-0.5
        self.norm_in, self.norm_out = ChannelNorm(channels), ChannelNorm(channels)
        self.to_qkv = nn.Conv2d(channels, 3 * heads * head_size, 1, bias=False)
        self.to_out = nn.Conv2d(heads * head_size, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A map of the same shape ``(n, channels, h, w)``."""
        n, _, h, w = x.shape
        q, k, v = self.to_qkv(self.norm_in(x)).view(n, 3, self.heads, -1, h * w).unbind(1)
        read = linear_attention(q, k, v) * self.scale
        return x + self.norm_out(self.to_out(read.reshape(n, -1, h, w)))


class ChannelNorm(nn.Module):
    """Brings the features of each position to a mean square of one, times a learnt scale (RMS norm).

    Args:
        channels: of the feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """A map of the same shape ``(n, channels, h, w)``."""
        mean_square = x.float().square().mean(dim=1, keepdim=True)
        return (x * (mean_square + 1e-12).rsqrt().to(x.dtype)) * self.weight.view(1, -1, 1, 1)


def linear_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """``(v softmax(k)^T) softmax(q)``: the summary of all positions first, then what each one reads of it.

    Args:
        q: queries ``(n, heads, d, positions)``; a softmax is taken over their features.
        k: keys, as ``q``; a softmax is taken over positions.
        v: values ``(n, heads, e, positions)``.

    Returns:
        ``(n, heads, e, positions)``: each a mean of the values, with weights that are at least 0 and sum to 1.
    """
    q, k = q.softmax(dim=-2), k.softmax(dim=-1)
    summary = torch.einsum("bhdn,bhen->bhde", k, v.to(k.dtype))  # d x e, whatever the number of positions
    return torch.einsum("bhde,bhdn->bhen", summary, q).to(v.dtype)
