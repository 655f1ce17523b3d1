"""Kernel distance between two sets of features: the arithmetic of KID, unbiased at any number of images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from defectlab.evaluation.inputs import Features, as_feature_pair


@dataclass(frozen=True)
class KernelReport:
    """A kernel distance with what is needed to read it.

    Attributes:
        mean: mean over the subsets of the unbiased squared MMD; may be below 0 where the sets agree.
        sd: standard deviation over the subsets (divisor ``subsets``); it shrinks as subsets overlap and is 0 where a
            subset is the whole set, so it is no standard error.
        whole: unbiased squared MMD on all images at once, the estimate of least variance.
        n_real: number of real images.
        n_synthetic: number of synthetic images.
        dim: number of features.
        subsets: number of subsets.
        subset_size: images a side in each.
    """

    mean: float
    sd: float
    whole: float
    n_real: int
    n_synthetic: int
    dim: int
    subsets: int
    subset_size: int

    def __str__(self) -> str:
        """One line: mean, spread, counts."""
        return (
            f"{self.mean:.4g} ± {self.sd:.2g} on {self.dim} features ({self.n_real} real, {self.n_synthetic} "
            f"synthetic, {self.subsets} subsets of {self.subset_size})"
        )


def kernel_distance(
    real: Features,
    synthetic: Features,
    *,
    subsets: int = 100,
    subset_size: int | None = None,
    seed: int = 0,
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
) -> KernelReport:
    """Mean unbiased squared MMD over random subsets, with a polynomial kernel.

    Unlike the Fréchet distance its expectation does not depend on the number of images: prefer it below a few
    thousand. It is the KID where, and only where, the features are Inception's.

    Args:
        real: features of shape ``(n, d)``, finite.
        synthetic: features of shape ``(m, d)``.
        subsets: number of random subsets, at least 1.
        subset_size: images a side, in [2, min(n, m)]; ``None`` takes half of the smaller set, at most 1000.
        seed: of the subsets.
        degree: of the kernel, at least 1.
        gamma: factor of the scalar product, above 0; ``None`` takes ``1 / d``.
        coef: added to it.

    Returns:
        Mean and spread over the subsets, and the value on everything.

    Raises:
        ValueError: if the features are unfit, or a parameter is out of its range.

    Source: Bińkowski et al. 2018, Eq. 4 and section 4; subsets drawn in the order of torchmetrics.
    """
    x, y = as_feature_pair(real, synthetic)
    smaller = min(len(x), len(y))
    size = min(1000, max(2, smaller // 2)) if subset_size is None else subset_size
    if not 2 <= size <= smaller:
        raise ValueError(f"subset_size must lie in [2, {smaller}] for {len(x)} real and {len(y)} synthetic, got {size}")
    if subsets < 1 or degree < 1 or (gamma is not None and gamma <= 0):
        raise ValueError(f"need subsets >= 1, degree >= 1, gamma > 0; got {subsets}, {degree}, {gamma}")
    gamma = 1 / x.shape[1] if gamma is None else gamma
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(subsets):
        x_part = x[torch.randperm(len(x), generator=generator)[:size].to(x.device)]
        y_part = y[torch.randperm(len(y), generator=generator)[:size].to(y.device)]
        values.append(squared_mmd(x_part, y_part, degree, gamma, coef))
    spread = torch.tensor(values, dtype=torch.float64)
    whole = squared_mmd(x, y, degree, gamma, coef)
    sd = spread.std(correction=0).item()
    return KernelReport(spread.mean().item(), sd, whole, len(x), len(y), x.shape[1], subsets, size)


def squared_mmd(x: Tensor, y: Tensor, degree: int, gamma: float, coef: float) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel ``(gamma <a, b> + coef) ** degree``.

    Args:
        x: float64, shape ``(n >= 2, d)``.
        y: float64, shape ``(m >= 2, d)``.
        degree: of the kernel.
        gamma: factor of the scalar product.
        coef: added to it.

    Returns:
        The estimate; below 0 at times, as an unbiased estimate of 0 must be.

    Source: Gretton et al. 2012, Eq. 3.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (gamma * a @ b.T + coef) ** degree

    def off_diagonal_mean(k: Tensor) -> Tensor:
        return (k.sum() - k.trace()) / (len(k) * (len(k) - 1))

    # MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), over pairs of different images
    value = off_diagonal_mean(kernel(x, x)) + off_diagonal_mean(kernel(y, y)) - 2 * kernel(x, y).mean()
    return value.item()
