"""The order of an epoch: a function of (seed, epoch), in batches that are mixed or of one class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from defectlab.detection.sampling import epoch_seed


def epoch_batches(classes: Tensor, batch_size: int, composition: str, seed: int, epoch: int) -> Tensor:
    """Positions of the images of each batch; what does not fill a batch is left out of this epoch.

    Args:
        classes: class of each image, int64 ``(n,)``; read for ``"single_class"`` only.
        batch_size: images a batch.
        composition: ``"shuffled"`` or ``"single_class"``: batches of one class each, in random order.
        seed: of the training.
        epoch: from 0.

    Returns:
        int64 ``(batches, batch_size)``.
    """
    generator = torch.Generator().manual_seed(epoch_seed(seed, epoch))
    if composition == "shuffled":
        return _full_batches(torch.arange(len(classes)), batch_size, generator)
    parts = [_full_batches((classes == c).nonzero().flatten(), batch_size, generator) for c in classes.unique()]
    batches = torch.cat(parts)
    return batches[torch.randperm(len(batches), generator=generator)]


def check_batches(classes: Tensor, names: tuple[str, ...], batch_size: int, composition: str) -> None:
    """Refuses data sets that cannot fill a batch, before anything is trained.

    Raises:
        ValueError: naming the class, or the data set, that is too small.
    """
    if composition == "shuffled" and len(classes) < batch_size:
        raise ValueError(f"a batch takes {batch_size} images, the data set holds {len(classes)}: lower batch_size")
    if composition == "single_class":
        counts = torch.bincount(classes, minlength=len(names)).tolist()
        small = [f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count < batch_size]
        if small:
            raise ValueError(
                f"batches of one class take {batch_size} images of it, too few in: {', '.join(small)}; "
                "lower batch_size or take batch_composition='shuffled'"
            )


def step_generator(seed: int, epoch: int, step: int) -> torch.Generator:
    """The source of all that is random in one step; the same after a resume."""
    words = np.random.SeedSequence([seed, epoch, step, 1]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


def _full_batches(items: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    order = items[torch.randperm(len(items), generator=generator)]
    return order[: len(order) // batch_size * batch_size].view(-1, batch_size)
