"""Whether a generator copies its training images: distances to the nearest one, beside held-out real images."""

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


@dataclass(frozen=True)
class NearestDistances:
    """How near generated images lie to training images, beside real images that nobody trained on.

    Attributes:
        distances: shape ``(m,)``, Euclidean distance of each sample to its nearest training image, in feature units.
        nearest: shape ``(m,)``, the row of that training image.
        control: shape ``(k,)``, the distances of the held-out real images.
        dim: number of features.
    """

    distances: npt.NDArray[np.float64]
    nearest: npt.NDArray[np.int64]
    control: npt.NDArray[np.float64]
    dim: int

    @property
    def closer_than_real(self) -> float:
        """Probability that a sample lies nearer to the training images than a held-out real image does, in [0, 1].

        0.5 where samples lie as far off as new real images do, 1 where all are copies, 0 where all are farther off than
        any new image: a generator far from the data, whatever it copies. Ties count half (Mann and Whitney 1947).
        """
        below = self.distances[:, None] < self.control
        tied = self.distances[:, None] == self.control
        return float(below.mean() + tied.mean() / 2)

    @property
    def copies(self) -> float:
        """Share of samples that are nearer to a training image than every held-out real image is."""
        return float((self.distances < self.control.min()).mean())

    @property
    def median_over_control(self) -> float:
        """Median distance of the samples over that of the held-out images; infinite where the latter is 0."""
        control = float(np.median(self.control))
        return float(np.median(self.distances)) / control if control else float("inf")

    def closest(self, n: int = 5) -> npt.NDArray[np.int64]:
        """Rows of the ``n`` samples nearest to a training image, nearest first: those to look at."""
        return np.argsort(self.distances, kind="stable")[:n]


def nearest_distances(
    samples: Features, train: Features, held_out: Features, batch_size: int = 256
) -> NearestDistances:
    """Distance of each sample to its nearest training image, and the same for real images that nobody trained on.

    In any space: features, or pixels flattened to ``(n, 3 H W)``. Where a generator learnt from augmented images,
    ``train`` holds them all: a flipped copy is a copy. Only a few samples at a time are brought to float64, so that
    20 000 samples in pixels fit in memory.

    Args:
        samples: generated images, shape ``(m >= 1, d)``.
        train: real images that the generator learnt from, shape ``(n >= 1, d)``.
        held_out: real images that it never saw, shape ``(k >= 1, d)``: without them no distance can be read.
        batch_size: samples at a time.

    Returns:
        Distances, the nearest rows and the control.

    Raises:
        ValueError: if a set is unfit or the sets differ in ``d``.
    """
    sets = {"samples": samples, "train": train, "held-out": held_out}
    sizes = {name: tuple(part.shape) for name, part in sets.items()}
    if len({shape[1:] for shape in sizes.values()}) > 1:
        raise ValueError(f"expected sets (n, d) of one d, got {sizes}")
    x = as_features("train", train, at_least=1)
    distances, nearest = _nearest("samples", samples, x, batch_size)
    control, _ = _nearest("held-out", held_out, x, batch_size)
    return NearestDistances(distances, nearest, control, x.shape[1])


def _nearest(
    name: str, images: Features, train: Tensor, batch_size: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Distance to the nearest training image and its row, batch by batch."""
    if len(images) < 1:
        raise ValueError(f"{name} features must have shape (n >= 1, d >= 1), got {tuple(images.shape)}")
    parts = []
    for start in range(0, len(images), batch_size):
        which = name if start == 0 else f"{name} (counted from row {start})"
        batch = as_features(which, images[start : start + batch_size], at_least=1).to(train.device)
        parts.append(_distances(batch, train).min(dim=1))
    values, rows = (torch.cat([part[i] for part in parts]).cpu().numpy() for i in (0, 1))
    return values, rows


def _ratios(images: Tensor, train: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distance to the nearest training image, its row, and the ratio to that image's own nearest distance."""
    distance, nearest = _distances(images, train).min(dim=1)
    # d(image, nearest train) / d(that train, its nearest other train); a copy of a duplicated image is 0, not 0 / 0
    ratio = torch.where(distance == 0, 0.0, distance / own[nearest])
    return distance, nearest, ratio


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # the matrix-product form would leave a copy at 1e-7 instead of 0
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
