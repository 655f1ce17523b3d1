"""Spaces that generated and real images are compared in: those of the small encoder, and those of Inception."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.config import laptop
from defectlab.detection.embedding import embed
from defectlab.detection.weights import file_digest, load_backbone
from defectlab.devices import pick_device
from defectlab.evaluation.extraction import extract
from defectlab.evaluation.inception import WEIGHTS_FILE, load_inception
from defectlab.paths import resolve_weights

STRIDE = 8
"""Pixels from one feature of the small encoder to the next."""


@dataclass(frozen=True)
class Features:
    """A space that images are compared in.

    Attributes:
        name: of the network.
        digest: of its weights and layer, so that a stored value is computed again where they change.
        embed: features ``(n, d)`` of a data set.
        inception: whether the network is Inception: then, and only then, distances are called FID and KID.
        logits: of the network's classes from its features, for the Inception score; ``None`` where it has no classes.
    """

    name: str
    digest: str
    embed: Callable[[SurfaceDataset], Tensor]
    inception: bool = False
    logits: Callable[[Tensor], Tensor] | None = None

    @property
    def frechet(self) -> str:
        """Name of the Fréchet distance in this space."""
        return "fid" if self.inception else "frechet"

    @property
    def kernel(self) -> str:
        """Name of the kernel distance in this space."""
        return "kid" if self.inception else "kernel"


def encoder_features(device: str = "auto", weights: str = "pocket", backbone: str = "auto") -> Features:
    """Features of a backbone's second stage, by default of the small encoder that ships with the package."""
    config = laptop(weights=weights, backbone=backbone)
    digest = load_backbone(config)[2].sha256
    return Features(Path(weights).stem, digest, lambda dataset: embed(dataset, config, STRIDE, device))


def inception_features(weights: str | Path, device: str = "auto", dim: int = 2048) -> Features:
    """Features of Inception, as FID and KID have them.

    Args:
        weights: a file, by path or name, or ``"download"``.
        device: where to compute.
        dim: layer by its number of features: 64, 192, 768 or 2048.
    """
    chosen = pick_device(device)
    network = load_inception(weights, (dim,)).to(chosen)

    def features(dataset: SurfaceDataset) -> Tensor:
        batches = (dataset.images(range(i, min(i + 32, len(dataset)))) for i in range(0, len(dataset), 32))
        return extract(batches, network, device=chosen)[dim]

    # the published file has its hash in its name, and is checked against it when it is fetched
    content = WEIGHTS_FILE if weights == "download" else file_digest(resolve_weights(weights))
    return Features(f"inception{dim}", f"{content}/{dim}", features, True, network.logits if dim == 2048 else None)
