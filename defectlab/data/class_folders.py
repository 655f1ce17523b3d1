"""Class folders: one folder of images a class, as in NEU-DET, or four folders of one's own.

Layouts: ``CLASS/``; ``train/CLASS/`` and ``test/CLASS/`` (or ``validation/``, ``valid/``, ``val/``); and either with
``images/`` above the classes, as in NEU-DET's ``train/images/crazing/``. There are no masks. A class may be missing
that shows no defect: NEU-DET has defects alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from defectlab.data.base import GOOD, Record
from defectlab.data.files import FileDataset, image_files, some, subfolders
from defectlab.data.images import ImageError, image_size
from defectlab.data.registry import find
from defectlab.data.splits import grouped_split

NORMAL = ("good", "smooth", "normal", "free", "ok")
"""Folders of images without a defect, whatever their case."""
TRAIN, TEST = "train", ("test", "validation", "valid", "val")
IMAGES, BESIDE = "images", ("annotations", "labels", "masks", "ground_truth")
"""The folder that may stand above the classes, and what may stand beside it and is no class."""
IGNORED = ("thumbs.db", "desktop.ini")
LEAST = 2
"""Images of a class that a generator or a head can begin to learn from; one shows nothing but itself."""


def load(
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    *,
    classes: Sequence[str] = (),
    test_fraction: float = 0.3,
    seed: int = 0,
) -> FileDataset:
    """A split of class folders.

    Every file is looked at, not decoded: all are images of one size. Where the folder has no part for testing, images
    are parted at random, in equal shares of each class.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: the folder; there is no default.
        size: ``(height, width)`` in pixels, or ``None`` for the size of the files.
        classes: that must be there, by the name of their folder or ``"good"``; all folders where empty.
        test_fraction: share of each class that is tested on, where the folder gives no split.
        seed: of that split.

    Raises:
        FileNotFoundError: if the folder or that of a class is missing.
        ValueError: if there are fewer than two classes, or a class has no image or a single one, or a file in its
            folder is no image, or images differ in size.
    """
    entry, folder = find("class_folders", root)
    parts = _parts(folder)
    found = {name: _class_images(place, classes) for name, place in parts.items()}
    _require_same_classes(parts, found)
    _require_one_size([path for by_class in found.values() for paths in by_class.values() for path in paths])
    records, splits = [], []
    for name, by_class in found.items():
        for defect, paths in by_class.items():
            records += [_record(folder, path, defect) for path in paths]
            splits += [name] * len(paths)
    if len(parts) == 1:
        kinds, groups = [record.defect for record in records], [record.group for record in records]
        tested = grouped_split(kinds, groups, test_fraction, seed)
        splits = ["test" if is_tested else "train" for is_tested in tested]
    chosen = np.flatnonzero([split in ("all", part) for part in splits])
    return FileDataset(entry.name, split, [records[i] for i in chosen], size, entry.licence)


def _parts(folder: Path) -> dict[str, Path]:
    """Where the class folders lie, by part; one part of the name ``all`` where nothing is parted."""
    there = {path.name.lower(): path for path in subfolders(folder)}
    tests = [there[name] for name in TEST if name in there]
    places = {"train": there[TRAIN], "test": tests[0]} if TRAIN in there and tests else {"all": folder}
    return {name: next((path for path in subfolders(place) if path.name == IMAGES), place)
            for name, place in places.items()}  # fmt: skip


def _class_images(place: Path, wanted: Sequence[str]) -> dict[str, list[Path]]:
    """Image files of each class, by the name that records give it."""
    folders = {class_name(path.name): path for path in subfolders(place) if path.name.lower() not in BESIDE}
    names = [class_name(name) for name in wanted] or list(folders)
    if missing := [name for name in names if name not in folders]:
        there = ", ".join(path.name for path in folders.values()) or "none"
        raise FileNotFoundError(f"{place}: no folder of the class {', '.join(missing)}; class folders there: {there}")
    if len(names) < 2:
        raise FileNotFoundError(
            f"{place}: expected a folder of images for each class, two at least, found "
            f"{', '.join(path.name for path in folders.values()) or 'none'}"
        )
    return {name: _images(folders[name]) for name in names}


def class_name(folder: str) -> str:
    """The class of a folder: ``"good"`` for those of `NORMAL`, else the name of the folder."""
    return GOOD if folder.lower() in NORMAL else folder


def _images(folder: Path) -> list[Path]:
    images = image_files(folder)
    others = [path for path in folder.iterdir() if path not in set(images) and not path.name.startswith(".")]
    if strange := sorted(path.name for path in others if path.name.lower() not in IGNORED):
        raise ValueError(
            f"{folder}: expected images and nothing else, found {some(strange)}; move what is no image away"
        )
    if len(images) < LEAST:
        count = "no image" if not images else f"one image only, {images[0].name}"
        raise ValueError(f"{folder}: {count}; a class needs at least {LEAST} to learn from, and as many to test on")
    return images


def _require_same_classes(parts: dict[str, Path], found: dict[str, dict[str, list[Path]]]) -> None:
    first, *others = (set(by_class) for by_class in found.values())
    if missing := first.union(*others) - first.intersection(*others):
        raise FileNotFoundError(
            f"{', '.join(str(place) for place in parts.values())}: expected the same classes in both, "
            f"only one has {', '.join(sorted(missing))}"
        )


def _require_one_size(paths: Sequence[Path]) -> None:
    """Reads the header of every file.

    Raises:
        ImageError: naming the first files that are no image, or are not of the size that most have.
    """
    sizes: dict[Path, tuple[int, int]] = {}
    problems = []
    for path in paths:
        try:
            sizes[path] = image_size(path)
        except ImageError as error:
            problems.append(str(error))
    if problems:
        raise ImageError(f"{len(problems)} of {len(paths)} files are no images that can be read: {some(problems)}")
    usual, count = Counter(sizes.values()).most_common(1)[0]
    if odd := [f"{path} is {size[0]} x {size[1]}" for path, size in sizes.items() if size != usual]:
        raise ImageError(
            f"expected images of one size (height x width): {count} are {usual[0]} x {usual[1]}, but {some(odd)}; "
            "crop or resize them to one size first"
        )


def _record(folder: Path, path: Path, defect: str) -> Record:
    name = path.relative_to(folder).as_posix()
    return Record(name, int(defect != GOOD), defect, name, str(path), None)
