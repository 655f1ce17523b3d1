"""Training examples of `pocket-sd`: rendered surfaces, most with a defect, and what they are called."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from defectlab.data.surfaces.dataset import FAMILIES
from defectlab.data.surfaces.defects import TRAINED_LOOKS
from defectlab.data.surfaces.regions import REGIONS, Region
from defectlab.data.surfaces.render import Scene, colourise, make_scene, render_defect
from defectlab.synthesis.pocket_sd.captions import MATERIAL_WORDS, Facts, caption
from defectlab.synthesis.pocket_sd.vae import LUMA

SQUARE, TALL = (128, 128), (208, 80)
"""Height and width of the two shapes; all images of a batch have one of them."""
TALL_SHARE = 0.35
MATERIALS = tuple(MATERIAL_WORDS)
SHARES = {"good": 0.4, "crack": 0.18, "scratch": 0.16, "stain": 0.07, "corrosion": 0.06, "pore": 0.07, "dent": 0.06}
"""Share of each defect among the examples; the thin ones are what the papers ask for."""
SEVERITIES = (0.3, 1.0)
LINES = ("scratch", "crack")
Batch = tuple[Tensor, Tensor, list[str]]


@dataclass(frozen=True)
class Example:
    """One training example.

    Attributes:
        image: uint8 ``(H, W, 3)``.
        mask: bool ``(H, W)``, the pixels of the defect; all false for none.
        caption: what it shows; empty in part, for classifier-free guidance.
        facts: what the caption was made of.
        look: look of the defect; empty for none.
    """

    image: np.ndarray
    mask: np.ndarray
    caption: str
    facts: Facts
    look: str = ""


def make_example(rng: Generator, height: int, width: int, empty: float = 0.0) -> Example:
    """Draws a surface of a training material and, mostly, a defect of a training look somewhere on it.

    Args:
        rng: source of randomness.
        height: rows.
        width: columns.
        empty: share of examples with an empty caption.
    """
    material = str(rng.choice(MATERIALS))
    defect = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    scene = _tinted(rng, make_scene(rng, height, width, material))
    severity, look = 0.0, ""
    if defect == "good":
        image, mask = colourise(scene.luminance, scene.surface.tint), np.zeros((height, width), bool)
    else:
        severity, look = float(rng.uniform(*SEVERITIES)), str(rng.choice(TRAINED_LOOKS[defect]))
        rendered = render_defect(rng, scene, defect, _region(rng, defect, height, width), look, severity)
        image, mask = rendered.image, rendered.mask
    facts = Facts(material, scene.surface.tint, float(scene.luminance.mean()), defect, severity)
    text = caption(rng, facts)
    return Example(image, mask, "" if rng.random() < empty else text, facts, look)


def _tinted(rng: Generator, scene: Scene) -> Scene:
    """The scene in its own colour or, in part, in any; of equal luminance."""
    tint = scene.surface.tint
    if rng.random() < 0.25:
        tint = colorsys.hsv_to_rgb(rng.random(), min(0.45, abs(float(rng.normal(0, 0.2)))), 1.0)
    factor = sum(weight * value for weight, value in zip(LUMA, tint, strict=True))
    red, green, blue = (value / factor for value in tint)
    return replace(scene, surface=replace(scene.surface, tint=(red, green, blue)))


def _region(rng: Generator, defect: str, height: int, width: int) -> Region:
    """Where the defect may be; a few tries for a place that is large enough for it to be seen."""
    least = min(height, width) * (0.5 if defect in LINES else 0.2)
    for _ in range(8):
        region = REGIONS[str(rng.choice(FAMILIES[defect]))](rng, height, width)
        if _extent(region.mask) >= least:
            break
    return region


def _extent(mask: np.ndarray) -> int:
    y, x = np.nonzero(mask)
    return int(max(np.ptp(y), np.ptp(x))) + 1


class BatchStream(IterableDataset):
    """An endless stream of batches; batch ``k`` depends on ``(seed, k)`` alone, however many workers draw.

    Args:
        seed: seed of the stream.
        batch_size: examples a batch.
        empty: share of empty captions.
        start: first batch, for a resume.
    """

    def __init__(self, seed: int, batch_size: int, empty: float = 0.0, start: int = 0) -> None:
        self.seed, self.batch_size, self.empty, self.start = seed, batch_size, empty, start

    def __iter__(self) -> Iterator[Batch]:
        """Images, uint8 ``(n, 3, h, w)``, masks of their defects, bool ``(n, 1, h, w)``, and captions."""
        cv2.setNumThreads(1)
        info = get_worker_info()
        place, workers = (info.id, info.num_workers) if info else (0, 1)
        batch = self.start + place
        while True:
            yield self.draw(batch)
            batch += workers

    def draw(self, batch: int) -> Batch:
        """One batch."""
        rng = np.random.default_rng([self.seed, batch])
        shape = TALL if rng.random() < TALL_SHARE else SQUARE
        examples = [make_example(rng, *shape, empty=self.empty) for _ in range(self.batch_size)]
        images = torch.from_numpy(np.stack([example.image for example in examples])).permute(0, 3, 1, 2)
        masks = torch.from_numpy(np.stack([example.mask for example in examples]))[:, None]
        return images, masks, [example.caption for example in examples]


def as_input(images: Tensor) -> Tensor:
    """Images uint8 as float in [-1, 1]."""
    return images.float() / 127.5 - 1
