"""What the help of `defectlab detect` says: names, examples, columns; without an import, so that it comes at once."""

from __future__ import annotations

DETECTORS = (
    "student_teacher", "nearest", "destseg", "simplenet",
    "patchcore", "draem", "reverse_distillation", "dinomaly", "super_simplenet", "cflow",
)  # fmt: skip
"""All that ``--detector`` takes, the default first."""
DETECTOR_HELP = f"{DETECTORS[0]} (default), {', '.join(DETECTORS[1:])}; from {DETECTORS[4]} on by defectlab[comparison]"
SYNTHESES = {
    "texture": "foreign textures under Perlin masks (MemSeg)",
    "structure": "the image's own parts in another order under Perlin masks (MemSeg)",
    "diffusion": "images of a disturbed diffusion model under Perlin masks (the student-teacher paper)",
}
"""Where synthetic defects come from, in words."""
SCORE = "score: of the whole image, higher is more conspicuous, on the detector's own scale"
COLUMNS = f"{SCORE}\n  largest: the highest value of its map, at row and column"
TRAIN_EXAMPLES = """examples:
  defectlab detect train --images photos/good --detector nearest --out floor.safetensors
  defectlab detect train --images photos/good --detector destseg --out destseg.safetensors --synthesis texture
  defectlab detect train --dataset mvtec --option category=screw --data-root mvtec --out screw.safetensors
"""
_APPLY = "  defectlab detect apply screw.safetensors --images new_photos --out found\n"
APPLY_EXAMPLES = f"example:\n{_APPLY}columns of scores.csv:\n  {COLUMNS}\n"
EXAMPLES = TRAIN_EXAMPLES + _APPLY
