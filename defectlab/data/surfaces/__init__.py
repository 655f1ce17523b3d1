"""`surfaces`: procedural images of surfaces with defects, exact masks and nothing to download."""

from defectlab.data.surfaces.dataset import load, texture
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS, MATERIALS
from defectlab.data.surfaces.presets import PRESETS

__all__ = ["HELD_OUT_MATERIALS", "MATERIALS", "PRESETS", "load", "texture"]
