"""Data sets joined and parted."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from defectlab.data.base import Record, Sample, SurfaceDataset
from defectlab.data.files import FileDataset
from defectlab.data.images import image_size
from defectlab.data.splits import grouped_split

Kind = TypeVar("Kind", bound=SurfaceDataset)


class JoinedDataset(SurfaceDataset):
    """Several data sets one behind the other; each sample is read by the data set it comes from.

    Groups stay as they are: images of two data sets with one group are images of one object.

    Args:
        datasets: at least one, with images of one size.
        size: ``(height, width)`` of all images; that of the first data set by default.
    """

    def __init__(self, *datasets: SurfaceDataset, size: tuple[int, int] | None = None) -> None:
        ids = [record.id for dataset in datasets for record in dataset.records]
        unique = len(set(ids)) == len(ids)
        self.origins: dict[str, tuple[SurfaceDataset, Record]] = {}
        records = []
        for position, dataset in enumerate(datasets):
            for record in dataset.records:
                name = record.id if unique else f"{position}/{record.id}"
                records.append(replace(record, id=name))
                self.origins[name] = dataset, record
        super().__init__(
            "+".join(dict.fromkeys(dataset.name for dataset in datasets)),
            "+".join(dict.fromkeys(dataset.split for dataset in datasets)),
            records,
            size or datasets[0].size,
            "; ".join(dict.fromkeys(dataset.licence for dataset in datasets if dataset.licence)),
        )

    def read(self, record: Record) -> Sample:
        """The sample of one record, read by its own data set."""
        dataset, original = self.origins[record.id]
        return dataset.read(original)


def concatenate(*datasets: SurfaceDataset) -> SurfaceDataset:
    """Data sets one behind the other, such as real images and synthetic ones.

    Args:
        datasets: at least one; equal names, splits and licences are said once. Where identifiers occur twice, each
            gets the position of its data set in front. A data set of files as they are joins one of a given size
            where the headers of all its files say that size.

    Raises:
        ValueError: if there is none, or if they differ in size.
    """
    if not datasets:
        raise ValueError("concatenate: expected at least one data set, got none")
    sizes = {dataset.size and (int(dataset.size[0]), int(dataset.size[1])) for dataset in datasets}
    given = sizes - {None}
    size = next(iter(given), None)
    if len(given) > 1 or (given and not all(_has_size(dataset, size) for dataset in datasets)):
        found = ", ".join(f"{dataset.name}/{dataset.split} {dataset.size or 'as the files'}" for dataset in datasets)
        hint = f"size={size}" if len(given) == 1 else "size="
        raise ValueError(f"concatenate: expected data sets of one size (height, width), got {found}; load with {hint}")
    return JoinedDataset(*datasets, size=size)


def _has_size(dataset: SurfaceDataset, size: tuple[int, int] | None) -> bool:
    """Whether all images are of a size; of files that keep their own, their headers say so."""
    if dataset.size is not None:
        return True  # compared before
    return isinstance(dataset, FileDataset) and all(image_size(record.path) == size for record in dataset.records)


def split_by_group(dataset: Kind, fraction: float, seed: int) -> tuple[Kind, Kind]:
    """Part a data set without parting a group, stratified by label.

    Args:
        dataset: what to part; an image without a group is a group of its own.
        fraction: wanted share of each label in the part, inside (0, 1); whole groups come near it.
        seed: another seed gives another part.

    Returns:
        The rest and the part, such as training and validation data, both in the order of the data set.

    Raises:
        ValueError: if the fraction is not inside (0, 1), or if a label has too few groups to be on both sides; the
            message says what would mend it.
    """
    labels = dataset.labels
    chosen = grouped_split([str(label) for label in labels], list(dataset.groups), fraction, seed)
    for label in np.unique(labels):
        inside = chosen[labels == label]
        if inside.all() or not inside.any():
            raise ValueError(_one_sided(dataset, int(label), fraction))
    return dataset.subset(indices=np.flatnonzero(~chosen)), dataset.subset(indices=np.flatnonzero(chosen))


def _one_sided(dataset: SurfaceDataset, label: int, fraction: float) -> str:
    """Why the images of a label cannot be on both sides of a split, and what can be done."""
    what = "defective" if label else "normal"
    groups = [record.group for record in dataset.records if record.label == label]
    count = sum(not group for group in groups) + len({group for group in groups if group})
    head = f"split_by_group: {dataset.name}/{dataset.split} has {len(groups)} {what} image{'s' * (len(groups) != 1)}"
    if len(groups) == 1:
        return f"{head}, and both sides of a split need one; add at least one more"
    if count == 1:
        return (
            f"{head}, all of group {groups[0]!r}, and images of one object never part; add {what} images of another "
            "object, or give the images their true groups"
        )
    return (
        f"{head} in {count} groups; a part of {fraction:g} of them would hold none or all, and both sides need one; "
        f"take a fraction nearer to 0.5, or add {what} images"
    )
