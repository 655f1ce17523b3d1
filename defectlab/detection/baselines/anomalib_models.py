"""The models of anomalib that have a row in the tables: what is known of each without importing anomalib."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

MISSING = (
    "{name} is a model of anomalib, which is not installed: take the extra that has it, "
    'python -m pip install "defectlab[comparison]"; nearest, destseg and simplenet work without'
)


@dataclass(frozen=True)
class Model:
    """What is known of a model of anomalib.

    Attributes:
        title: name in tables.
        form: name of its class in ``anomalib.models``.
        epochs: passes over the training set; 0: counted in steps.
        steps: optimiser steps; -1: counted in epochs.
        batch_size: images a step.
        side: of the images in pixels.
        image_score: how the score of an image comes from its map.
        source: who proposed it.
        least: smallest side that works: SuperSimpleNet draws Perlin noise with up to 32 cells on a quarter of it.
        patch: both sides are multiples of it: Dinomaly's ViT has patches of 14 pixels.
        square: takes square images alone.
    """

    title: str
    form: str
    epochs: int
    steps: int
    batch_size: int
    side: int
    image_score: str
    source: str
    least: int = 32
    patch: int = 1
    square: bool = False

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether the model takes images of ``(height, width)``."""
        whole = all(side >= self.least and side % self.patch == 0 for side in size)
        return whole and (size[0] == size[1] or not self.square)

    def near(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size next to ``(height, width)`` that the model takes; of a square one the longer side counts."""
        fewest = -(-self.least // self.patch)
        height, width = (max(fewest, round(side / self.patch)) * self.patch for side in size)
        return (max(height, width),) * 2 if self.square else (height, width)


MODELS: dict[str, Model] = {
    "patchcore": Model(
        "PatchCore", "Patchcore", 1, -1, 32, 256, "largest distance, weighted (Eq. 7)", "Roth et al., CVPR 2022"
    ),
    "draem": Model("DRAEM", "Draem", 700, -1, 8, 256, "largest pixel", "Zavrtanik et al., ICCV 2021"),
    "reverse_distillation": Model(
        "Reverse Distillation", "ReverseDistillation", 200, -1, 16, 256, "largest pixel", "Deng and Li, CVPR 2022"
    ),
    "dinomaly": Model(
        "Dinomaly", "Dinomaly", 0, 5000, 16, 392, "mean of the largest 1 %", "Guo et al., CVPR 2025", 56, 14, True
    ),
    "super_simplenet": Model(
        "SuperSimpleNet", "Supersimplenet", 300, -1, 32, 256, "classification head", "Rolih et al., ICPR 2024", 128
    ),
    "cflow": Model("CFLOW-AD", "Cflow", 25, -1, 32, 256, "largest pixel", "Gudovskiy et al., WACV 2022"),
}
"""Lengths of training are the papers', where anomalib gives none."""


def installed() -> bool:
    """Whether anomalib can be imported; it is not imported for that."""
    return find_spec("anomalib") is not None
