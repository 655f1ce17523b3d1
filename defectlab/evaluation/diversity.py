"""Whether a generator copies its training images, and how far its images lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from defectlab.evaluation.inputs import Features, as_features


@dataclass(frozen=True)
class NearestPair:
    """A synthetic image and the training image next to it.

    Attributes:
        synthetic: row of the synthetic image.
        train: row of the training image.
        distance: Euclidean, in feature units.
        ratio: distance over that training image's own distance to its nearest other training image.
    """

    synthetic: int
    train: int
    distance: float
    ratio: float


@dataclass(frozen=True)
class MemorisationReport:
    """How near synthetic images lie to training images, beside real images that nobody trained on.

    Attributes:
        ratios: shape ``(m,)``, at least 0, for each synthetic image; well below 1 means a copy.
        control_ratios: shape ``(k,)``, the same for the held-out real images: what 'new' looks like.
        share_close: share of synthetic images as near to a training image as the closest 1 % of training images are to
            their nearest other.
        control_share_close: the same for the held-out real images.
        close_below: that distance, the first percentile, in feature units.
        pairs: the nearest pairs, nearest first, to look at.
        dim: number of features.
    """

    ratios: npt.NDArray[np.float64]
    control_ratios: npt.NDArray[np.float64]
    share_close: float
    control_share_close: float
    close_below: float
    pairs: tuple[NearestPair, ...]
    dim: int

    @property
    def median_ratio(self) -> float:
        """Median over the synthetic images."""
        return float(np.median(self.ratios))

    @property
    def control_median_ratio(self) -> float:
        """Median over the held-out real images."""
        return float(np.median(self.control_ratios))


def memorisation(train: Features, synthetic: Features, *, held_out: Features, n_pairs: int = 5) -> MemorisationReport:
    """Nearest-neighbour check for copies, in any space: features, or pixels flattened to ``(n, 3 H W)``.

    Args:
        train: real images that the generator learned from, shape ``(n >= 3, d)``.
        synthetic: shape ``(m >= 1, d)``.
        held_out: real images that it never saw, shape ``(k >= 1, d)``: without them no ratio can be read.
        n_pairs: nearest pairs to return.

    Returns:
        Ratios and shares for the synthetic and for the held-out images, and the nearest pairs.

    Raises:
        ValueError: if a set is unfit or the sets differ in ``d``.

    Source: ratio of nearest-neighbour distances as in Meehan et al. 2020 and van den Burg and Williams 2021.
    """
    x = as_features("train", train, at_least=3)
    z, control = as_features("synthetic", synthetic, at_least=1), as_features("held-out", held_out, at_least=1)
    sizes = {"train": x.shape[1], "synthetic": z.shape[1], "held-out": control.shape[1]}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"feature sizes differ: {sizes}")
    own = _distances(x, x).fill_diagonal_(torch.inf).amin(dim=1)  # d(train, nearest other train)
    close_below = float(torch.quantile(own, 0.01))
    distance, nearest, ratio = _ratios(z, x, own)
    control_distance, _, control_ratio = _ratios(control, x, own)
    pairs = tuple(
        NearestPair(i, int(nearest[i]), float(distance[i]), float(ratio[i]))
        for i in torch.argsort(distance, stable=True)[:n_pairs].tolist()
    )
    return MemorisationReport(
        ratio.cpu().numpy(),
        control_ratio.cpu().numpy(),
        float((distance <= close_below).double().mean()),
        float((control_distance <= close_below).double().mean()),
        close_below,
        pairs,
        x.shape[1],
    )


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


def _ratios(images: Tensor, train: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distance to the nearest training image, its row, and the ratio to that image's own nearest distance."""
    distance, nearest = _distances(images, train).min(dim=1)
    # d(image, nearest train) / d(that train, its nearest other train); a copy of a duplicated image is 0, not 0 / 0
    ratio = torch.where(distance == 0, 0.0, distance / own[nearest])
    return distance, nearest, ratio


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # the matrix-product form would leave a copy at 1e-7 instead of 0
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
