"""Data sets whose images and masks are files, and the checks that come before long work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from defectlab.data.base import Record, Sample, SurfaceDataset
from defectlab.data.images import SUFFIXES, ImageError, image_size, read_image, read_mask, resize_image, resize_mask

THREADS = 4  # reading files waits more than it computes
SHOWN = 3  # names in an error before "and n more"

In = TypeVar("In")
Out = TypeVar("Out")


class FileDataset(SurfaceDataset):
    """Images and masks from the files that the records name.

    A normal image has an all-false mask whether it has a mask file or not; a defective one without a mask file has
    the mask ``None``. Images keep the size of their file where ``size`` is ``None``.
    """

    def read(self, record: Record) -> Sample:
        """The sample of one record.

        Raises:
            ImageError: if a file cannot be read, or if the mask is not of the size of its image.
        """
        image = read_image(record.path)
        mask = self._mask(record, image.shape[:2])
        if self.size is not None:
            image = resize_image(image, self.size)
            mask = None if mask is None else resize_mask(mask, self.size)
        tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float().div(255)
        located = None if mask is None else torch.from_numpy(mask)[None]
        return Sample(tensor, located, record.label, record.defect, record.group, record.path)

    def _mask(self, record: Record, size: tuple[int, ...]) -> np.ndarray | None:
        if not record.label:
            return np.zeros(size, dtype=bool)
        if record.mask_path is None:
            return None
        mask = read_mask(record.mask_path)
        if mask.shape != size:
            raise ImageError(_sizes_differ(record, (size[0], size[1]), (mask.shape[0], mask.shape[1])))
        return mask


def image_files(folder: Path) -> list[Path]:
    """Image files of a folder, without its subfolders and without hidden files, in natural order."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted((path for path in found if not path.name.startswith(".")), key=lambda path: natural(path.name))


def subfolders(folder: Path) -> list[Path]:
    """Folders inside a folder, without hidden ones, in natural order."""
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: natural(path.name))


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sort key that puts ``Part2`` before ``Part10``, the same on every system; the name itself settles ties."""
    parts = [part for part in re.split(r"([0-9]+)", name) if part]
    keys = [(False, int(part), "") if part.isdecimal() else (True, 0, part.casefold()) for part in parts]
    return (*keys, (True, 0, name))


def require_folder(folder: Path, wanted: Iterable[Path], layout: str) -> None:
    """Stop where a folder lacks what the official layout has.

    Raises:
        FileNotFoundError: naming what was expected and what lies there.
    """
    if missing := [path.name for path in wanted if not path.exists()]:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise FileNotFoundError(f"{folder}: expected {', '.join(missing)}, found {there}. Layout: {layout}")


def require_equal_sizes(records: Sequence[Record]) -> None:
    """Read the header of every file: all are images, and every mask is of the size of its image.

    Raises:
        ImageError: naming the first files that are not, and how many there are.
    """
    _of_each(_require_equal_size, records)


def require_readable(dataset: FileDataset) -> None:
    """Decode every image and mask: a header may be whole where the rest of the file is cut off.

    Raises:
        ImageError: naming the first files that cannot be read, and how many there are.
    """
    _of_each(_decode, dataset.records)


def any_defect(paths: Sequence[Path | str]) -> list[bool]:
    """For each mask file, in order, whether any pixel is above 0: the label, taken from the original mask.

    Labels from a resized mask, as in DIAG's released code, lose thin defects.

    Raises:
        ImageError: naming the first masks that cannot be read, and how many there are.
    """
    return _of_each(lambda path: bool(read_mask(path).any()), paths)


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a CSV table as text, without spaces around the values; optional columns that it lacks are empty.

    Raises:
        ValueError: if it is no CSV in UTF-8, lacks a required column or has an unknown one.
    """
    columns = [*required, *optional]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: expected a CSV table in UTF-8 with the columns {', '.join(columns)}: {error}"
        ) from error
    missing = [column for column in required if column not in table.columns]
    unknown = [str(column) for column in table.columns if column not in columns]
    if missing or unknown:
        found = f"no {', '.join(missing)}" if missing else f"the unknown {', '.join(unknown)}"
        may = f" ({', '.join(optional)} may be left out)" if optional else ""
        raise ValueError(f"{path}: expected the columns {', '.join(columns)}{may}, found {found}")
    stripped = table.reindex(columns=columns, fill_value="").map(str.strip)
    return [{str(column): str(value) for column, value in row.items()} for row in stripped.to_dict("records")]


def some(names: Sequence[str]) -> str:
    """The first few names and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _of_each(function: Callable[[In], Out], inputs: Sequence[In]) -> list[Out]:
    """Results in order; bad files are told together, for a person mends them together."""

    def attempt(value: In) -> Out | ImageError:
        try:
            return function(value)
        except ImageError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(attempt, inputs))
    errors = [str(result) for result in results if isinstance(result, ImageError)]
    if errors:
        count = f"{len(errors)} of {len(inputs)} images or masks cannot be used:\n" if len(errors) > 1 else ""
        more = f"\nand {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
        raise ImageError(count + "\n".join(errors[:SHOWN]) + more)
    return [result for result in results if not isinstance(result, ImageError)]


def _require_equal_size(record: Record) -> None:
    image = image_size(record.path)
    if record.mask_path is not None and (mask := image_size(record.mask_path)) != image:
        raise ImageError(_sizes_differ(record, image, mask))


def _decode(record: Record) -> None:
    read_image(record.path)
    if record.mask_path is not None:
        read_mask(record.mask_path)


def _sizes_differ(record: Record, image: tuple[int, int], mask: tuple[int, int]) -> str:
    return (
        f"mask and image differ in size (height x width): {record.mask_path} is {mask[0]} x {mask[1]}, "
        f"{record.path} is {image[0]} x {image[1]}"
    )
