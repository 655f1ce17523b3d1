"""The procedural data set: image ``i`` of a split depends on ``(seed, split, i)`` alone, and on its category."""

from __future__ import annotations

import difflib
import zlib
from dataclasses import dataclass

import numpy as np
import torch

from defectlab.data.base import GOOD, MappedDataset, Record, Sample
from defectlab.data.surfaces.line import Piece
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS, MATERIALS
from defectlab.data.surfaces.presets import PRESETS, Preset
from defectlab.data.surfaces.regions import REGIONS
from defectlab.data.surfaces.render import Rendered, colourise, make_scene, render_defect

LICENCE = "made by the program: CC0"

FAMILIES: dict[str, tuple[str, ...]] = {
    "scratch": ("line",),
    "crack": ("line",),
    "dent": ("ellipse",),
    "pore": ("ellipse", "blob"),
    "stain": ("blob", "ellipse"),
    "corrosion": ("blob",),
}
"""Where each defect lives in a data set: regions of its own shape."""


@dataclass(frozen=True)
class Renderer:
    """Draws the image of a record; small and picklable, so that worker processes can hold it.

    Attributes:
        preset: what is drawn.
        size: ``(height, width)``.
        seed: seed of the data set.
        split: name of the split; it takes part in the seed of an image.
    """

    preset: Preset
    size: tuple[int, int]
    seed: int
    split: str

    def draw(self, record: Record) -> Rendered:
        """Clean and defective exposure with mask; a normal record has an empty mask."""
        category, index = record.id.split("/", 1)[0], int(record.id.rsplit("/", 1)[1])
        by_category = category in self.preset.categories
        place = f"{category}/{self.split}" if by_category else self.split
        rng = np.random.default_rng([self.seed, zlib.crc32(place.encode()), index])
        if by_category:
            piece = Piece([self.seed, zlib.crc32(category.encode())], rng)
            scene = make_scene(piece, *self.size, category)
        else:
            scene = make_scene(rng, *self.size, str(rng.choice(self.preset.materials)))
        if record.defect == GOOD:
            clean = colourise(scene.luminance, scene.surface.tint)
            return Rendered(clean, clean, np.zeros(self.size, bool))
        region = REGIONS[str(rng.choice(FAMILIES[record.defect]))](rng, *self.size)
        look = str(rng.choice(self.preset.looks[record.defect]))
        return render_defect(rng, scene, record.defect, region, look, float(rng.uniform(*self.preset.severity)))

    def __call__(self, record: Record) -> Sample:
        """The sample of a record."""
        drawn = self.draw(record)
        image = torch.from_numpy(drawn.image).permute(2, 0, 1).float().div(255)
        return Sample(image, torch.from_numpy(drawn.mask)[None], record.label, record.defect, record.group, record.path)


def load(
    split: str = "train",
    size: tuple[int, int] | None = None,
    preset: str = "ksdd2",
    scale: float | None = None,
    seed: int = 0,
    category: str = "",
) -> MappedDataset:
    """A split of the procedural data set.

    Args:
        split: ``"train"`` or ``"test"``.
        size: ``(height, width)`` in pixels, at least 32 each; the preset's where ``None``.
        preset: ``"ksdd2"``, ``"aluminium"`` or ``"anomaly"``.
        scale: share of the preset's counts, above 0; 1 gives the counts of the data set it imitates; the preset's own
            where ``None``.
        seed: seed of the whole set; another seed is another set of the same kind.
        category: of a preset that has categories (``"anomaly"``): one of them, or empty for all, one behind the other.

    Returns:
        Normal images first, then defective ones with the classes in turn; so for each category. The id of a record
        begins with its category where there is one.

    Raises:
        ValueError: if the preset, split or category is unknown, the size too small, the scale not above 0 or the
            seed negative.
    """
    if preset not in PRESETS:
        near = difflib.get_close_matches(preset, PRESETS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown preset {preset!r} of surfaces; known: {', '.join(PRESETS)}{hint}")
    chosen = PRESETS[preset]
    if split not in chosen.counts:
        raise ValueError(f"surfaces has the splits {', '.join(chosen.counts)}, not {split!r}")
    if seed < 0:
        raise ValueError(f"seed: expected at least 0, got {seed}")
    scale = chosen.scale if scale is None else scale
    if not scale > 0:
        raise ValueError(f"scale is a share of the preset's counts and must be above 0, got {scale}")
    height, width = size or chosen.size
    if min(height, width) < 32:
        raise ValueError(f"surfaces draws images of at least 32 x 32 pixels, size is {height} x {width}")
    if category and category not in chosen.categories:
        known = ", ".join(chosen.categories) or "none"
        raise ValueError(f"unknown category {category!r} of the preset {preset} of surfaces; known: {known}")
    places = [f"{name}/{split}" for name in ((category,) if category else chosen.categories)] or [split]
    records = [record for place in places for record in _records(chosen, place, split, scale)]
    renderer = Renderer(chosen, (height, width), seed, split)
    return MappedDataset(renderer, "surfaces", split, records, (height, width), LICENCE)


def _records(preset: Preset, place: str, split: str, scale: float) -> list[Record]:
    normal, defective = preset.count(split, scale)
    classes = [GOOD] * normal + [tuple(preset.looks)[i % len(preset.looks)] for i in range(defective)]
    return [
        Record(f"{place}/{i}", int(name != GOOD), name, f"{place}/{i}", f"surfaces/{preset.name}/{place}/{i}")
        for i, name in enumerate(classes)
    ]


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A defect-free texture in colour, uint8 ``(height, width, 3)``, for pasting methods.

    Of any material that no preset uses: a foreign texture must be foreign.
    """
    materials = [name for name in MATERIALS if name not in HELD_OUT_MATERIALS]
    scene = make_scene(rng, height, width, str(rng.choice(materials)))
    return colourise(scene.luminance, scene.surface.tint)
