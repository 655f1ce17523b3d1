"""`Detector`, what learns to tell defective surfaces from normal ones, and `Scores`, what it says of a data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from defectlab.data.base import SurfaceDataset

if TYPE_CHECKING:
    from defectlab.detection.weights import WeightsReport


@dataclass(frozen=True)
class Scores:
    """Anomaly scores of a data set, in its order; the higher, the more defective, on the detector's own scale.

    Attributes:
        image: float, shape ``(n,)``, finite.
        pixel: float, shape ``(n, H, W)``, finite; ``None`` where the detector locates nothing.
    """

    image: np.ndarray
    pixel: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 1:
            raise ValueError(f"image scores must have shape (n,), got {self.image.shape}")
        _require_finite("image", self.image)
        if self.pixel is None:
            return
        if self.pixel.ndim != 3 or len(self.pixel) != len(self.image):
            raise ValueError(f"pixel scores must have shape ({len(self.image)}, H, W), got {self.pixel.shape}")
        _require_finite("pixel", self.pixel)


class Detector(ABC):
    """Learns from a data set, then scores images.

    Attributes:
        name: short name of the detector in tables.
    """

    name: str = "detector"

    def check(self) -> WeightsReport | None:
        """Refuses before long work what `fit` would refuse: weights, extras and sizes that are not there or do not fit.

        Returns:
            What the weights are that it starts from; ``None`` where it looks at none before `fit`.

        Raises:
            ImportError: if it needs an extra of this package that is not installed.
            FileNotFoundError: if weights are not found, or not reachable.
            ValueError: if weights, network and size do not fit.
        """
        return None

    @abstractmethod
    def fit(self, train: SurfaceDataset, validation: SurfaceDataset | None = None) -> Self:
        """Learns from ``train``; ``validation`` serves to choose an epoch or a threshold, never test images."""

    @abstractmethod
    def score(self, dataset: SurfaceDataset) -> Scores:
        """Scores of every image, in the order of the data set, independent of how images are batched."""


def untrained(detector: Detector) -> RuntimeError:
    """The error of a detector that is to score or to be saved before it has learnt."""
    kind = type(detector).__name__
    return RuntimeError(f"{detector.name} is not trained: call fit(train) or {kind}.load(path) first")


def require_both_classes(dataset: SurfaceDataset, what: str) -> None:
    """Refuses a data set that holds one class only, before any image is read.

    Args:
        dataset: the images to learn from or to validate on.
        what: what the data set is used for, for the message.

    Raises:
        ValueError: if there is no normal or no defective image.
    """
    labels = dataset.labels
    if (labels == 0).any() and (labels == 1).any():
        return
    raise ValueError(
        f"{what} needs normal and defective images, but {dataset.name!r} ({dataset.split}) holds "
        f"{int((labels == 0).sum())} normal and {int((labels == 1).sum())} defective: "
        "add real or synthetic defects, or take a detector that learns from normal images alone"
    )


def require_masks(dataset: SurfaceDataset, detector: str) -> None:
    """Refuses a data set with a defective image whose defect was never located.

    Absent is not empty: such an image would teach the detector that its defect is background. Every defective
    image is read once; the check ends at the first that has no mask.

    Args:
        dataset: the images to learn from.
        detector: name of the detector that needs masks, for the message.

    Raises:
        ValueError: naming the first defective image without a mask.
    """
    for position in np.flatnonzero(dataset.labels == 1):
        if dataset[int(position)].mask is None:
            record = dataset.records[int(position)]
            raise ValueError(
                f"{detector} learns from pixel masks, but {record.id!r} of {dataset.name!r} is defective and has none "
                f"(image: {record.path or 'in memory'}): give masks, leave the image out, or take a detector that "
                "learns from image labels, such as `classifier`"
            )


def _require_finite(kind: str, scores: np.ndarray) -> None:
    finite = np.isfinite(scores)
    if not finite.all():
        row = int(np.argwhere(~finite)[0][0])
        raise ValueError(f"{kind} scores contain a non-finite value, first in image {row}: did the training diverge?")
