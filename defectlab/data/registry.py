"""Every data set by name: found, checked and loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from defectlab.choices import unknown_choice
from defectlab.data.base import SurfaceDataset
from defectlab.data.entries import ENTRIES, Entry
from defectlab.data.files import require_equal_sizes
from defectlab.paths import MissingPathError, resolve_data

SPLITS = ("train", "test", "all")
FIXED = ("split", "root", "size")

__all__ = [
    "ENTRIES",
    "SPLITS",
    "Entry",
    "checked_size",
    "find",
    "get_entry",
    "load_dataset",
    "names",
    "open_dataset",
    "require_choice",
    "require_usable",
]


def load_dataset(
    name: str,
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    **options: Any,
) -> SurfaceDataset:
    """A split of a data set.

    Args:
        name: ``"surfaces"``, ``"ksdd2"``, ``"kolektor_sdd"``, ``"magnetic_tile"``, ``"mvtec"``, ``"visa"``, ``"mpdd"``,
            ``"folder"``, ``"aluminium"`` or ``"class_folders"``.
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: its folder or one that holds it; where it is empty, ``DEFECTLAB_DATA`` and the user's cache are looked at.
        size: ``(height, width)`` in pixels that every image is brought to; ``None`` keeps the size of each file
            (of ``surfaces``: takes the preset's).
        options: of the loader, such as ``fold`` of ``kolektor_sdd``, ``category`` of ``mvtec``, ``test_fraction`` of
            ``folder`` or ``preset`` of ``surfaces``.

    Returns:
        The images in a stable order.

    Raises:
        FileNotFoundError: if the data are not there; the message says where they were looked for and how to get them.
        ImageError: if a file is no image, or a mask is not of the size of its image.
        ValueError: if a name, a split, a size or an option is unknown, or if the split is empty, has no normal image
            to train on, or only one class to test on.
    """
    dataset = open_dataset(name, split, root, size, **options)
    require_usable(dataset)
    if not get_entry(name).made:
        require_equal_sizes(dataset.records)
    return dataset


def open_dataset(
    name: str,
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    **options: Any,
) -> SurfaceDataset:
    """As `load_dataset`, but with bad files and useless splits let through, for a check to report.

    Masks that give the labels are read all the same.
    """
    entry = get_entry(name)
    if not entry.module:
        raise ValueError(
            f"{name!r} is a source of textures, not a data set of surfaces; choose from {', '.join(names())}"
        )
    require_choice("split", split, SPLITS)
    loader: Callable[..., SurfaceDataset] = import_module(entry.module).load
    known = [option for option in inspect.signature(loader).parameters if option not in FIXED]
    for option in options:
        require_choice(f"option of {name}", option, known)
    place = {} if entry.made else {"root": root}
    if entry.made and root is not None and str(root):
        raise ValueError(
            f"data_root (root=): {name} is made by the program and reads no files, got {root}; leave it empty"
        )
    if entry.made and split == "all":
        return _train_and_test(loader, checked_size(size), options)
    return loader(split=split, size=checked_size(size), **place, **options)


def get_entry(name: str) -> Entry:
    """What is known of a data set.

    Raises:
        ValueError: if there is none of that name; the message suggests the nearest.
    """
    require_choice("data set", name, ENTRIES)
    return ENTRIES[name]


def names() -> tuple[str, ...]:
    """Names that `load_dataset` takes."""
    return tuple(name for name, entry in ENTRIES.items() if entry.module)


def find(name: str, root: str | Path | None = None) -> tuple[Entry, Path]:
    """The entry of a data set and the folder it lies in.

    Raises:
        MissingPathError: saying where it was looked for and how to get it.
    """
    entry = get_entry(name)
    given = root if root is not None and str(root) else None
    if entry.own and given is None:
        raise MissingPathError(
            f"data_root: the data set {name!r} is your own images, so give their folder. {entry.layout}"
        )
    try:
        return entry, resolve_data(name, given, entry.folders)
    except MissingPathError as error:
        raise MissingPathError(f"{error}\n{entry.title}: {entry.how_to_get} Layout: {entry.layout}") from error


def require_usable(dataset: SurfaceDataset) -> None:
    """Stop before long work where a split cannot serve.

    Raises:
        ValueError: if it is empty, has no normal image to train on, or only one class to test on. Where classes are
            told from each other, none of them need be normal.
    """
    what = f"{dataset.name}/{dataset.split}"
    defective = int(dataset.labels.sum())
    normal = len(dataset) - defective
    if not len(dataset):
        raise ValueError(f"{what}: expected images, found none")
    if dataset.name in ENTRIES and ENTRIES[dataset.name].by_class:
        return
    if dataset.split == "train" and not normal:
        raise ValueError(f"{what}: expected normal images to train on, found {defective} defective ones only")
    if dataset.split == "test" and not (normal and defective):
        only = f"{defective} defective" if defective else f"{normal} normal"
        raise ValueError(f"{what}: expected normal and defective images to test on, found {only} ones only")


def require_choice(what: str, given: object, known: Iterable[str]) -> None:
    """Stop where a name is not one of those known, with the nearest of them.

    Raises:
        ValueError: naming what is known.
    """
    choices = list(known)
    if given in choices:
        return
    raise unknown_choice(what, given, choices)


def checked_size(size: object) -> tuple[int, int] | None:
    """A size as ``(height, width)``.

    Raises:
        ValueError: if it is not ``None`` or two whole numbers of at least 1.
    """
    if size is None:
        return None
    values = list(size) if isinstance(size, (tuple, list)) else []
    if len(values) != 2 or any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in values):
        raise ValueError(f"size: expected (height, width) in whole pixels, such as (704, 256), or None; got {size!r}")
    return values[0], values[1]


def _train_and_test(
    loader: Callable[..., SurfaceDataset], size: tuple[int, int] | None, options: Mapping[str, Any]
) -> SurfaceDataset:
    from defectlab.data.combine import concatenate

    dataset = concatenate(*(loader(split=split, size=size, **options) for split in ("train", "test")))
    dataset.split = "all"
    return dataset
