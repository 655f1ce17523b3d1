"""A few vectors that stand for many: greedy choice of what is farthest from everything chosen before."""

from __future__ import annotations

import torch
from torch import Tensor


def greedy_coreset(vectors: Tensor, n: int, seed: int, projection: int = 128) -> Tensor:
    """Positions of ``n`` vectors that cover all: each is the farthest from those chosen before it.

    The first is drawn at random. Distances are measured after a random projection, which keeps them nearly
    (Johnson and Lindenstrauss).

    Args:
        vectors: shape ``(N, d)``.
        n: at least 1; all, in order, where there are not more.
        seed: of the first choice and of the projection.
        projection: dimensions to project to; as they are where ``d`` is not larger.

    Returns:
        int64, shape ``(min(n, N),)``, in the order of their choice.

    Raises:
        ValueError: if ``n`` is below 1 or there is no vector.

    Source: Roth et al. 2022 (PatchCore), Algorithm 1 and Eq. 5.
    """
    if n < 1 or not len(vectors):
        raise ValueError(f"a coreset needs at least one of at least one vector, got {n} of {len(vectors)}")
    if n >= len(vectors):
        return torch.arange(len(vectors))
    generator = torch.Generator().manual_seed(seed)
    small = vectors.float()
    if vectors.shape[1] > projection:
        matrix = torch.randn(vectors.shape[1], projection, generator=generator) / projection**0.5
        small = small @ matrix.to(small.device)
    norms = small.square().sum(dim=1)
    chosen = [int(torch.randint(len(small), (1,), generator=generator))]
    nearest = torch.full_like(norms, torch.inf)
    for _ in range(n - 1):
        last = chosen[-1]
        # squared distance to the last chosen, by one product of matrix and vector
        nearest = torch.minimum(nearest, norms + norms[last] - 2 * (small @ small[last]))
        nearest[last] = -torch.inf  # equal vectors would be chosen twice
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)
