"""The trial of `pocket`: does it obey, does it leave the rest alone, does a greater severity show more?

Every class is asked for on the same normal crops of held-out materials, in the same masks, drawn without regard to
any class: neither image nor mask tells the judge what was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS
from defectlab.data.surfaces.render import colourise, make_scene
from defectlab.synthesis.pocket.examples import any_region
from defectlab.synthesis.pocket.judge import SEVERITIES, Judge, compose, confusion
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.words import DEFECTS

LADDER = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Severities that one defect is made at."""


@dataclass(frozen=True)
class TrialSettings:
    """Settings of a trial.

    Attributes:
        images: normal crops; each class is asked for on each of them.
        ladders: crops on which each defect is made at every severity of `LADDER`.
        steps: of the sampler.
        guidance: weight of the words.
        seed: of crops, masks and noise.
    """

    images: int = 24
    ladders: int = 4
    steps: int = 8
    guidance: float = 4.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.images < 1 or not 1 <= self.ladders <= self.images:
            raise ValueError(
                f"expected at least 1 image and between 1 and as many ladders, got {self.images} images and "
                f"{self.ladders} ladders"
            )


@dataclass(frozen=True)
class Place:
    """A normal crop and where the defect goes.

    Attributes:
        pixels: uint8 ``(128, 128, 3)``.
        mask: bool ``(128, 128)``.
        severity: that is asked for.
    """

    pixels: np.ndarray
    mask: np.ndarray
    severity: float


@dataclass(frozen=True)
class Trial:
    """What came out of a trial; classes in the order of `words.DEFECTS`.

    Attributes:
        places: the normal crops.
        made: generated crops, uint8 ``(7, images, 128, 128, 3)``.
        judged: positions in `words.DEFECTS`, ``(7, images)``.
        ladders: mean change inside the mask in grey levels, ``(7, ladders, 5)``, for each severity of `LADDER`.
    """

    places: list[Place]
    made: np.ndarray
    judged: np.ndarray
    ladders: np.ndarray

    @property
    def confusion(self) -> np.ndarray:
        """Counts ``(7, 7)``: rows asked, columns judged."""
        asked = np.repeat(np.arange(len(DEFECTS)), self.judged.shape[1])
        return confusion(asked, self.judged.ravel())


def run_trial(pipeline: Any, judge: Judge, settings: TrialSettings) -> Trial:
    """Makes every class on every crop, has it judged, and makes the ladders of severity."""
    places = draw_places(settings.seed, settings.images)
    made, judged, ladders = [], [], []
    for i, defect in enumerate(tqdm(DEFECTS, disable=None, desc="trial", leave=False)):
        # another noise for each class: the same noise would put every class at the same spot
        seeds = [settings.seed + 1_000 * (i + 1) + k for k in range(len(places))]
        images = _make(pipeline, defect, places, [place.severity for place in places], seeds, settings)
        made.append(images)
        judged.append(judge.tell(np.stack([_seen(place, image) for place, image in zip(places, images, strict=True)])))
        ladders.append(_ladders(pipeline, defect, places[: settings.ladders], seeds, settings))
    return Trial(places, np.stack(made), np.stack(judged), np.stack(ladders))


def draw_places(seed: int, count: int) -> list[Place]:
    """Crops of the held-out materials in turn, with regions that no class had a say in."""
    places = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        scene = make_scene(rng, SIDE, SIDE, HELD_OUT_MATERIALS[i % len(HELD_OUT_MATERIALS)])
        mask, severity = any_region(rng).mask, float(rng.uniform(*SEVERITIES))
        places.append(Place(colourise(scene.luminance, scene.surface.tint), mask, severity))
    return places


def border_jump(before: Iterable[np.ndarray], after: Iterable[np.ndarray], masks: Iterable[np.ndarray]) -> float:
    """How much more an image jumps at the border of its mask than it did before; 1 is no seam.

    Args:
        before: luminance ``(H, W)`` each.
        after: likewise.
        masks: bool ``(H, W)`` each.

    Returns:
        Mean absolute difference of neighbours of which one is inside, after, divided by the same before; over all
        images together. 1 where no mask has a border.
    """
    sums = np.array([[_across(a, mask), _across(b, mask)] for a, b, mask in zip(after, before, masks, strict=True)])
    total_after, total_before = sums.sum(axis=0)
    return float(total_after / total_before) if total_before else 1.0


def exact_outside(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> float:
    """Share of the pixels outside a mask, uint8 ``(H, W, 3)``, that are the same to the bit; 1 where there are none."""
    same = (before == after).all(axis=2)[~mask]
    return float(same.mean()) if same.size else 1.0


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Grey levels, float32 ``(H, W)`` in [0, 255]."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _across(grey: np.ndarray, mask: np.ndarray) -> float:
    """Sum of the absolute differences of neighbours on different sides of the border."""
    down = np.abs(np.diff(grey, axis=0))[np.diff(mask, axis=0)]
    right = np.abs(np.diff(grey, axis=1))[np.diff(mask, axis=1)]
    return float(down.sum() + right.sum())


def _seen(place: Place, image: np.ndarray) -> np.ndarray:
    clean = luminance(place.pixels) / 255
    return compose(clean, luminance(image) / 255 - clean)


def _ladders(
    pipeline: Any, defect: str, places: Sequence[Place], seeds: Sequence[int], settings: TrialSettings
) -> np.ndarray:
    """Mean change inside the mask in grey levels, ``(places, 5)``."""
    steps = []
    for severity in LADDER:
        images = _make(pipeline, defect, places, [severity] * len(places), seeds[: len(places)], settings)
        pairs = zip(places, images, strict=True)
        steps.append([np.abs(luminance(i) - luminance(p.pixels))[p.mask].mean() for p, i in pairs])
    return np.array(steps).T


def _make(
    pipeline: Any,
    defect: str,
    places: Sequence[Place],
    severities: list[float],
    seeds: Sequence[int],
    settings: TrialSettings,
) -> np.ndarray:
    made = pipeline(
        defect,
        [Image.fromarray(place.pixels) for place in places],
        [Image.fromarray(place.mask.astype(np.uint8) * 255) for place in places],
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        severity=severities,
        output_type="np",
    )
    return np.stack(made.images)
