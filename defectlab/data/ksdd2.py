"""KolektorSDD2: colour images of one kind of product, about 230 x 630 pixels (width x height), 11 % defective.

Layout: ``train/10000.png`` with its mask ``train/10000_GT.png``, and ``test/`` alike.
"""

from __future__ import annotations

import logging
from pathlib import Path

from defectlab.data.base import GOOD, Record
from defectlab.data.files import FileDataset, any_defect, image_files, require_folder, some
from defectlab.data.registry import find

MASK_ENDING = "_GT"
COPY = "(copy)"
DEFECT = "defect"
log = logging.getLogger(__name__)


def load(split: str = "train", root: str | Path | None = None, size: tuple[int, int] | None = None) -> FileDataset:
    """A split of KolektorSDD2.

    The label is 1 where any pixel of the original mask is above 0. The archive holds copies that a file manager made
    (``10301 (copy).png``, ``10301_GT (copy).png``); they are named in the log and left out, else the copied mask
    would pass for an image.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: folder with ``train`` and ``test``, or one that holds it.
        size: ``(height, width)`` in pixels, or ``None`` for the size of each file.

    Raises:
        FileNotFoundError: if the folder or a part of its layout is missing.
        ImageError: if a mask is no image.
        ValueError: if an image has no mask.
    """
    entry, folder = find("ksdd2", root)
    parts = ("train", "test") if split == "all" else (split,)
    require_folder(folder, [folder / part for part in parts], entry.layout)
    records = [record for part in parts for record in _records(folder / part)]
    return FileDataset(entry.name, split, records, size, entry.licence)


def _records(folder: Path) -> list[Record]:
    files = image_files(folder)
    if strays := [path.name for path in files if COPY in path.stem]:
        log.warning("%s: left out %d stray copies: %s", folder, len(strays), ", ".join(strays))
    kept = {path.stem: path for path in files if COPY not in path.stem}
    masks = {stem.removesuffix(MASK_ENDING): path for stem, path in kept.items() if stem.endswith(MASK_ENDING)}
    images = {stem: path for stem, path in kept.items() if not stem.endswith(MASK_ENDING)}
    if missing := [path.name for stem, path in images.items() if stem not in masks]:
        raise ValueError(
            f"{folder}: expected a mask NAME{MASK_ENDING}.png for each image, found none for {some(missing)}"
        )
    if alone := [path.name for stem, path in masks.items() if stem not in images]:
        log.warning("%s: left out %d masks without an image: %s", folder, len(alone), some(alone))
    defective = any_defect([masks[stem] for stem in images])
    return [
        Record(
            id=f"{folder.name}/{stem}",
            label=int(is_defective),
            defect=DEFECT if is_defective else GOOD,
            group=f"{folder.name}/{stem}",
            path=str(path),
            mask_path=str(masks[stem]),
        )
        for (stem, path), is_defective in zip(images.items(), defective, strict=True)
    ]
