"""How far the images of a set lie apart."""

from __future__ import annotations

import torch

from defectlab.evaluation.inputs import Features, as_features


def mean_pairwise_distance(features: Features) -> float:
    """Mean Euclidean distance between two different images of a set; 0 where a generator makes one image only.

    Compare it with the same number of real images: a mean over pairs does not depend on how many there are.

    Args:
        features: shape ``(n >= 2, d)``.

    Returns:
        The mean over all pairs, in feature units, at least 0.

    Raises:
        ValueError: if the features are unfit.
    """
    x = as_features("set of", features)
    return float(torch.nn.functional.pdist(x).mean())
