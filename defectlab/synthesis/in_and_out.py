"""In&Out: one half of the synthetic images from the surface's own distribution, the other half from outside of it.

Source: the In&Out paper, section 4: ``n_aug / 2`` images by the fine-tuned diffusion model (in), ``n_aug / 2`` by
MemSeg's per-region augmentation (out).
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from defectlab.data.base import SurfaceDataset
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.memseg import require_normals
from defectlab.synthesis.store import require_no_set, save_parts

DIFFUSION, MEMSEG = "diffusion", "memseg"  # subfolders


class InAndOut(Synthesizer):
    """Half diffusion, half MemSeg, the diffusion images first.

    Each half is the beginning of the set that its method makes alone with the same seed, so a set of 120 holds the
    halves of those of 100 and 80, and In&Out is paired with both methods image by image.

    Args:
        diffusion: gives images in distribution; `defectlab.synthesis.fine_tuned.FineTuned` in the paper, without
            masks.
        memseg: gives images out of distribution; `defectlab.synthesis.memseg.MemSeg` in the paper, with masks.
    """

    name = "in_and_out"

    def __init__(self, diffusion: Synthesizer, memseg: Synthesizer) -> None:
        self.diffusion = diffusion
        self.memseg = memseg

    def fit(self, dataset: SurfaceDataset) -> Self:
        """Fits both methods; MemSeg learns nothing."""
        self.diffusion.fit(dataset)
        self.memseg.fit(dataset)
        return self

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Makes exactly ``n`` images, see `halves`; and `Synthesizer.synthesize`.

        Under ``out`` each half is stored, and resumed, in a folder of its own, ``diffusion`` and ``memseg``;
        ``records.csv`` beside them lists both, and `defectlab.synthesis.store.load` of ``out`` gives both as one set.

        Raises:
            ValueError: if ``n`` is less than 1, if ``out`` holds a set of its own, or as either method says.
        """
        require_normals(normals, seed)
        wanted = dict(zip((DIFFUSION, MEMSEG), halves(n), strict=True))
        if out is not None:
            require_no_set(Path(out))
        methods = {DIFFUSION: self.diffusion, MEMSEG: self.memseg}
        made = {
            part: methods[part].synthesize(normals, count, seed, None if out is None else Path(out) / part)
            for part, count in wanted.items()
            if count
        }
        if out is not None:
            save_parts(out, self.name, made)
        return SyntheticSet([item for part in made.values() for item in part.items], self.name)


def mix(diffusion: SyntheticSet, memseg: SyntheticSet, n: int) -> SyntheticSet:
    """The In&Out set of ``n`` images from sets that were made already, without making an image.

    Equal to what `InAndOut` makes with the methods, settings and seed of the sets.

    Args:
        diffusion: at least the first half.
        memseg: at least the second half.
        n: images in all.

    Raises:
        ValueError: if ``n`` is less than 1, or a set is too short.
    """
    items: list[Synthetic] = []
    for what, part, count in zip((DIFFUSION, MEMSEG), (diffusion, memseg), halves(n), strict=True):
        if len(part) < count:
            raise ValueError(f"mix: {n} images need {count} of {what}, got {len(part)}")
        items += part.items[:count]
    return SyntheticSet(items, InAndOut.name)


def halves(n: int) -> tuple[int, int]:
    """How many images of diffusion and of MemSeg; of an odd number diffusion has the one more.

    The paper has even numbers only.

    Raises:
        ValueError: if ``n`` is less than 1.
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1, got {n}")
    return n - n // 2, n // 2
