"""Presets of `surfaces`: which materials, which defects, how many of each, in the shape of a known data set."""

from __future__ import annotations

from dataclasses import dataclass, field

from defectlab.data.surfaces.defects import HELD_OUT_LOOKS, LOOKS


@dataclass(frozen=True)
class Preset:
    """What a procedural data set is made of.

    Attributes:
        name: name of the preset.
        size: ``(height, width)`` in pixels unless another is asked for.
        materials: materials, each image draws one.
        looks: looks of each defect class, in the order of the classes.
        counts: images per split as ``(normal, defective)`` at scale 1; of each category where there are some.
        scale: share of the counts that is drawn unless another is asked for.
        severity: range that the severity of a defect is drawn from.
        like: the data set whose shape it takes, for the reader.
        by_category: each material is a category: one product on one line, with counts of its own.
    """

    name: str
    size: tuple[int, int]
    materials: tuple[str, ...]
    looks: dict[str, tuple[str, ...]]
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    scale: float = 1.0
    severity: tuple[float, float] = (0.1, 0.8)
    like: str = ""
    by_category: bool = False

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories; none where materials are mixed."""
        return self.materials if self.by_category else ()

    def count(self, split: str, scale: float) -> tuple[int, int]:
        """Images of a split as ``(normal, defective)`` at a scale; at least two of each kind that exists."""
        normal, defective = self.counts[split]
        return tuple(max(2, round(n * scale)) if n else 0 for n in (normal, defective))  # type: ignore[return-value]


PRESETS: dict[str, Preset] = {
    "ksdd2": Preset(
        name="ksdd2",
        size=(256, 96),
        materials=("commutator",),
        looks={name: (HELD_OUT_LOOKS[name],) for name in ("crack", "scratch", "stain", "pore")},
        counts={"train": (2085, 246), "test": (894, 110)},
        scale=0.1,
        like="KolektorSDD2: tall images of one material, rare defects of several kinds",
    ),
    "aluminium": Preset(
        name="aluminium",
        size=(128, 128),
        materials=("rolled",),
        looks={name: LOOKS[name] for name in ("corrosion", "dent", "scratch")},
        counts={"train": (50, 150), "test": (50, 150)},
        severity=(0.3, 0.9),
        like="the aluminium plates of DDPM-MoCo: four balanced classes, three defects and smooth",
    ),
    "anomaly": Preset(
        name="anomaly",
        size=(128, 128),
        materials=("commutator", "leather", "rolled"),
        looks={name: (HELD_OUT_LOOKS[name],) for name in HELD_OUT_LOOKS},
        counts={"train": (200, 0), "test": (40, 120)},
        like="MVTec AD: categories of one product each, training on good images only, test by type of defect",
        by_category=True,
    ),
}
"""Presets by name. All use held-out materials; those with one look a defect use held-out looks too."""
