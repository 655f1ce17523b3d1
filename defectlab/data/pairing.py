"""Which file is the mask of which image, by name alone: for folders whose loader refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from defectlab.data.base import Record
from defectlab.data.images import SUFFIXES

BESIDE = ("_GT.png", "_label.bmp", "_mask.png", ".png")  # KSDD2, KolektorSDD, common use, magnetic tile
FOLDER = "masks"
SPLITS = ("train", "test")


def pair_files(root: Path) -> dict[str, list[Record]]:
    """Every image file under a folder as a record, with its mask; labels are not known and stay 0.

    Args:
        root: folder of the data set.

    Returns:
        Records of each split, sorted by path; the split is the first folder where that is ``train`` or ``test``, else
        ``"all"``.
    """
    files = image_files_below(root)
    masks = {path: mask for path in files if (mask := mask_beside(path))}
    taken = set(masks.values())
    splits: dict[str, list[Record]] = {}
    for path in files:
        if path not in taken:
            inner = path.relative_to(root)
            split = inner.parts[0] if inner.parts[0] in SPLITS else "all"
            mask = masks.get(path)
            record = Record(inner.as_posix(), 0, path=str(path), mask_path=None if mask is None else str(mask))
            splits.setdefault(split, []).append(record)
    return splits


def mask_beside(image: Path) -> Path | None:
    """The file that is the mask of an image by its name and place, in any of the known layouts."""
    return next((path for path in _candidates(image) if path != image and path.is_file()), None)


def image_files_below(root: Path) -> list[Path]:
    """All files of a folder and its subfolders that are images by their suffix, sorted, without hidden ones."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    visible = (path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))
    return sorted(path for path in visible if path.is_file())


def _candidates(image: Path) -> Iterator[Path]:
    yield from (image.with_name(image.stem + ending) for ending in BESIDE)
    here, above = image.parent, image.parent.parent
    # good/x and defect/x beside masks/x, defect/CLASS/x beside masks/CLASS/x or masks/x
    for folder in (above / FOLDER, above.parent / FOLDER / here.name, above.parent / FOLDER):
        if folder != here and folder.is_dir():
            stems = (image.stem, image.stem + "_mask")
            yield from (folder / f"{stem}{suffix}" for stem in stems for suffix in sorted(SUFFIXES))
