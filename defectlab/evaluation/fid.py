"""FID through torchmetrics and pytorch-fid on the same features, with the counts and conventions that it depends on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from defectlab.evaluation.extraction import Extractor, Images, extract
from defectlab.evaluation.frechet import FrechetReport, frechet_distance
from defectlab.evaluation.inception import CONVENTIONS, Convention, InceptionFeatures, load_inception
from defectlab.evaluation.inputs import Features, as_feature_pair

Library = Literal["torchmetrics", "pytorch_fid"]
LIBRARIES: tuple[Library, ...] = get_args(Library)

TOLERANCE = 1e-5
"""Largest difference of two libraries on the same features, as a share of the total variance tr(S1) + tr(S2).

With more images than features they agree to 1e-12. With fewer, the libraries take square roots of eigenvalues that
should be 0 and are 1e-16: up to 4e-6 of the variance at 2048 features, of which our form is free."""


class SmallSampleWarning(UserWarning):
    """Fewer images than features: the distance measures sample size before anything else."""


@dataclass(frozen=True)
class FidReport:
    """One distance, by our arithmetic and by each library's, with what is needed to read it.

    Attributes:
        name: ``"FID-64"`` on Inception features, ``"Fréchet distance (…)"`` on any other: only Inception makes a FID.
        frechet: our value with the counts and the real-against-real floor.
        libraries: value by library, on the same features.
        scale: total variance tr(S1) + tr(S2), in squared feature units, which the tolerance refers to.
        convention: how images were resized and scaled.
    """

    name: str
    frechet: FrechetReport
    libraries: dict[Library, float]
    scale: float
    convention: str

    @property
    def disagreement(self) -> float:
        """Largest difference between any two of the values, as a share of ``scale``; NaN where a value is NaN."""
        values = [self.frechet.distance, *self.libraries.values()]
        gap = float(np.ptp(values))  # NaN where any value is
        return gap / self.scale if self.scale else gap

    @property
    def agrees(self) -> bool:
        """True where all values are equal within `TOLERANCE`; a NaN agrees with nothing."""
        return self.disagreement <= TOLERANCE

    def __str__(self) -> str:
        """Value, counts, floor, every library's value and the conventions, for printing."""
        others = ", ".join(f"{library} {value:.4g}" for library, value in self.libraries.items())
        verdict = "" if self.agrees else f"; THEY DISAGREE by {self.disagreement:.1e} of the variance"
        return f"{self.name}: {self.frechet}; {others}{verdict}; {self.convention}"


def fid(
    real: Images,
    synthetic: Images,
    *,
    weights: str | Path | None,
    dims: tuple[int, ...] = (64, 192),
    convention: Convention = "tensorflow1",
    libraries: tuple[Library, ...] = LIBRARIES,
    batch_size: int = 32,
    device: str | torch.device = "cpu",
) -> tuple[FidReport, ...]:
    """FID at several layers of Inception.

    Args:
        real: real images, at least two.
        synthetic: synthetic images, at least two.
        weights: Inception's state dict by path or name, or ``"download"``; ``None`` is an error that says what to do.
        dims: layers by feature size: 64 first and 192 second max-pool (DIAG, Table III), 768, 2048 (the usual FID).
        convention: resize and scaling; the default has no antialias, which is nearest to DIAG's likely setting.
        libraries: whose arithmetic to run beside ours; pytorch-fid takes some 15 s at 2048 features.
        batch_size: images a pass; it does not change the result beyond rounding.
        device: where Inception runs.

    Returns:
        One report a layer, in the order of ``dims``.

    Raises:
        ValueError: if weights, an option or the images are unfit.
        MissingPathError: if the weight file is not there.

    Source: Heusel et al. 2017; DIAG, Table III.
    """
    _require_libraries(libraries)
    network = load_inception(weights, dims, convention).to(device)
    return image_distances(real, synthetic, network, CONVENTIONS[convention], libraries, batch_size, device)


def image_distances(
    real: Images,
    synthetic: Images,
    extractor: Extractor,
    convention: str,
    libraries: tuple[Library, ...] = LIBRARIES,
    batch_size: int = 32,
    device: str | torch.device = "cpu",
) -> tuple[FidReport, ...]:
    """As `fid`, with any extractor; the report is called FID only where the extractor is Inception.

    Args:
        real: real images, at least two.
        synthetic: synthetic images, at least two.
        extractor: gives features by size.
        convention: how the extractor resizes and scales, for the report.
        libraries: whose arithmetic to run beside ours.
        batch_size: images a pass.
        device: where images are sent; the extractor lies there already.

    Returns:
        One report a feature size.

    Raises:
        ValueError: if a library is unknown or the images are unfit.
    """
    _require_libraries(libraries)
    real_features = extract(real, extractor, batch_size, device)
    synthetic_features = extract(synthetic, extractor, batch_size, device)
    is_fid = isinstance(extractor, InceptionFeatures)
    reports = []
    for dim, x in real_features.items():
        y = synthetic_features[dim]
        name = f"FID-{dim}" if is_fid else f"Fréchet distance ({extractor.name}-{dim})"
        report = frechet_distance(x, y)
        if report.is_rank_deficient:
            warnings.warn(
                f"{name}: {len(x)} real and {len(y)} synthetic images for {dim} features; more than {dim} of each are "
                "needed for a covariance of full rank, and the value falls as images are added",
                SmallSampleWarning,
                stacklevel=2,
            )
        scale = float(x.var(dim=0).sum() + y.var(dim=0).sum())
        reports.append(FidReport(name, report, frechet_by_library(x, y, libraries), scale, convention))
    return tuple(reports)


def frechet_by_library(
    real: Features, synthetic: Features, libraries: tuple[Library, ...] = LIBRARIES
) -> dict[Library, float]:
    """Fréchet distance of two feature sets by the libraries' own arithmetic.

    Args:
        real: shape ``(n, d)``.
        synthetic: shape ``(m, d)``.
        libraries: which.

    Returns:
        Squared distance by library.

    Raises:
        ValueError: if the features are unfit or a library is unknown.
    """
    _require_libraries(libraries)
    x, y = (features.cpu() for features in as_feature_pair(real, synthetic))
    values: dict[Library, float] = {}
    if "torchmetrics" in libraries:
        metric = FrechetInceptionDistance(feature=_Given(x.shape[1]))
        metric.update(x, real=True)
        metric.update(y, real=False)
        values["torchmetrics"] = float(metric.compute())
    if "pytorch_fid" in libraries:
        a, b = x.numpy(), y.numpy()
        moments = a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False)
        with warnings.catch_warnings():
            # sqrtm's `disp` is deprecated since scipy 1.17; the lock file keeps scipy below 1.18, which removes it
            warnings.simplefilter("ignore", DeprecationWarning)
            values["pytorch_fid"] = float(calculate_frechet_distance(*moments))
    return values


class _Given(nn.Module):
    """Hands torchmetrics features that are computed already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def _require_libraries(libraries: tuple[Library, ...]) -> None:
    if not set(libraries) <= set(LIBRARIES):
        raise ValueError(f"libraries must be out of {LIBRARIES}, got {libraries}")
