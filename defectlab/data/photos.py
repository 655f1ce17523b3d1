"""A folder of the user's images, in the layout of `defectlab.data.folder` or without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from defectlab.data import folder as layout
from defectlab.data.base import Record
from defectlab.data.files import FileDataset, image_files, subfolders

KINDS = {layout.NORMAL: 0, layout.DEFECTIVE: 1}


def has_layout(root: Path) -> bool:
    """True where a folder says which of its images are normal and which are defective."""
    return any((root / part).exists() for part in (*KINDS, *layout.SPLITS, layout.MANIFEST))


def plain_folder(folder: Path, size: tuple[int, int] | None = None) -> FileDataset:
    """All images of a folder and its subfolders as a data set of normal images.

    Masks are no images: ``masks/`` is left out where it lies beside ``good/`` or ``defect/``.

    Args:
        folder: searched to any depth.
        size: ``(height, width)`` in pixels that every image is brought to; ``None`` keeps the size of each file.

    Raises:
        FileNotFoundError: if there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"images: expected a folder, found {'a file' if folder.is_file() else 'nothing'} at {folder}"
        )
    paths = list(_tree(folder, is_mask=False))
    if not paths:
        raise FileNotFoundError(f"images: {folder} and its subfolders hold no image (jpg, png, bmp, tif, webp)")
    names = [path.relative_to(folder).as_posix() for path in paths]
    records = [Record(name, 0, path=str(path)) for name, path in zip(names, paths, strict=True)]
    return FileDataset(folder.name, "all", records, size)


def masks_beside(folder: Path) -> int:
    """How many files `plain_folder` leaves out as masks."""
    return sum(1 for _ in _tree(folder, is_mask=True))


def known_label(name: str) -> int | None:
    """Label that the path of an image says: 0 below ``good/``, 1 below ``defect/``, else ``None``.

    Args:
        name: path in the folder, as the records of `plain_folder` have it.
    """
    kinds = [KINDS[part] for part in Path(name).parts[:-1] if part in KINDS]
    return kinds[0] if kinds else None


def _tree(folder: Path, is_mask: bool) -> Iterator[Path]:
    """Images of a folder to any depth; masks alone, or all but masks."""
    inner = subfolders(folder)
    is_labelled = any(path.name in KINDS for path in inner)
    if not is_mask:
        yield from image_files(folder)
    for path in inner:
        if is_labelled and path.name == layout.MASKS:
            yield from _all_images(path) if is_mask else ()
        else:
            yield from _tree(path, is_mask)


def _all_images(folder: Path) -> Iterator[Path]:
    yield from image_files(folder)
    for inner in subfolders(folder):
        yield from _all_images(inner)
