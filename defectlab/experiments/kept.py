"""Synthetic sets that lie in one place, whichever arm or run asks for them."""

from __future__ import annotations

from pathlib import Path

from defectlab.data.base import SurfaceDataset
from defectlab.synthesis.base import Synthesizer, SyntheticSet

VALIDATION_SEED = 100_000
"""Added to a seed for the synthetic images that thresholds are chosen on."""


class Kept(Synthesizer):
    """A synthesizer whose sets lie in one place, whoever asks for them: a longer one gives the shorter ones.

    Args:
        synthesizer: makes the images.
        folder: with a subfolder for each seed and part.
        by_count: whether an image depends on how many are made, so that each number needs a set of its own.
    """

    def __init__(self, synthesizer: Synthesizer, folder: Path, by_count: bool = False) -> None:
        self.synthesizer, self.folder, self.by_count = synthesizer, folder, by_count
        self.name = synthesizer.name

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """See `Synthesizer.synthesize`; the set is stored below the folder, whatever ``out`` says."""
        of_validation, number = divmod(seed, VALIDATION_SEED)
        count = f"-of-{n}" if self.by_count else ""
        place = f"seed-{number}{count}{'-validation' if of_validation else ''}"
        return self.synthesizer.synthesize(normals, n, seed, self.folder / place)
