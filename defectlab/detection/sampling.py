"""The order in which a training sees its images: a function of (seed, epoch), not of what ran before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Order:
    """One epoch's draws.

    Attributes:
        indices: positions in the training set, int64.
        variants: which mirror image each draw takes, int64.
    """

    indices: Tensor
    variants: Tensor

    def batches(self, size: int) -> list[tuple[Tensor, Tensor]]:
        """The draws in batches; a single image left over joins the batch before (BatchNorm needs two)."""
        starts = list(range(0, len(self.indices), size))
        if len(starts) > 1 and size > 1 and len(self.indices) - starts[-1] == 1:
            starts.pop()
        ends = [*starts[1:], len(self.indices)]
        return [(self.indices[a:b], self.variants[a:b]) for a, b in zip(starts, ends, strict=True)]


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed for one epoch; neighbouring seeds and epochs share nothing."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(labels: Tensor, n_variants: int, balance: str, seed: int, epoch: int) -> Order:
    """The draws of one epoch, as many as there are images.

    ``"none"``: every image once, shuffled (DIAG). ``"balanced"``: every other draw is defective, each class running
    through its shuffled images again and again, so that no image is drawn twice more often than another of its
    class; the number of steps does not depend on how many images are defective, which keeps arms comparable
    (the KSDD2 line instead shortens the epoch to twice the defective images, metrics.md 2.4).

    Args:
        labels: 0 or 1, shape ``(n,)``.
        n_variants: mirror images to pick from.
        balance: ``"none"`` or ``"balanced"``.
        seed: of the training.
        epoch: from 0.
    """
    generator = torch.Generator().manual_seed(epoch_seed(seed, epoch))
    n = len(labels)
    if balance == "none":
        indices = torch.randperm(n, generator=generator)
    else:
        half = n - n // 2
        normal = cycle((labels == 0).nonzero().flatten(), half, generator)
        defective = cycle((labels == 1).nonzero().flatten(), half, generator)
        indices = torch.stack([normal, defective], dim=1).flatten()[:n]
    return Order(indices, torch.randint(n_variants, (n,), generator=generator))


def cycle(items: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """``n`` items in shuffled rounds."""
    rounds = -(-n // len(items))
    return torch.cat([items[torch.randperm(len(items), generator=generator)] for _ in range(rounds)])[:n]
