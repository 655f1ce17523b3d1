"""What a data set holds, in a few digits, so that a stored step is done again where its images have changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from defectlab.data.base import Record, SurfaceDataset
from defectlab.data.combine import JoinedDataset
from defectlab.synthesis.base import SyntheticSet


def contents(dataset: SurfaceDataset) -> str:
    """Twelve hexadecimal digits of names, labels, groups and images, in order.

    Synthetic images count with their pixels. Images in files count with the size of the file in bytes, which is known
    without reading them; those drawn by the program follow from its source, which a step counts anyway.
    """
    digest = hashlib.sha256(f"{dataset.size}".encode())
    for record in dataset.records:
        _add(digest, dataset, record)
    return digest.hexdigest()[:12]


def _add(digest: hashlib._Hash, dataset: SurfaceDataset, record: Record) -> None:
    if isinstance(dataset, JoinedDataset):
        _add(digest, *dataset.origins[record.id])
        return
    files = [_bytes_of(record.path), _bytes_of(record.mask_path or "")]
    digest.update(repr((record.id, record.label, record.defect, record.group, files)).encode())
    if isinstance(dataset, SyntheticSet):
        item = dataset.item(record)
        digest.update(item.image.tobytes() + (b"" if item.mask is None else item.mask.tobytes()))


def _bytes_of(path: str) -> int:
    """Size of a file; 0 for a description in place of a path."""
    return Path(path).stat().st_size if path and Path(path).is_file() else 0
