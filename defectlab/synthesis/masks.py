"""Where a synthetic defect goes: sources of masks, chosen by name, file or folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from defectlab.choices import unknown_choice
from defectlab.data.base import SurfaceDataset
from defectlab.data.images import read_mask, resize_mask
from defectlab.synthesis.lines import BlobMasks, LineMasks
from defectlab.synthesis.perlin import Perlin
from defectlab.synthesis.textures import SUFFIXES, image_files

SPECS = ("real", "perlin", "lines", "blobs", "path of a mask image", "path of a folder of masks")


class MaskSource(Protocol):
    """Gives masks of any size, never an empty one; all randomness comes from the generator.

    The representation of a source (`repr`) goes into the settings of a stored set: it says everything that its
    masks depend on.

    Attributes:
        note: what a reader must know of the masks, in one sentence.
    """

    @property
    def note(self) -> str:
        """What a reader must know of the masks, in one sentence."""
        ...

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """One mask, bool ``(height, width)`` with at least one pixel, and an identifier for the record."""
        ...


@dataclass(frozen=True)
class PerlinMasks:
    """Masks cut out of Perlin noise: the choice of DRAEM and MemSeg.

    Attributes:
        law: that they are drawn from.
    """

    law: Perlin = field(default_factory=Perlin)

    note = "Perlin masks: they saw no real defect"

    def __post_init__(self) -> None:
        if self.law.allow_empty:
            raise ValueError("a mask source never gives an empty mask: use Perlin(allow_empty=False)")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """One mask, bool ``(height, width)``, and its lattice and rotation."""
        drawn = self.law.draw(rng, height, width)
        return drawn.mask, f"perlin:{drawn.cells[0]}x{drawn.cells[1]}:{drawn.rotation:.0f}deg"


class StoredMasks:
    """Masks that are at hand, one drawn uniformly and brought to the size asked for; a single pixel survives.

    Args:
        masks: bool, shape ``(H, W)`` each, of any sizes; empty ones are left out.
        ids: one for each mask.
        origin: where they come from, for errors.

    Attributes:
        left_out: identifiers of the empty masks.

    Raises:
        ValueError: if none of the masks has a pixel.
    """

    note = "masks given by the user"

    def __init__(self, masks: Sequence[np.ndarray], ids: Sequence[str], origin: str) -> None:
        pairs = list(zip(masks, ids, strict=True))
        self.masks = [mask for mask, _ in pairs if mask.any()]
        self.ids = [mask_id for mask, mask_id in pairs if mask.any()]
        self.left_out = tuple(mask_id for mask, mask_id in pairs if not mask.any())
        self.origin = origin
        if not self.masks:
            raise ValueError(
                f"masks: expected at least one mask with a pixel in {origin}, found {len(pairs)} empty ones"
            )

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._contents()})"

    def _contents(self) -> str:
        """Names the masks by what they are, not by where they lie: a moved folder resumes, a changed one does not."""
        digest = hashlib.sha256()
        for mask, mask_id in zip(self.masks, self.ids, strict=True):
            digest.update(f"{mask_id}{mask.shape}".encode() + np.packbits(mask).tobytes())
        return f"{len(self)} masks, {digest.hexdigest()[:12]}"

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """One mask, bool ``(height, width)``, and its identifier."""
        chosen = int(rng.integers(len(self)))
        return resize_mask(self.masks[chosen], (height, width)).copy(), self.ids[chosen]  # the stored one stays


class RealMasks(StoredMasks):
    """Masks of real positives: the paper's choice, and the reason why its "zero-shot" is not truly zero-shot.

    The images of the positives are not used, but where and how large real defects are is.

    Args:
        dataset: whose defective images give their masks; those without one or with an empty one are left out.

    Raises:
        ValueError: if no defective image has a mask with a pixel.

    Source: DIAG, section III-B; `resize_mask` keeps thin defects that the released code's resampling may lose.
    """

    note = "masks of real positives (the paper's choice): not truly zero-shot"

    def __init__(self, dataset: SurfaceDataset) -> None:
        positives = dataset.subset(normal=False)
        origin = f"the {len(positives)} defective images of {dataset.name}/{dataset.split}"
        masks, ids = [], []
        for i, record in enumerate(positives.records):
            mask = positives[i].mask
            masks.append(np.zeros((1, 1), bool) if mask is None else mask[0].numpy())
            ids.append(record.id)
        if not any(mask.any() for mask in masks):
            raise ValueError(
                f"masks: expected at least one mask with a pixel in {origin}, found none; give masks with the images, "
                "a folder of masks or a drawn mask, or regions by rule: 'lines', 'perlin' or 'blobs'"
            )
        super().__init__(masks, ids, origin)


class FolderMasks(StoredMasks):
    """Mask images of a folder and its subfolders: whatever is not black is defective.

    Args:
        folder: searched in sorted order; all-black masks are left out.

    Raises:
        FileNotFoundError: if the folder does not exist or holds no image.
        ValueError: if all masks are empty.
    """

    note = "masks from the user's folder"

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(f"masks: expected a folder of mask images, found nothing at {folder}")
        paths = image_files(folder)
        if not paths:
            raise FileNotFoundError(f"masks: no image in {folder} or below ({', '.join(sorted(SUFFIXES))})")
        ids = [path.relative_to(folder).as_posix() for path in paths]
        super().__init__([read_mask(path) for path in paths], ids, str(folder))


class DrawnMask(StoredMasks):
    """One mask that the user drew, moved and mirrored if asked.

    Args:
        mask: image file, or array ``(H, W)`` whose pixels above 0 are defective.
        shift: the mask moves by up to this fraction of either side, but no further than its own pixels stay inside
            the frame; 0 leaves it in place.
        flip: mirror it along each axis with probability one half.

    Raises:
        ValueError: if the mask is empty, not a plane, or ``shift`` out of range.
    """

    note = "the user's drawn mask"

    def __init__(self, mask: str | Path | np.ndarray, shift: float = 0.0, flip: bool = False) -> None:
        if not 0 <= shift <= 1:
            raise ValueError(f"shift must be a fraction of the side in [0, 1], got {shift}")
        drawn = mask > 0 if isinstance(mask, np.ndarray) else read_mask(Path(mask).expanduser())
        if drawn.ndim != 2:
            raise ValueError(f"a drawn mask must have shape (H, W), got {drawn.shape}")
        origin = "the array given" if isinstance(mask, np.ndarray) else str(mask)
        super().__init__([drawn], ["drawn" if isinstance(mask, np.ndarray) else Path(mask).name], origin)
        self.shift, self.flip = shift, flip

    def __repr__(self) -> str:
        return f"DrawnMask({self._contents()}, shift={self.shift}, flip={self.flip})"

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        """The mask, bool ``(height, width)``, and its identifier with the movement."""
        mask, mask_id = super().draw(rng, height, width)
        if self.flip:
            turned = tuple(axis for axis in (0, 1) if rng.random() < 0.5)
            mask, mask_id = np.flip(mask, turned), mask_id + "".join(("|flip", "-flip")[axis] for axis in turned)
        if self.shift:
            moves = tuple(_move(rng, np.asarray(mask.any(axis=1 - axis)), self.shift) for axis in (0, 1))
            mask, mask_id = np.roll(mask, moves, (0, 1)), f"{mask_id}{moves[0]:+d}{moves[1]:+d}"
        return np.ascontiguousarray(mask), mask_id


def mask_source(spec: str | Path, dataset: SurfaceDataset | None = None) -> MaskSource:
    """Mask source by name or path, as notebooks and the command line give it.

    Args:
        spec: ``"real"``, ``"perlin"``, ``"lines"``, ``"blobs"``, an image file (a drawn mask) or a folder of masks.
        dataset: whose positives give the masks of ``"real"``.

    Raises:
        ValueError: for a name that is neither known nor a path, with the near miss; or ``"real"`` without positives.
        FileNotFoundError: for a folder without images.
    """
    if spec == "real":
        if dataset is None:
            raise ValueError("masks='real' needs a data set with masked positives; use 'lines' or 'perlin' without one")
        return RealMasks(dataset)
    laws: dict[str | Path, type[PerlinMasks] | type[LineMasks] | type[BlobMasks]] = {
        "perlin": PerlinMasks,
        "lines": LineMasks,
        "blobs": BlobMasks,
    }
    if spec in laws:
        return laws[spec]()
    path = Path(spec).expanduser()
    if path.is_dir():
        return FolderMasks(path)
    if path.is_file():
        return DrawnMask(path)
    raise unknown_choice("mask source", str(spec), SPECS)


def _move(rng: np.random.Generator, occupied: np.ndarray, shift: float) -> int:
    """A shift along one axis that leaves every occupied row or column inside the frame."""
    positions = np.flatnonzero(occupied)
    furthest = round(shift * len(occupied))
    return int(rng.integers(max(-furthest, -positions[0]), min(furthest, len(occupied) - 1 - positions[-1]) + 1))
