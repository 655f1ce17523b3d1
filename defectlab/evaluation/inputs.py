"""What every metric checks before it computes: labels with scores, and sets of features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Features = Tensor | np.ndarray
Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]


def as_ranking(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Labels, Scores]:
    """Labels and scores in the form that the metrics compute on.

    Scores are never rescaled and never pass through a sigmoid: only their order matters to a ranking.

    Args:
        labels: shape ``(n,)``, 0 normal, 1 defective (any integer, boolean or float type).
        scores: shape ``(n,)``, finite, any range; higher means more defective.

    Returns:
        Labels as bool and scores as float64, both of shape ``(n,)``.

    Raises:
        ValueError: if the shapes differ or are not ``(n >= 1,)``, a label is neither 0 nor 1, a score is not finite,
            or no label is 1.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.ndim != 1 or labels.shape != scores.shape or not len(labels):
        raise ValueError(f"labels and scores must share a shape (n >= 1,), got {labels.shape} and {scores.shape}")
    positive = labels == 1
    wrong = ~(positive | (labels == 0))
    if wrong.any():
        at = int(wrong.argmax())
        raise ValueError(f"labels must be 0 (normal) or 1 (defective), got {labels[at]!r} at position {at}")
    scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        at = int((~np.isfinite(scores)).argmax())
        raise ValueError(
            f"scores must be finite, got {scores[at]} at position {at} of {len(scores)}: did training diverge?"
        )
    if not positive.any():
        raise ValueError(f"labels hold no positive among {len(labels)}: precision and recall need at least one defect")
    return positive, scores


def as_features(name: str, features: Features, at_least: int = 2) -> Tensor:
    """Features in float64, on the device where they lie.

    Args:
        name: what the set is called in an error.
        features: shape ``(n, d)``, finite.
        at_least: smallest ``n`` that the caller can work with.

    Returns:
        Float64 tensor of shape ``(n, d)``, detached.

    Raises:
        ValueError: if the shape is not ``(n >= at_least, d >= 1)`` or a value is not finite; the first row is named.
    """
    tensor = torch.as_tensor(features).detach().double()
    if tensor.ndim != 2 or len(tensor) < at_least or tensor.shape[1] < 1:
        raise ValueError(f"{name} features must have shape (n >= {at_least}, d >= 1), got {tuple(tensor.shape)}")
    finite = torch.isfinite(tensor).all(dim=1)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        raise ValueError(f"{name} features contain a non-finite value, first in row {row}")
    return tensor


def as_feature_pair(real: Features, synthetic: Features) -> tuple[Tensor, Tensor]:
    """Real and synthetic features, checked one by one and against each other.

    Args:
        real: shape ``(n, d)``.
        synthetic: shape ``(m, d)``.

    Returns:
        Both in float64; shapes ``(n, d)`` and ``(m, d)``.

    Raises:
        ValueError: as in `as_features`, or if the sets differ in ``d``.
    """
    x, y = as_features("real", real), as_features("synthetic", synthetic)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"feature sizes differ: real has {x.shape[1]}, synthetic has {y.shape[1]}")
    return x, y.to(x.device)
