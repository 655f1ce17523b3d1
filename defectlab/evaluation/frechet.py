"""Fréchet distance between two sets of features: the arithmetic of FID, whatever the extractor."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from defectlab.evaluation.inputs import Features, as_feature_pair, as_features


@dataclass(frozen=True)
class FrechetReport:
    """A Fréchet distance with what is needed to read it.

    Attributes:
        distance: squared Fréchet distance, in squared feature units, at least 0.
        n_real: number of real images.
        n_synthetic: number of synthetic images.
        dim: number of features.
        floor: mean distance between random halves of the real images: what a perfect generator would still score at
            half the sample size. NaN where there are fewer than four real images, or none was asked for.
    """

    distance: float
    n_real: int
    n_synthetic: int
    dim: int
    floor: float

    @property
    def is_rank_deficient(self) -> bool:
        """True where a covariance cannot be of full rank: the value then measures sample size first."""
        return min(self.n_real, self.n_synthetic) <= self.dim

    def __str__(self) -> str:
        """One line: the value, the counts, the floor, and the caveat where there is one."""
        caveat = ", fewer images than features: read it against the floor only" if self.is_rank_deficient else ""
        return (
            f"{self.distance:.4g} on {self.dim} features ({self.n_real} real, {self.n_synthetic} synthetic; "
            f"real against real {self.floor:.4g}{caveat})"
        )


def frechet_distance(real: Features, synthetic: Features, *, floor_splits: int = 5, seed: int = 0) -> FrechetReport:
    """Squared Fréchet distance between Gaussians fitted to two feature sets.

    The trace term is the nuclear norm of the cross product of the centred features: exact, real and defined for any
    number of images; no matrix root, no epsilon.

    Args:
        real: features of shape ``(n, d)``, any scale, finite.
        synthetic: features of shape ``(m, d)``.
        floor_splits: random halvings of the real images that the floor is averaged over; 0 for none.
        seed: of the halvings.

    Returns:
        The distance with ``n``, ``m``, ``d`` and the real-against-real floor.

    Raises:
        ValueError: if the sets differ in ``d``, hold fewer than two images, or contain a non-finite value.

    Source: Heusel et al. 2017, Eq. 6; DIAG, Eq. 9 (printed there without the square).
    """
    x, y = as_feature_pair(real, synthetic)
    enough = floor_splits > 0 and len(x) >= 4
    floor = frechet_floor(x, splits=floor_splits, seed=seed) if enough else float("nan")
    return FrechetReport(_distance(x, y), len(x), len(y), x.shape[1], floor)


def frechet_floor(real: Features, *, splits: int = 5, seed: int = 0) -> float:
    """Mean Fréchet distance between two random halves of the real images: the bias of a sample of this kind.

    Args:
        real: features of shape ``(n >= 4, d)``.
        splits: number of random halvings, at least 1.
        seed: of the halvings.

    Returns:
        Squared Fréchet distance at ``n // 2`` images a side, at least 0.

    Raises:
        ValueError: if there are fewer than four images or fewer than one split.
    """
    x = as_features("real", real, at_least=4)
    if splits < 1:
        raise ValueError(f"splits must be at least 1, got {splits}")
    generator = torch.Generator().manual_seed(seed)
    half = len(x) // 2
    values = []
    for _ in range(splits):
        order = torch.randperm(len(x), generator=generator).to(x.device)
        values.append(_distance(x[order[:half]], x[order[half : 2 * half]]))
    return sum(values) / splits


def _distance(real: Tensor, synthetic: Tensor) -> float:
    x, x_mean = _centre(real)
    y, y_mean = _centre(synthetic)
    # tr((S1 S2)^(1/2)) = ||X Y^T||_*  with S1 = X^T X, S2 = Y^T Y
    cross = torch.linalg.matrix_norm(_compact(x) @ _compact(y).T, ord="nuc")
    # d^2 = |mu1 - mu2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))
    distance = (x_mean - y_mean).square().sum() + x.square().sum() + y.square().sum() - 2 * cross
    return float(distance.clamp(min=0))  # rounding may leave -1e-15 between equal sets


def _centre(features: Tensor) -> tuple[Tensor, Tensor]:
    mean = features.mean(dim=0)
    return (features - mean) / (len(features) - 1) ** 0.5, mean


def _compact(centred: Tensor) -> Tensor:
    """At most ``d`` rows with the same covariance: X = QR gives X^T X = R^T R and leaves the nuclear norm alone."""
    n, d = centred.shape
    return centred if n <= d else torch.linalg.qr(centred, mode="r").R
