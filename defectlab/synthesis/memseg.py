"""MemSeg's synthetic anomalies: a foreign texture or the shuffled image itself, blended in under a Perlin mask."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np

from defectlab.data.base import SurfaceDataset
from defectlab.synthesis.augment import augment
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.blend import blend, changed
from defectlab.synthesis.foreground import Foreground
from defectlab.synthesis.masks import MaskSource, PerlinMasks
from defectlab.synthesis.store import collect
from defectlab.synthesis.textures import SurfaceTextures, TextureSource

Label = Literal["changed", "drawn"]


@dataclass(frozen=True)
class MemSeg(Synthesizer):
    """MemSeg's per-region augmentation, the comparison method of In&Out and DIAG.

    Image ``i`` draws everything from its own generator, seeded with ``(seed, i)``: a normal image, a mask, a source
    (texture or structure), an opacity. Where nothing changes (the mask misses the foreground, or the source equals
    the image under it), mask, source and opacity are drawn again from the same generator, so that every image of
    the set is really defective. The released code resizes with height and width exchanged and so works on square
    images only; here any size is right.

    Attributes:
        textures: where foreign textures come from; ``None`` uses the structure source always.
        masks: where masks come from; Perlin in the paper.
        structure_grid: rows and columns of tiles that are shuffled. The released code has 8 x 8; the paper's
            wording is 4 x 8.
        transparency: range of the opacity of the source, uniform.
        texture_probability: of the texture source; the structure source has the rest.
        augmentations: how many of the ten augmentations precede the shuffle.
        foreground: where defects may be; ``None`` for the whole frame, right for surfaces that fill it.
        label: ``"changed"`` labels the pixels that really changed, ``"drawn"`` the whole drawn mask, as the
            released code does.
        max_draws: draws before giving up on an image.

    Source: Yang et al. 2023 (MemSeg), section 3.2; constants of the public implementation, which both papers'
    baselines rest on.
    """

    textures: TextureSource | None = field(default_factory=SurfaceTextures)
    masks: MaskSource = field(default_factory=PerlinMasks)
    structure_grid: tuple[int, int] = (8, 8)
    transparency: tuple[float, float] = (0.15, 1.0)
    texture_probability: float = 0.5
    augmentations: int = 3
    foreground: Foreground | None = None
    label: Label = "changed"
    max_draws: int = 100

    name = "memseg"

    def __post_init__(self) -> None:
        low, high = self.transparency
        if not 0 < low <= high <= 1:
            raise ValueError(f"transparency must satisfy 0 < low <= high <= 1, got {self.transparency}")
        if min(self.structure_grid) < 1:
            raise ValueError(f"structure_grid must hold at least one row and column, got {self.structure_grid}")
        if not 0 <= self.texture_probability <= 1:
            raise ValueError(f"texture_probability must lie in [0, 1], got {self.texture_probability}")
        if self.label not in get_args(Label):
            raise ValueError(f"label must be one of {get_args(Label)}, got {self.label!r}")
        if self.max_draws < 1:
            raise ValueError(f"max_draws must be at least 1, got {self.max_draws}")

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Makes ``n`` defective images; see `Synthesizer.synthesize`.

        Raises:
            ValueError: if there is no normal image, if a defective one is among them, or if ``seed`` is negative.
            RuntimeError: if an image stays unchanged ``max_draws`` times.
        """
        require_normals(normals, seed)

        def make(indices: Sequence[int]) -> list[Synthetic]:
            return [self._make(normals, seed, i) for i in indices]

        return collect(make, n, name=self.name, settings=self._settings(normals, seed), out=out)

    def _make(self, normals: SurfaceDataset, seed: int, index: int) -> Synthetic:
        rng = np.random.default_rng((seed, index))
        chosen = int(rng.integers(len(normals)))
        pixels = normals[chosen].image.permute(1, 2, 0).mul(255).round().byte().numpy()
        allowed = np.ones(pixels.shape[:2], bool) if self.foreground is None else self.foreground(pixels)
        for draws in range(1, self.max_draws + 1):
            mask, mask_id = self.masks.draw(rng, *pixels.shape[:2])
            mask = mask & allowed  # M = M_Perlin and M_foreground
            source, made_of = self._source(pixels, rng)
            opacity = float(rng.uniform(*self.transparency))
            image = blend(pixels, source, mask, opacity)
            difference = changed(pixels, image)
            if difference.any():
                label = difference if self.label == "changed" else mask
                made = {"source": normals.records[chosen].id, "mask_id": mask_id, "opacity": round(opacity, 6)}
                kept = {"label": self.label, "area": round(float(label.mean()), 6), "draws": draws}
                return Synthetic(
                    image, label, {"method": self.name, "seed": seed, "index": index, **made, **made_of, **kept}
                )
        raise RuntimeError(
            f"memseg image {index} of seed {seed}: {normals.records[chosen].id} did not change in {self.max_draws} "
            f"draws; the foreground covers {allowed.mean():.1%} of it, check its threshold"
        )

    def _source(self, pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
        """Texture as it is, or structure: the augmented image with its tiles shuffled."""
        if self.textures is not None and rng.random() < self.texture_probability:
            texture = self.textures.draw(rng, *pixels.shape[:2])
            return texture, {"content": "texture", "texture": self.textures.name, "augmentations": ""}
        augmented, names = augment(pixels, rng, self.augmentations)
        shuffled = shuffle_tiles(augmented, self.structure_grid, rng)
        return shuffled, {"content": "structure", "texture": "", "augmentations": "+".join(names)}

    def _settings(self, normals: SurfaceDataset, seed: int) -> dict[str, Any]:
        return {
            "seed": seed,
            "normals": fingerprint(normals),
            "textures": "none" if self.textures is None else self.textures.name,
            "masks": repr(self.masks),
            "structure_grid": list(self.structure_grid),
            "transparency": list(self.transparency),
            "texture_probability": self.texture_probability,
            "augmentations": self.augmentations,
            "foreground": getattr(
                self.foreground, "__qualname__", repr(self.foreground)
            ),  # a function's repr is an address
            "label": self.label,
        }


def shuffle_tiles(image: np.ndarray, grid: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The image cut into equal tiles that change places.

    A side that the grid does not divide is first continued by reflection to the next multiple, and cropped again.

    Args:
        image: uint8, shape ``(H, W, 3)``.
        grid: rows and columns of tiles.
        rng: draws the permutation.

    Returns:
        uint8, shape ``(H, W, 3)``.
    """
    rows, columns = grid
    height, width = image.shape[:2]
    missing = -height % rows, -width % columns
    padded = cv2.copyMakeBorder(image, 0, missing[0], 0, missing[1], cv2.BORDER_REFLECT)
    high, wide = padded.shape[0] // rows, padded.shape[1] // columns
    tiles = padded.reshape(rows, high, columns, wide, -1).swapaxes(1, 2).reshape(rows * columns, high, wide, -1)
    tiles = tiles[rng.permutation(len(tiles))].reshape(rows, columns, high, wide, -1)
    return tiles.swapaxes(1, 2).reshape(padded.shape)[:height, :width]


def require_normals(normals: SurfaceDataset, seed: int) -> None:
    """Stops a synthesis whose input is not what it should be, before any work.

    Raises:
        ValueError: if there is no image, if a defective one is among them, or if ``seed`` is negative.
    """
    if not len(normals):
        raise ValueError(f"normals: {normals.name} ({normals.split}) holds no image")
    if normals.labels.any():
        first = normals.records[int(normals.labels.argmax())]
        raise ValueError(
            f"normals: {int(normals.labels.sum())} of {len(normals)} images are defective, first {first.id}; "
            "pass dataset.subset(defective=False)"
        )
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")


def fingerprint(dataset: SurfaceDataset) -> str:
    """What a set made from a data set depends on: its name, size and the names of its images, in order."""
    names = "\n".join(record.id for record in dataset.records)
    digest = hashlib.sha256(names.encode()).hexdigest()[:12]
    return f"{dataset.name}/{dataset.split}, {len(dataset)} images at {dataset.size}, {digest}"
