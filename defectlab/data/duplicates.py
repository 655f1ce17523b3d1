"""Byte-identical and near-identical images: copies that would stand in training and in test at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SIDE = 64
SMOOTHING = 3.0
BOUND = 0.95
FLAT = 0.05
BLOCK = 512

IDENTICAL = "byte-identical"
NEAR = "near-identical"


@dataclass(frozen=True)
class Imprint:
    """What is kept of an image to compare it with thousands of others: 16 KiB.

    Attributes:
        path: of the file.
        digest: SHA-256 of the bytes of the file.
        signature: fine structure of the image, float32 ``(SIDE**2,)``; see `signature`.
        split: split the image belongs to, ``""`` where there is none.
        group: object the image shows.
    """

    path: str
    digest: str
    signature: np.ndarray = field(repr=False, compare=False)
    split: str = ""
    group: str = ""


@dataclass(frozen=True)
class Duplicates:
    """Images that are copies of each other.

    Attributes:
        kind: ``"byte-identical"`` or ``"near-identical"``.
        members: two or more, in the order of the data set.
        correlation: the lowest between any two of the members, at most 1. Near-identical images are linked pair by
            pair, so that it may lie below the bound: then the set is a chain and wants a look.
    """

    kind: str
    members: tuple[Imprint, ...]
    correlation: float

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits of the members, sorted; more than one is a leak."""
        return tuple(sorted({member.split for member in self.members}))

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of the members, sorted; more than one is a leak as soon as the set is split by group."""
        return tuple(sorted({member.group for member in self.members}))


def take_imprint(path: str | Path, image: np.ndarray, split: str = "", group: str = "") -> Imprint:
    """The imprint of a file and of the image read from it.

    Args:
        path: the file; its bytes are read again.
        image: uint8, shape ``(H, W, 3)`` or ``(H, W)``.
        split: split it belongs to.
        group: object it shows.

    Raises:
        OSError: if the file cannot be read.
    """
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Imprint(str(path), digest, signature(image), split, group)


def signature(image: np.ndarray) -> np.ndarray:
    """Fine structure of an image as a unit vector; the dot product of two is their correlation.

    The grey image is reduced to 64 x 64 by area, its smooth part (Gaussian, sigma 3) taken away, then mean 0 and
    length 1. Exposure, contrast, JPEG quality and scale hardly change it. Without the smooth part, what all images of
    a data set have in common (light, outline of the part) weighs less, and what tells them apart weighs more.

    Args:
        image: uint8, shape ``(H, W, 3)`` or ``(H, W)``.

    Returns:
        float32 ``(4096,)``; all zero for an image without structure, which is then like no other.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    # as float before the mean: in whole grey levels the structure of a dull image would be lost
    small = cv2.resize(grey.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    fine = small - cv2.GaussianBlur(small, (0, 0), SMOOTHING)
    fine -= fine.mean()
    if fine.std() < FLAT:  # in grey levels of 255: rounding, no structure
        return np.zeros(SIDE * SIDE, np.float32)
    return (fine / np.linalg.norm(fine)).ravel()


def find_duplicates(imprints: Sequence[Imprint], bound: float = BOUND, block: int = BLOCK) -> tuple[Duplicates, ...]:
    """All copies among the images, within and across splits and groups.

    What the default bound means was measured on reduced copies of three public sets. KolektorSDD: 7 of the 8 pairs of
    an item that was photographed twice are found (0.943 to 0.985; any other pair at most 0.22). MVTec screw, 480
    images: one copy (0.999), and 12 pairs of similar pose below 0.98, which are for a person to judge. Magnetic tile:
    nothing across groups; at 0.85 four sets, of which three looked at by eye show one tile, slightly shifted, and one
    does not. Mirrored, turned or clearly shifted copies are not found.

    Args:
        imprints: of all images of the data set.
        bound: correlation of `signature` from which images count as near-identical, in (0, 1].
        block: rows compared at a time; memory grows with ``block * n``, not with ``n ** 2``.

    Returns:
        Byte-identical sets first, then near-identical ones, each in the order of the data set.

    Raises:
        ValueError: if the bound is not in (0, 1].
    """
    require_bound(bound)
    copies: dict[str, list[Imprint]] = {}
    for imprint in imprints:
        copies.setdefault(imprint.digest, []).append(imprint)
    identical = [Duplicates(IDENTICAL, tuple(same), 1.0) for same in copies.values() if len(same) > 1]
    return (*identical, *_near(list(copies.values()), bound, block))


def closest_across(members: Sequence[Imprint], parts: Sequence[str]) -> tuple[Imprint, Imprint, float]:
    """The two images of different parts, such as splits or groups, that are most alike, and their correlation.

    Args:
        members: images to compare.
        parts: part of each; at least two different ones.
    """
    signatures = np.stack([member.signature for member in members])
    part = np.unique(np.asarray(parts, dtype=str), return_inverse=True)[1]
    best = 0, 0, -2.0
    for row in range(len(members)):
        likeness = np.where(part == part[row], -2.0, signatures @ signatures[row])
        other = int(likeness.argmax())
        if likeness[other] > best[2]:
            best = row, other, float(likeness[other])
    return members[best[0]], members[best[1]], min(best[2], 1.0)


def require_bound(bound: float) -> None:
    """Stop where a bound is no correlation.

    Raises:
        ValueError: if it is not in (0, 1].
    """
    if not 0 < bound <= 1:
        raise ValueError(f"bound is a correlation in (0, 1], got {bound}")


def _near(copies: Sequence[Sequence[Imprint]], bound: float, block: int) -> Iterator[Duplicates]:
    """Near-identical sets; each distinct file is compared once and stands for its byte-identical copies."""
    if not copies:
        return
    signatures = np.stack([same[0].signature for same in copies])
    labels = _linked(signatures, bound, block)
    order = np.argsort(labels, kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(chosen) > 1:
            members = tuple(member for index in chosen for member in copies[index])
            yield Duplicates(NEAR, members, _lowest(signatures[chosen], block))


def _linked(signatures: np.ndarray, bound: float, block: int) -> np.ndarray:
    """Number of the connected component of each row, in the order of their first rows; links are correlations."""
    n = len(signatures)
    labels = np.arange(n)
    for start in range(0, n, block):
        # rows of this block against themselves and all later ones: the upper triangle
        rows, columns = np.nonzero(signatures[start : start + block] @ signatures[start:].T >= bound - 1e-6)
        if not len(rows):
            continue
        first = np.concatenate([rows + start, np.arange(n)])  # new links, and those known so far
        second = np.concatenate([columns + start, labels])
        graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(n, n))
        component = connected_components(graph, directed=False)[1]
        labels = np.unique(component, return_index=True)[1][component]  # a component is named by its first row
    return labels


def _lowest(signatures: np.ndarray, block: int) -> float:
    parts = (signatures[start : start + block] @ signatures.T for start in range(0, len(signatures), block))
    return float(np.clip(min(part.min() for part in parts), -1, 1))
