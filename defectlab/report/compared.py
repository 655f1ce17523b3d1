"""What a distance between images was taken on: how many images on each side, how many features, what size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from defectlab.report.summary import by_seed

IMAGES, FEATURES, SIDE = "images_compared", "features_compared", "side"
"""Metrics: images on each side, numbers that an image is described by, side of the images in pixels."""
BASIS = (IMAGES, FEATURES, SIDE)

_BIASED = (
    "Distances have the same number of images on both sides, drawn without replacement by the seed. With few images a "
    "Frechet distance is biased upwards, so values are to be compared at one number of images alone."
)


def basis(rows: pd.DataFrame) -> dict[str, tuple[int, ...]]:
    """The different values of each metric of `BASIS` among some rows; empty where they say none.

    Args:
        rows: result rows; those of single classes (``images_compared_dent``) are not read.
    """
    found = {name: sorted({int(value) for value in rows[rows["metric"] == name]["value"]}) for name in BASIS}
    return {name: tuple(values) for name, values in found.items()}


def basis_in_words(found: Mapping[str, Iterable[int]]) -> str:
    """``; n = 100 images on each side, 64 features, 32 pixels``, as the end of a caption; empty where nothing is known.

    Args:
        found: as `basis` gives it.
    """
    words = {IMAGES: "n = {} images on each side", FEATURES: "{} features", SIDE: "judged at {} pixels"}
    said = [words[name].format(" or ".join(map(str, values))) for name in BASIS if (values := tuple(found[name]))]
    return f"; {', '.join(said)}" if said else ""


def basis_notes(rows: pd.DataFrame) -> tuple[str, ...]:
    """How distances of such rows are to be read, of single classes too: the bias, and too few images for a covariance.

    Args:
        rows: result rows.
    """
    counts = rows[rows["metric"].astype(str).str.startswith(IMAGES)]["value"]
    if counts.empty:
        return ()
    features = by_seed(rows, metric=FEATURES)
    few = sorted({int(n) for n in counts if len(features) and n <= features.max()})
    if not few:
        return (_BIASED,)
    deficient = (
        f"At n = {', '.join(map(str, few))} there are no more images than the {int(features.max())} features: a "
        "covariance is not of full rank, and a Frechet distance measures the number of images first."
    )
    return (_BIASED, deficient)
