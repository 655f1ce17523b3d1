"""What a look at the files of a data set can bring to light: each kind of finding is one rule."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from defectlab.data.base import Record
from defectlab.data.duplicates import (
    IDENTICAL,
    NEAR,
    Duplicates,
    Imprint,
    closest_across,
    find_duplicates,
    take_imprint,
)
from defectlab.data.images import read_image, read_mask
from defectlab.data.pairing import image_files_below

Severity = Literal["error", "warning", "info"]
Counts = Mapping[str, tuple[int, int]]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: short name of the rule, such as ``"unreadable image"``.
        severity: ``"error"`` makes results wrong, ``"warning"`` may, ``"info"`` is good to know.
        text: what was found, what it means, how to mend it.
        files: the files concerned, all of them.
    """

    kind: str
    severity: Severity
    text: str
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity is one of {', '.join(SEVERITIES)}, got {self.severity!r}")


@dataclass(frozen=True)
class Look:
    """What one image and its mask turned out to be.

    Attributes:
        record: of the image.
        split: it belongs to.
        mask_path: file of the mask, ``None`` where there is none.
        size: ``(height, width)`` of the image, ``None`` where it cannot be read.
        mask_size: ``(height, width)`` of the mask, ``None`` where there is none or it cannot be read.
        mask_pixels: number of pixels on the defect, ``None`` as above.
        imprint: to find copies; ``None`` where the image cannot be read.
        image_fault: why the image cannot be read, ``""`` where it can.
        mask_fault: the same of the mask.
    """

    record: Record
    split: str
    mask_path: str | None = None
    size: tuple[int, int] | None = None
    mask_size: tuple[int, int] | None = None
    mask_pixels: int | None = None
    imprint: Imprint | None = None
    image_fault: str = ""
    mask_fault: str = ""


def look_at(record: Record, split: str, mask_path: str | None) -> Look:
    """Reads an image and its mask; what cannot be read is noted and raises nothing.

    Args:
        record: of the image.
        split: it belongs to.
        mask_path: of the record, or a file that by its name is the mask of an image whose record has none.
    """
    size = imprint = mask_size = mask_pixels = None
    image_fault = mask_fault = ""
    try:
        image = read_image(record.path)
        size = image.shape[0], image.shape[1]
        imprint = take_imprint(record.path, image, split, record.group)
    except (ValueError, OSError) as error:
        image_fault = str(error)
    if mask_path:
        try:
            mask = read_mask(mask_path)
            mask_size, mask_pixels = (mask.shape[0], mask.shape[1]), int(mask.sum())
        except (ValueError, OSError) as error:
            mask_fault = str(error)
    return Look(record, split, mask_path, size, mask_size, mask_pixels, imprint, image_fault, mask_fault)


def count_findings(counts: Counts, official: Counts) -> Iterator[Finding]:
    """Normal and defective images beside the official numbers, by split or, where the release has none, in all."""
    for split, expected in official.items():
        parts = counts.values() if split == "all" else [counts.get(split, (0, 0))]
        found = sum(part[0] for part in parts), sum(part[1] for part in parts)
        if found == expected:
            yield Finding("counts", "info", f"{split}: {_amount(found)}, as in the official release")
        else:
            text = (
                f"{split}: found {_amount(found)}, the official release has {_amount(expected)}: a reduced, changed or "
                "incomplete copy; results on it are not comparable with published ones"
            )
            yield Finding("counts", "warning", text)


def size_findings(looks: Sequence[Look]) -> Iterator[Finding]:
    """Sizes seen, the most frequent first."""
    sizes = Counter(look.size for look in looks if look.size)
    if sizes:
        heights, widths = [size[0] for size in sizes], [size[1] for size in sizes]
        common, times = sizes.most_common(1)[0]
        text = (
            f"all images are {common[0]} x {common[1]} (height x width)"
            if len(sizes) == 1
            else f"{len(sizes)} sizes: height {min(heights)} to {max(heights)}, width {min(widths)} to {max(widths)}; "
            f"{times} images are {common[0]} x {common[1]} (height x width)"
        )
        yield Finding("sizes", "info", text)


def fault_findings(looks: Sequence[Look]) -> Iterator[Finding]:
    """Files that cannot be read, each with its reason."""
    for kind, faults in (
        ("unreadable image", {look.record.path: look.image_fault for look in looks if look.image_fault}),
        ("unreadable mask", {str(look.mask_path): look.mask_fault for look in looks if look.mask_fault}),
    ):
        for path, fault in faults.items():
            yield Finding(kind, "error", fault if path in fault else f"{path}: {fault}", (path,))


def mismatch_findings(looks: Sequence[Look]) -> Iterator[Finding]:
    """Masks of another size than their image."""
    for look in looks:
        if look.size and look.mask_size and look.size != look.mask_size:
            text = (
                f"{look.mask_path} is {look.mask_size[0]} x {look.mask_size[1]}, {look.record.path} is "
                f"{look.size[0]} x {look.size[1]} (height x width): it is of another image, or one of them was resized"
            )
            yield Finding("mask of another size", "error", text, (look.record.path, str(look.mask_path)))


def mask_findings(looks: Sequence[Look]) -> Iterator[Finding]:
    """Masks that contradict the label of their image."""
    marked = _paths(look for look in looks if not look.record.label and look.mask_pixels)
    if marked:
        text = f"{len(marked)} normal images have a mask that is not empty: either the label or the mask is wrong"
        yield Finding("mask without defect", "error", text, marked)
    empty = _paths(look for look in looks if look.record.label and look.mask_pixels == 0)
    if empty:
        text = f"{len(empty)} defective images have an empty mask: nothing to locate, nothing to take a mask from"
        yield Finding("defect without mask", "warning", text, empty)
    without = _paths(look for look in looks if look.record.label and look.mask_path is None)
    if without:
        every = all(look.mask_path is None for look in looks)
        text = f"{len(without)} defective images have no mask file: their defects count as not located"
        yield Finding("defect without mask", "info" if every else "warning", text, without)


def duplicate_findings(looks: Sequence[Look], labels: Mapping[str, int], bound: float) -> Iterator[Finding]:
    """Copies: across splits they leak, across groups they will, inside a group they are what a group is for.

    Args:
        looks: at all images.
        labels: of the images whose label is known, by path.
        bound: correlation from which images count as near-identical.
    """
    inside: list[Imprint] = []
    for found in find_duplicates([look.imprint for look in looks if look.imprint], bound):
        one_object = len(found.splits) == len(found.groups) == 1 and found.groups[0]
        if one_object and found.kind != IDENTICAL:
            inside += found.members
            continue
        both = (
            found.kind == IDENTICAL
            and len({labels[member.path] for member in found.members if member.path in labels}) > 1
        )
        severity, where = _weigh(found, both)
        likeness = "" if found.kind == IDENTICAL else f"; {_likeness(found)}"
        text = f"{len(found.members)} {found.kind} images {where}{likeness}"
        yield Finding(f"{found.kind} images", severity, text, tuple(member.path for member in found.members))
    if inside:
        text = f"{len(inside)} images are near-identical to another one of their group: keep groups together"
        yield Finding(f"{NEAR} images", "info", text, tuple(member.path for member in inside))


def group_findings(looks: Sequence[Look]) -> Iterator[Finding]:
    """Groups that a split parts."""
    splits: dict[str, dict[str, list[str]]] = {}
    for look in looks:
        if look.record.group:
            splits.setdefault(look.record.group, {}).setdefault(look.split, []).append(look.record.path)
    for group, members in splits.items():
        if len(members) > 1:
            shares = ", ".join(f"{len(paths)} in {split}" for split, paths in sorted(members.items()))
            text = f"group {group} is in {len(members)} splits ({shares}): one object in training and in test"
            yield Finding(
                "group in two splits", "error", text, tuple(path for paths in members.values() for path in paths)
            )


def stray_findings(root: Path, looks: Sequence[Look]) -> Iterator[Finding]:
    """Image files under the folder that are neither image nor mask, such as ``10301 (copy).png`` of KSDD2."""
    used = {os.path.abspath(path) for look in looks for path in (look.record.path, look.mask_path) if path}
    stray = tuple(str(path) for path in image_files_below(root) if str(path) not in used)
    if stray:
        text = f"{len(stray)} image files are not part of the layout and are left out"
        yield Finding("stray files", "warning", text, stray)


def _weigh(found: Duplicates, both_labels: bool) -> tuple[Severity, str]:
    if both_labels:
        return "error", "with both labels: one of them is wrong"
    if len(found.splits) > 1:
        where = f"in the splits {', '.join(found.splits)}: what is tested"
        if found.kind == IDENTICAL:
            return "error", f"{where} was seen in training"
        return "warning", f"{where} may have been seen in training"
    if len(found.groups) > 1:
        return "warning", f"in {len(found.groups)} groups of {found.splits[0]}: a split by group may part them"
    return "warning", f"in {found.splits[0]}: counted more than once"


def _likeness(found: Duplicates) -> str:
    """How alike they are; where they cross splits or groups, the pair to look at first."""
    if len(found.splits) > 1:
        parts = [member.split for member in found.members]
    elif len(found.groups) > 1:
        parts = [member.group for member in found.members]
    else:
        return f"correlation {found.correlation:.3f} or more"
    first, second, correlation = closest_across(found.members, parts)
    names = " and ".join(f"{Path(imprint.path).name} ({imprint.split})" for imprint in (first, second))
    return f"look first at {names}, correlation {correlation:.3f}"


def _paths(looks: Iterator[Look]) -> tuple[str, ...]:
    return tuple(look.record.path for look in looks)


def _amount(counts: tuple[int, int]) -> str:
    return f"{counts[0]} normal and {counts[1]} defective"
