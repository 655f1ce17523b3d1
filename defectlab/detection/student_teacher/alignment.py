"""Multi-level alignment: which blocks make a level, and both networks' features on one scale, direction alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from torch import Tensor

Groups = tuple[tuple[int, ...], ...]
LEVELS = 3
"""Shallow, middle and deep (section 3.3.3)."""


def level_groups(depth: int, levels: Groups | None = None) -> Groups:
    """The blocks of each level.

    Args:
        depth: blocks of the teacher.
        levels: wanted groups; ``None``: three groups of the middle two thirds of the blocks, or of all blocks where
            that is fewer than three.

    Raises:
        ValueError: if a group is empty, names a block that is not there, or there are too few blocks.
    """
    if levels is None:
        margin = depth // 6  # 2 of 12: the first blocks hold edges, the last ones little of the place
        inner = np.arange(margin, depth - margin)
        if len(inner) < LEVELS:
            raise ValueError(f"a teacher of {depth} blocks has no {LEVELS} levels: name the blocks, levels=((0,), ...)")
        return tuple(tuple(int(i) for i in part) for part in np.array_split(inner, LEVELS))
    if not levels or not all(levels):
        raise ValueError(f"levels must be groups of at least one block each, got {levels}")
    wrong = sorted({i for group in levels for i in group if not 0 <= i < depth})
    if wrong:
        raise ValueError(f"levels name the blocks {wrong}, but the teacher has the blocks 0 to {depth - 1}")
    return tuple(tuple(group) for group in levels)


def mean_levels(maps: Sequence[Tensor], groups: Groups) -> list[Tensor]:
    """The mean of each group's feature maps; ``maps`` are those of the blocks `block_indices` gives, in its order."""
    position = {block: i for i, block in enumerate(block_indices(groups))}
    return [sum((maps[position[i]] for i in group[1:]), maps[position[group[0]]]) / len(group) for group in groups]


def block_indices(groups: Groups) -> list[int]:
    """All blocks that the groups name, once each, ascending."""
    return sorted({i for group in groups for i in group})


def normalise(features: Tensor) -> Tensor:
    """Unit vectors along the channels, float32 at least; a vector of zeros stays.

    Args:
        features: shape ``(n, C, h, w)``.
    """
    wide = features if features.dtype.itemsize > 4 else features.float()
    return F.normalize(wide, dim=1)  # channel-wise L2, section 3.3.1


def align(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Level by level, both features normalised and of the teacher's height and width.

    Args:
        teacher: one ``(n, C, h, w)`` a level, shallow first.
        student: as many, of the same number of images and channels; another height or width is brought to the
            teacher's, bilinear, before the normalisation.

    Raises:
        ValueError: if levels, images or channels differ.
    """
    if len(teacher) != len(student) or not teacher:
        raise ValueError(f"teacher and student need the same levels, got {len(teacher)} and {len(student)}")
    pairs = []
    for level, (t, s) in enumerate(zip(teacher, student, strict=True)):
        if t.ndim != 4 or s.ndim != 4 or t.shape[:2] != s.shape[:2]:
            raise ValueError(f"level {level}: teacher {tuple(t.shape)} and student {tuple(s.shape)} do not fit")
        if s.shape[2:] != t.shape[2:]:
            s = F.interpolate(s, t.shape[2:], mode="bilinear")
        pairs.append((normalise(t), normalise(s)))
    return pairs
