"""The queue: keys of earlier batches, oldest out first."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class KeyQueue(nn.Module):
    """A ring of unit vectors that starts with random ones.

    Args:
        length: K, keys that it holds.
        dim: of a key.
        generator: of the first keys, on the CPU.

    Attributes:
        keys: float32 ``(K, dim)``, in no order that matters.
        position: int64 scalar, where the next key goes.
        added: int64 scalar, keys added so far; from K on the random ones are gone.
    """

    keys: Tensor
    position: Tensor
    added: Tensor

    def __init__(self, length: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(length, dim, generator=generator), dim=1))
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))
        self.register_buffer("added", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.keys)

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Puts keys ``(n, dim)`` in the place of the ``n`` oldest; call it after the backward pass.

        Raises:
            ValueError: if there are more keys than places.
        """
        n, length = len(keys), len(self)
        if n > length:
            raise ValueError(f"a queue of {length} keys cannot take {n} at once: a longer queue or smaller batches")
        start = int(self.position)
        first = min(n, length - start)  # the rest goes to the beginning
        self.keys[start : start + first] = keys[:first].to(self.keys.dtype)
        self.keys[: n - first] = keys[first:].to(self.keys.dtype)
        self.position.fill_((start + n) % length)
        self.added.add_(n)
