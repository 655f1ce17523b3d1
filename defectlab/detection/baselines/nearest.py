"""`Nearest`: how far each patch is from the nearest patch of a normal image; the floor that every method must beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.backbones import create
from defectlab.detection.base import Detector, Scores
from defectlab.detection.baselines.coreset import greedy_coreset
from defectlab.detection.baselines.features import STRIDES, PatchFeatures, load_model, map_indices
from defectlab.detection.saved import read_detector, spec_from, write_detector
from defectlab.detection.scoring import resize_map, score_images, to_size
from defectlab.detection.student_teacher.maps import smooth
from defectlab.detection.weights import WeightsReport
from defectlab.devices import pick_device

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


class Nearest(Detector):
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

    def __init__(self, settings: NearestSettings | None = None, device: str = "auto") -> None:
        self.settings = settings or NearestSettings()
        self.device = pick_device(device)
        self.weights: WeightsReport | None = None
        self._features: PatchFeatures | None = None
        self._memory = torch.empty(0)

    def fit(self, train: SurfaceDataset, validation: SurfaceDataset | None = None) -> Self:
        """Fills the memory.

        Args:
            train: its normal images are read, whatever else is in it.
            validation: not read.

        Raises:
            ValueError: if there is no normal image.
        """
        normals = train.subset(defective=False)
        if not len(normals):
            raise ValueError(
                f"{train.name!r} ({train.split}) holds no normal image, and nearest learns from those alone"
            )
        s = self.settings
        model, spec, self.weights = load_model(s.backbone, s.weights, s.size, s.seed)
        self._features = PatchFeatures(model, spec, map_indices(model, spec, s.layers, STRIDES), s.neighbourhood)
        self._features.to(self.device)
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
        features, s = self._fitted(), self.settings
        memory = self._memory.to(self.device)

        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            patches = features.patches(images)
            distances, positions = nearest(patches.permute(0, 2, 3, 1).flatten(0, 2), memory)
            grid = distances.reshape(len(images), 1, *patches.shape[2:])
            scores = image_scores(patches.flatten(2).transpose(1, 2), grid.flatten(1), positions, memory, s.neighbours)
            return scores, smooth(resize_map(grid, s.size), s.smoothing)

        return score_images(dataset, s.size, s.batch_size, self.device, forward)

    def save(self, path: Path) -> None:
        """Writes backbone, memory and settings as one safetensors file, atomically."""
        features = self._fitted()
        assert self.weights is not None
        facts = {
            "settings": asdict(self.settings),
            "spec": asdict(features.spec),
            "indices": features.indices,
            "weights": asdict(self.weights),
        }
        tensors = {f"model.{name}": tensor for name, tensor in features.model.state_dict().items()}
        write_detector(path, self.name, tensors | {"memory": self._memory}, facts)

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Reads what `save` wrote; needs neither the starting weights nor a network.

        Raises:
            ValueError: if the file was not written by `save`.
        """
        tensors, facts = read_detector(path, cls.name)
        values = facts["settings"]
        tuples = {name: None if values[name] is None else tuple(values[name]) for name in ("size", "layers")}
        self = cls(NearestSettings(**values | tuples), device)
        spec = spec_from(facts["spec"])
        self._memory = tensors.pop("memory")
        model = create(spec, seed=0)
        model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in tensors.items()})
        self._features = PatchFeatures(model, spec, facts["indices"], self.settings.neighbourhood).to(self.device)
        self.weights = WeightsReport(**facts["weights"])
        return self

    def _fitted(self) -> PatchFeatures:
        if self._features is None:
            raise RuntimeError("nearest has no memory yet: call fit(train) or Nearest.load(path) first")
        return self._features

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
        features = self._fitted()
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
