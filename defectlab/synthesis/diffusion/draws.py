"""All that a training draws at random, as functions of seed and step, so that a resume draws the same."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def generator_of(*numbers: int) -> torch.Generator:
    """A generator on the processor for some numbers, such as seed and step; other numbers, other draws.

    Raises:
        ValueError: if a number is negative.
    """
    if min(numbers) < 0:
        raise ValueError(f"seeds: expected numbers of at least 0, got {numbers}")
    state = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state)


def batch_indices(n: int, batch_size: int, seed: int, step: int) -> Tensor:
    """Images of a step, int64 ``(batch_size,)``: an endless row of shuffled passes over all of them, cut to batches.

    Args:
        n: number of images.
        batch_size: images a step; may be more than ``n``.
        seed: of the training.
        step: from 0 on.
    """
    places = torch.arange(step * batch_size, (step + 1) * batch_size)
    epochs = places // n
    orders = {int(e): torch.randperm(n, generator=generator_of(seed, 0x0DE, int(e))) for e in epochs.unique()}
    return torch.stack([orders[int(e)][p % n] for e, p in zip(epochs, places, strict=True)])


def step_levels(n: int, timesteps: int, generator: torch.Generator) -> Tensor:
    """Level of noise of each image, int64 ``(n,)``, uniform on 0 to T - 1 (the paper's 1 to T)."""
    return torch.randint(timesteps, (n,), generator=generator)


def drop_classes(labels: Tensor, share: float, untold: int, generator: torch.Generator) -> Tensor:
    """Labels of which a share, drawn at random, is replaced by "not told" (Ho and Salimans 2022, algorithm 1).

    Args:
        labels: int64 ``(n,)``.
        share: probability of each, in [0, 1].
        untold: index that stands for it.
        generator: on the processor.
    """
    dropped = torch.rand(len(labels), generator=generator) < share
    return torch.where(dropped, untold, labels)
