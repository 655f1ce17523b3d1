"""A user's own images: ``good/`` and ``defect/`` with optional ``masks/``, or a ``manifest.csv``."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from defectlab.data.base import GOOD, Record
from defectlab.data.files import FileDataset, image_files, require_folder, some, subfolders
from defectlab.data.manifest import read_manifest
from defectlab.data.registry import find
from defectlab.data.splits import grouped_split

NORMAL, DEFECTIVE, MASKS = "good", "defect", "masks"
SPLITS = ("train", "test")
MANIFEST = "manifest.csv"
MASK_ENDING = "_mask"
log = logging.getLogger(__name__)


def load(
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    *,
    test_fraction: float = 0.3,
    seed: int = 0,
) -> FileDataset:
    """A split of a user's own folder.

    In order: ``manifest.csv`` (see `read_manifest`); ``train/`` and ``test/``, each with the folders that follow;
    ``good/``, ``defect/`` (images, or a folder for each class of defects) and ``masks/``. A mask has the stem of its
    image, or that and ``_mask``, and lies in ``masks/`` or, for classes, in ``masks/CLASS/``. Without a given split
    the images are parted by group, stratified by class. A defective image without a mask has the mask ``None``.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: the folder; there is no default.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file.
        test_fraction: share of each class that is tested on, where the folder gives no split.
        seed: of that split.

    Raises:
        FileNotFoundError: if the folder, its layout or a file of the manifest is missing.
        ValueError: if the manifest is wrong, or a mask could belong to several images.
    """
    entry, folder = find("folder", root)
    parts = [folder / part for part in SPLITS if (folder / part).is_dir()]
    if (folder / MANIFEST).is_file():
        records, splits = read_manifest(folder / MANIFEST)
    elif parts:
        require_folder(folder, [folder / part for part in SPLITS if split in ("all", part)], entry.layout)
        found = [(part.name, record) for part in parts for record in _records(part, f"{part.name}/", entry.layout)]
        records, splits = [record for _, record in found], [part for part, _ in found]
    else:
        records, splits = _records(folder, "", entry.layout), None
    if splits is None:
        tested = grouped_split([record.defect for record in records], _groups(records), test_fraction, seed)
        splits = ["test" if is_tested else "train" for is_tested in tested]
    chosen = np.flatnonzero([split in ("all", part) for part in splits])
    return FileDataset(entry.name, split, [records[i] for i in chosen], size, entry.licence)


def _groups(records: Iterable[Record]) -> list[str]:
    return [record.group for record in records]


def _records(folder: Path, prefix: str, layout: str) -> list[Record]:
    """Records of ``good/`` and ``defect/`` of one folder."""
    if not (folder / NORMAL).is_dir() and not (folder / DEFECTIVE).is_dir():
        require_folder(folder, [folder / NORMAL, folder / DEFECTIVE], layout)
    normal = _tree(folder / NORMAL)
    defective = _tree(folder / DEFECTIVE)
    masks = _match(folder / MASKS, defective, [path.stem for path in normal])
    return [_record(prefix + NORMAL, path, folder / NORMAL, None) for path in normal] + [
        _record(prefix + DEFECTIVE, path, folder / DEFECTIVE, masks.get(path)) for path in defective
    ]


def _tree(folder: Path) -> list[Path]:
    """Images of a folder, then those of each of its subfolders; none where it does not exist."""
    if not folder.is_dir():
        return []
    return [path for place in (folder, *subfolders(folder)) for path in image_files(place)]


def _record(prefix: str, path: Path, top: Path, mask: Path | None) -> Record:
    inner = path.relative_to(top)
    name = f"{prefix}/{inner.as_posix()}"
    is_normal = top.name == NORMAL
    kind = GOOD if is_normal else inner.parts[0] if len(inner.parts) > 1 else DEFECTIVE
    return Record(name, int(not is_normal), kind, name, str(path), None if mask is None else str(mask))


def _match(folder: Path, defective: list[Path], normal_stems: list[str]) -> dict[Path, Path]:
    """The mask of each defective image that has one.

    Raises:
        ValueError: if several images could have a mask, or several masks an image.
    """
    images: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in defective:
        images["", path.stem].append(path)
        if path.parent.name != DEFECTIVE:
            images[path.parent.name, path.stem].append(path)
    matched: dict[Path, Path] = {}
    unused = []
    for mask in _tree(folder):
        place = "" if mask.parent == folder or mask.parent.name == DEFECTIVE else mask.parent.name
        stem = mask.stem if (place, mask.stem) in images else mask.stem.removesuffix(MASK_ENDING)
        wanted = images.get((place, stem), [])
        if len(wanted) > 1:
            raise ValueError(
                f"{mask}: expected one defective image of this name, found {some([str(path) for path in wanted])}; "
                f"put masks of classes into {MASKS}/CLASS/"
            )
        if wanted and wanted[0] in matched:
            raise ValueError(f"{wanted[0]}: expected one mask, found {matched[wanted[0]]} and {mask}")
        if wanted:
            matched[wanted[0]] = mask
        elif stem not in normal_stems:
            unused.append(mask.relative_to(folder).as_posix())
    if unused:
        log.warning("%s: left out %d masks without a defective image: %s", folder, len(unused), some(unused))
    return matched
