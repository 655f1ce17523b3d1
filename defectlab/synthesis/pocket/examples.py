"""Training examples of `pocket`: a normal crop, a mask, words, and the defect layer that belongs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from defectlab.data.surfaces.defects import TRAINED_LOOKS, Change, make_change
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS, MATERIALS
from defectlab.data.surfaces.noise import Field
from defectlab.data.surfaces.regions import REGIONS, Region, region_of
from defectlab.data.surfaces.render import Scene, defect_layer, feather, make_scene
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.normalise import normalise
from defectlab.synthesis.pocket.words import DEFECTS, POLARITIES

TRAINED_MATERIALS = tuple(name for name in MATERIALS if name not in HELD_OUT_MATERIALS)
CANVAS = 192
"""Side of the canvas that regions are drawn on before the crop is cut out."""
LINES = ("scratch", "crack")
SHARES = (0.08, 0.2, 0.22, 0.12, 0.14, 0.12, 0.12)
"""Share of each of `words.DEFECTS` among the examples; thin defects are the hardest."""


@dataclass(frozen=True)
class Example:
    """One training example.

    Attributes:
        crop: float32 ``(128, 128)``, normal crop in the network's units.
        mask: float32 ``(128, 128)`` in [0, 1], the region with a soft rim.
        layer: float32 ``(128, 128)``, what the defect adds, relative to its own contrast (about 1 where it is
            strongest): its shape, whatever its severity, which is a factor that `pipeline` multiplies in.
        defect: position in `words.DEFECTS`.
        polarity: position in `words.POLARITIES`, told from the layer.
    """

    crop: Field
    mask: Field
    layer: Field
    defect: int
    polarity: int


def make_example(
    rng: Generator,
    materials: tuple[str, ...] = TRAINED_MATERIALS,
    looks: dict[str, tuple[str, ...]] = TRAINED_LOOKS,
    defect: str | None = None,
    tight: bool = True,
) -> Example:
    """Draws a scene, a region that knows nothing of the defect, and the defect inside it.

    Args:
        rng: source of randomness.
        materials: materials to draw from.
        looks: looks of each defect to draw from.
        defect: the class; drawn where ``None``.
        tight: let some masks hug the defect, as annotations of real defects do.
    """
    scene = make_scene(rng, SIDE, SIDE, str(rng.choice(materials)))
    defect = defect or str(rng.choice(DEFECTS, p=SHARES))
    region = _region(rng, defect)
    layer: Field = np.zeros((SIDE, SIDE), np.float32)
    if defect != "good":
        change = make_change(rng, defect, region, str(rng.choice(looks[defect])))
        if tight and rng.random() < (0.4 if defect in LINES else 0.2):
            region = _hug(rng, change, region)
        layer = defect_layer(scene, change, region, 1.0) / np.float32(scene.contrast)
    clean = _with_edge(rng, scene) if rng.random() < 0.12 else scene.luminance
    return Example(normalise(clean).crop, feather(region), layer, DEFECTS.index(defect), _polarity(layer))


def any_region(rng: Generator) -> Region:
    """A region in a crop that no class had a say in, for trials in which the mask must not tell the class."""
    return _region(rng, "good")


def _region(rng: Generator, defect: str) -> Region:
    """Any family for any defect, bands a little more often for thin ones; mostly about the middle, as crops have it."""
    weights = np.array([0.55, 0.2, 0.12, 0.13] if defect in LINES else [0.25, 0.35, 0.2, 0.2])
    draw = REGIONS[str(rng.choice(list(REGIONS), p=weights))]
    region = draw(rng, CANVAS, CANVAS)
    while _extent(region.mask) < 0.2 * SIDE and rng.random() < 0.85:
        region = draw(rng, CANVAS, CANVAS)
    y, x = np.nonzero(region.mask)
    centre = np.array([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2]) + rng.normal(0, 0.12 * SIDE, 2)
    left, top = (int(np.clip(c - SIDE / 2, 0, CANVAS - SIDE)) for c in centre)
    window = region.mask[top : top + SIDE, left : left + SIDE]
    if not window.any():
        return _region(rng, defect)
    return region_of(window, region.axis - np.array([left, top], np.float32))


def _hug(rng: Generator, change: Change, region: Region) -> Region:
    """The pixels of the defect and up to three around them: the mask that an annotator draws."""
    reach = 2 * int(rng.integers(0, 4)) + 1
    covered = ((change.support > 0.25) & region.mask).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    mask = cv2.dilate(covered, kernel) > 0
    return region_of(mask, region.axis) if mask.any() else region


def _extent(mask: np.ndarray) -> int:
    y, x = np.nonzero(mask)
    return int(max(np.ptp(y), np.ptp(x))) + 1


def _with_edge(rng: Generator, scene: Scene) -> Field:
    """The scene with the border of the part in view: everything behind a line is black or burnt out."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    angle = float(rng.choice([0, 0.5, 1, 1.5])) * np.pi + rng.normal(0, 0.05)
    side = (x - SIDE / 2) * np.float32(np.cos(angle)) + (y - SIDE / 2) * np.float32(np.sin(angle))
    behind = np.clip(side - np.float32(rng.uniform(0.3, 0.49) * SIDE), 0, 1)
    return scene.luminance * (1 - behind) + np.float32(rng.choice([0.03, 0.98])) * behind


def _polarity(layer: Field) -> int:
    total, strength = float(layer.sum()), float(np.abs(layer).sum())
    lean = total / max(strength, 1e-6)
    return POLARITIES.index("dark" if lean < -0.4 else "bright" if lean > 0.4 else "any")


class ExampleStream(IterableDataset):
    """An endless stream of examples; example ``i`` of worker ``w`` depends on ``(seed, w, i)`` alone.

    Args:
        seed: seed of the stream.
        batch_size: examples that a loader takes of one worker at a time, before it turns to the next worker.
        batches: how many batches a loader of as many workers took before, for a resume.
        tight_from: first batch whose masks may hug the defect; generous masks are easier to begin with.
    """

    def __init__(self, seed: int, batch_size: int = 1, batches: int = 0, tight_from: int = 0) -> None:
        self.seed, self.batch_size, self.batches, self.tight_from = seed, batch_size, batches, tight_from

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Examples as tensors; images have shape ``(1, 128, 128)``."""
        cv2.setNumThreads(1)
        info = get_worker_info()
        place, workers = (info.id, info.num_workers) if info else (0, 1)
        # whose turn it was when the former loader stopped, and how many batches that worker had given
        worker = (self.batches + place) % workers
        index = self.batch_size * ((self.batches + place) // workers)
        while True:
            rng = np.random.default_rng([self.seed, worker, index])
            tight = index // self.batch_size * workers + worker >= self.tight_from
            yield as_tensors(make_example(rng, tight=tight))
            index += 1


def as_tensors(example: Example) -> dict[str, Tensor]:
    """An example as a dictionary of tensors that a data loader can batch."""
    images = {name: torch.from_numpy(getattr(example, name))[None] for name in ("crop", "mask", "layer")}
    return images | {
        "defect": torch.tensor(example.defect),
        "polarity": torch.tensor(example.polarity),
    }
