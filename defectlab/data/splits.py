"""Splits that never part a group and keep the classes in proportion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def grouped_split(classes: Sequence[str], groups: Sequence[str], fraction: float, seed: int) -> np.ndarray:
    """Choose a part of the images, whole groups at a time, with each class near its share.

    Groups are dealt out one by one, the largest first and equal ones in random order, each to the side that is left
    with the better balance over the classes.

    Args:
        classes: class of each image.
        groups: group of each image; an empty one stands for an image of its own.
        fraction: wanted share of each class in the part, inside (0, 1).
        seed: of the order of equally large groups.

    Returns:
        bool, shape ``(n,)``, true for the images of the part.

    Raises:
        ValueError: if the fraction is not inside (0, 1).
    """
    if not 0 < fraction < 1:
        raise ValueError(f"a split needs a fraction between 0 and 1, got {fraction}")
    if not len(classes):
        return np.zeros(0, dtype=bool)
    own = [f"g{group}" if group else f"i{i}" for i, group in enumerate(groups)]
    _, member = np.unique(own, return_inverse=True)
    names, kind = np.unique(np.asarray(classes, dtype=str), return_inverse=True)
    counts = np.zeros((member.max() + 1, len(names)))
    np.add.at(counts, (member, kind), 1)
    wanted = counts.sum(axis=0)[None] * np.array([[1 - fraction], [fraction]])
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    chosen = np.zeros(len(counts), dtype=bool)
    filled = np.zeros((2, len(names)))
    for group in order:
        imbalance = [_imbalance(filled, wanted, counts[group], side) for side in (0, 1)]
        side = int(imbalance[1] < imbalance[0])
        chosen[group] = bool(side)
        filled[side] += counts[group]
    return chosen[member]


def _imbalance(filled: np.ndarray, wanted: np.ndarray, added: np.ndarray, side: int) -> float:
    """How unequally full the two sides would be, summed over the classes of the added group."""
    after = filled.copy()
    after[side] += added
    levels = after / wanted
    return float((((levels[0] - levels[1]) ** 2)[added > 0]).sum())
