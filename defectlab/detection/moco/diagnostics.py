"""Is the representation collapsing? Four numbers that say so, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ONE_POINT = 0.95
"""Norm of the mean embedding below which no one says that all images lie at one point; above it, see `SHRUNK`."""
SHRUNK = 0.25
"""Share of the untrained encoder's spread below which a training has drawn the images together: an untrained encoder
has a norm near 1 too, since its offsets are the same for all images."""
FEW_DIMENSIONS = 2.0
"""Effective rank below which embeddings are taken to fill no space."""


@dataclass(frozen=True)
class Diagnosis:
    """What embeddings look like.

    Attributes:
        alignment: mean squared distance of the two views of an image, in [0, 4]; 0: views do not matter.
        uniformity: logarithm of the mean Gaussian potential of pairs, in [-8, 0]; 0: all at one point, -4 and
            below: spread over the sphere.
        mean_norm: norm of the mean embedding, in [0, 1]; 1: all at one point.
        effective_rank: dimensions that are in use, from 1.
    """

    alignment: float
    uniformity: float
    mean_norm: float
    effective_rank: float

    @property
    def spread(self) -> float:
        """Half the mean squared distance of two images, ``1 - mean_norm^2``, in [0, 1]; 0: all at one point."""
        return max(0.0, 1 - self.mean_norm**2)


def diagnose(first: Tensor, second: Tensor) -> Diagnosis:
    """Diagnosis of the embeddings of two views.

    Args:
        first: unit vectors, shape ``(n, d)``, n >= 2.
        second: unit vectors of the other views, in the same order.

    Raises:
        ValueError: if the shapes differ, there are fewer than two rows, or a row is no unit vector.
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise ValueError(f"expected two times (n >= 2, d), got {tuple(first.shape)} and {tuple(second.shape)}")
    for name, part in (("first", first), ("second", second)):
        norms = part.float().norm(dim=1)
        if not torch.allclose(norms, torch.ones_like(norms), atol=1e-3):
            raise ValueError(f"{name}: expected unit vectors, norms go from {norms.min():.3g} to {norms.max():.3g}")
    return Diagnosis(alignment(first, second), uniformity(first), mean_norm(first), effective_rank(first))


def alignment(first: Tensor, second: Tensor) -> float:
    """``E |x - y|^2`` over the pairs of views (Wang and Isola 2020, Eq. 2 with alpha = 2)."""
    return (first.double() - second.double()).square().sum(dim=1).mean().item()


def uniformity(embeddings: Tensor) -> float:
    """``log E exp(-2 |x - y|^2)`` over pairs of different images (Wang and Isola 2020, Eq. 3 with t = 2)."""
    squared = torch.pdist(embeddings.double()).square()
    return squared.mul(-2).exp().mean().log().item()


def mean_norm(embeddings: Tensor) -> float:
    """Norm of the mean of unit vectors."""
    return embeddings.double().mean(dim=0).norm().item()


def effective_rank(embeddings: Tensor) -> float:
    """``exp(H)`` of the singular values as shares, not centred, so that one point has rank 1 (Roy, Vetterli 2007)."""
    values = torch.linalg.svdvals(embeddings.double())
    shares = values / values.sum()
    return torch.special.entr(shares).sum().exp().item()  # H = -sum p log p


def to_one_point(norm: float, untrained: float) -> bool:
    """Whether a training has drawn all images to one point.

    Args:
        norm: of the mean embedding, after some training.
        untrained: the same of the encoder that the training began with, on the same images.
    """
    return norm > ONE_POINT and 1 - norm**2 <= SHRUNK * (1 - untrained**2)


def collapsed(diagnosis: Diagnosis, untrained: Diagnosis) -> str:
    """A sentence that says how a training has made the representation collapse; empty where it has not.

    Args:
        diagnosis: after some training.
        untrained: of the encoder that the training began with, on the same images.
    """
    if to_one_point(diagnosis.mean_norm, untrained.mean_norm):
        return (
            f"collapsed to one point: the mean embedding has norm {diagnosis.mean_norm:.4f}, untrained "
            f"{untrained.mean_norm:.4f}; {diagnosis.spread / max(untrained.spread, 1e-12):.1%} of the spread that it "
            "began with is left: every image looks the same to the encoder"
        )
    if diagnosis.effective_rank < min(FEW_DIMENSIONS, untrained.effective_rank):
        return (
            f"collapsed to few dimensions: effective rank {diagnosis.effective_rank:.2f} (below {FEW_DIMENSIONS}), "
            f"untrained {untrained.effective_rank:.2f}: images differ along a line at most"
        )
    return ""
