"""`Nearest`: how far each patch is from the nearest patch of a normal image; the floor that every method must beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.base import Scores, untrained
from defectlab.detection.baselines.coreset import greedy_coreset
from defectlab.detection.baselines.patch_detector import PatchDetector
from defectlab.detection.scoring import resize_map, score_images, to_size
from defectlab.detection.student_teacher.maps import smooth

CHUNK = 4096  # patches compared with the memory at once


@dataclass(frozen=True)
class NearestSettings:
    """Settings of `Nearest`; the defaults are PatchCore's (Roth et al. 2022) but for the size.

    Attributes:
        backbone: timm name; the paper's WideResNet-50, or ``"auto"``.
        weights: as `features.load_model`.
        size: ``(height, width)`` of the images. PatchCore takes the middle 224 of 256; here the whole image, so that
            a defect at the border can be found.
        layers: maps to read; ``None``: those of stride 8 and 16 (layer2 and layer3).
        neighbourhood: side in places that a patch averages over, odd; 3.
        ratio: share of the patches that is kept; 0.1 (the paper has 0.25, 0.1 and 0.01).
        limit: most patches that are kept; bounds memory and time where a data set is large. Not in the paper.
        pool: most patches that the choice is made from, as many of every image. Not in the paper.
        neighbours: b of Eq. 7, which lowers the score of an image where the memory itself is sparse; 9 as anomalib
            (the paper names no number); 1: the largest distance as it is (Eq. 6).
        smoothing: sigma in pixels of the Gaussian on the map; 4.
        batch_size: images at once; no score depends on it.
        seed: of random weights, the pool and the coreset.
    """

    backbone: str = "wide_resnet50_2.tv_in1k"
    weights: str = "imagenet"
    size: tuple[int, int] = (256, 256)
    layers: tuple[int, ...] | None = None
    neighbourhood: int = 3
    ratio: float = 0.1
    limit: int = 40_000
    pool: int = 400_000
    neighbours: int = 9
    smoothing: float = 4.0
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("limit", "pool", "neighbours", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.ratio <= 1:
            raise ValueError(f"ratio must be in (0, 1], got {self.ratio}")
        if self.neighbourhood < 1 or self.neighbourhood % 2 == 0:
            raise ValueError(f"neighbourhood must be odd and at least 1, got {self.neighbourhood}")
        if self.smoothing < 0 or self.seed < 0 or len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(
                "smoothing and seed must be at least 0 and size (height, width) positive, "
                f"got {self.smoothing}, {self.seed}, {self.size}"
            )

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)


def paper(**changes: Any) -> NearestSettings:
    """One GPU: PatchCore's backbone and coreset."""
    return NearestSettings().but(**changes)


def laptop(**changes: Any) -> NearestSettings:
    """A minute without a GPU: the shipped encoder at 128 pixels, a thousand patches of twenty thousand."""
    small = {"backbone": "auto", "weights": "pocket", "size": (128, 128), "limit": 1000, "pool": 20_000}
    return paper(**small).but(smoothing=2.0).but(**changes)


def smoke(**changes: Any) -> NearestSettings:
    """Seconds, for tests: a random ResNet of ten layers on 32 pixels."""
    tiny = {"backbone": "test_resnet", "weights": "none", "size": (32, 32), "limit": 64, "pool": 512}
    return laptop(**tiny).but(smoothing=1.0).but(**changes)


class Nearest(PatchDetector):
    """PatchCore without anything else: frozen features, a memory of normal patches, the distance to the nearest.

    Nothing is trained, no synthetic image is read. Maps are distances of features, at least 0.

    Args:
        settings: presets are `paper`, `laptop` and `smoke`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...

    Attributes:
        weights: what the backbone is; known after `fit` or `load`.

    Source: Roth et al., Towards Total Recall in Industrial Anomaly Detection, CVPR 2022.
    """

    name = "nearest"

    settings_class = NearestSettings
    settings: NearestSettings

    def __init__(self, settings: NearestSettings | None = None, device: str = "auto") -> None:
        super().__init__(settings, device)
        self._memory: Tensor | None = None

    def fit(self, train: SurfaceDataset, validation: SurfaceDataset | None = None) -> Self:
        """Fills the memory.

        Args:
            train: its normal images are read, whatever else is in it.
            validation: not read.

        Raises:
            ValueError: if there is no normal image.
        """
        normals, s = self.normals_of(train), self.settings
        self.load_features()
        pool, n_patches = self._pool(normals)
        n = min(s.limit, max(1, round(s.ratio * n_patches)))
        self._memory = pool[greedy_coreset(pool, n, s.seed).to(pool.device)].clone()
        return self

    def score(self, dataset: SurfaceDataset) -> Scores:
        """Distances of every patch at the size of the images; an image's score is that of its farthest patch.

        Raises:
            RuntimeError: before `fit`.
            ValueError: if images differ in size.
        """
        features, s = self.features, self.settings
        memory = self._known().to(self.device)

        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            patches = features.patches(images)
            distances, positions = nearest(patches.permute(0, 2, 3, 1).flatten(0, 2), memory)
            grid = distances.reshape(len(images), 1, *patches.shape[2:])
            scores = image_scores(patches.flatten(2).transpose(1, 2), grid.flatten(1), positions, memory, s.neighbours)
            return scores, smooth(resize_map(grid, s.size), s.smoothing)

        return score_images(dataset, s.size, s.batch_size, self.device, forward)

    def learnt(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The memory."""
        return {"memory": self._known()}, {}

    def set_learnt(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Sets the memory."""
        self._memory = tensors["memory"]

    def _known(self) -> Tensor:
        if self._memory is None:
            raise untrained(self)
        return self._memory

    def _pool(self, normals: SurfaceDataset) -> tuple[Tensor, int]:
        """Patches to choose from, as many of every image, and how many patches there are in all."""
        parts: list[Tensor] = []
        total, rng = 0, np.random.default_rng(self.settings.seed)
        each = max(1, self.settings.pool // len(normals))
        for patches in self._patches(normals):
            total += len(patches)
            kept = np.sort(rng.permutation(len(patches))[:each])
            parts.append(patches[torch.from_numpy(kept).to(patches.device)])
        return torch.cat(parts), total

    def _patches(self, normals: SurfaceDataset) -> Iterator[Tensor]:
        """Patches of each image in turn, shape ``(h w, C)``."""
        features = self.features
        for i in range(len(normals)):
            image = to_size(normals[i].image, self.settings.size)[None].to(self.device).float() / 255
            yield features.patches(image)[0].flatten(1).T


def nearest(patches: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Euclidean distance of each patch ``(n, C)`` to the nearest of the memory ``(m, C)``, and which that is."""
    found = [torch.cdist(part, memory).min(dim=1) for part in patches.split(CHUNK)]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])


def image_scores(patches: Tensor, distances: Tensor, positions: Tensor, memory: Tensor, neighbours: int) -> Tensor:
    """One score an image: the largest distance, less where the memory about the nearest patch is sparse.

    Args:
        patches: shape ``(n, p, C)``.
        distances: of each to its nearest in the memory, shape ``(n, p)``.
        positions: of those, any shape of ``n p`` elements.
        memory: shape ``(m, C)``.
        neighbours: b; at 1 the largest distance itself.

    Returns:
        Shape ``(n,)``.

    Source: PatchCore, Eq. 6 and 7; the neighbours of a patch of the memory include itself.
    """
    largest, worst = distances.max(dim=1)  # Eq. 6
    b = min(neighbours, len(memory))
    if b < 2:
        return largest
    rows = torch.arange(len(patches), device=patches.device)
    star = memory[positions.reshape(distances.shape)[rows, worst]]
    around = memory[torch.cdist(star, memory).topk(b, largest=False).indices]  # (n, b, C)
    spread = torch.linalg.vector_norm(around - patches[rows, worst][:, None], dim=2)
    share = torch.exp(largest - torch.logsumexp(spread, dim=1))
    return (1 - share).clamp(min=0) * largest  # Eq. 7
