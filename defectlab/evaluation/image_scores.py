"""From an anomaly map to the score of its image; say which beside every image AUROC."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from defectlab.evaluation.maps import Maps, as_score_maps

ImageScores = npt.NDArray[np.float64]


def top_k_mean(scores: Maps, k: int = 100) -> ImageScores:
    """Mean of the k largest pixel scores of each image; of all pixels where there are fewer.

    Args:
        scores: ``(n, H, W)`` or n arrays ``(H, W)``, finite.
        k: at least 1. It counts pixels, so the score depends on the resolution of the map.

    Returns:
        float64, shape ``(n,)``.

    Raises:
        TypeError: if a map is no array of real numbers.
        ValueError: if ``k`` is below 1 or a map is unfit.

    Source: student-teacher paper, Eq. 6, with K = 100, as DeSTSeg (Zhang et al. 2023).
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    means = []
    for score in as_score_maps(scores):
        taken = min(k, score.size)
        largest = np.partition(score.ravel(), score.size - taken)[score.size - taken :]
        means.append(np.sort(largest).mean(dtype=np.float64))  # S = 1 / K sum of the K largest; sorted: one rounding
    return np.array(means)


def maximum(scores: Maps) -> ImageScores:
    """Largest pixel score of each image.

    Args:
        scores: ``(n, H, W)`` or n arrays ``(H, W)``, finite.

    Returns:
        float64, shape ``(n,)``.

    Raises:
        TypeError: if a map is no array of real numbers.
        ValueError: if a map is unfit.
    """
    return np.array([score.max() for score in as_score_maps(scores)], dtype=np.float64)


def smoothed_maximum(scores: Maps, window: int = 21) -> ImageScores:
    """Largest mean over a square window of each image; outside the image lie zeros, which count.

    Args:
        scores: ``(n, H, W)`` or n arrays ``(H, W)``, finite.
        window: side in pixels, odd, at least 1.

    Returns:
        float64, shape ``(n,)``.

    Raises:
        TypeError: if a map is no array of real numbers.
        ValueError: if the window is even or below 1, or a map is unfit.

    Source: Zavrtanik et al. 2021 (DRAEM): average pooling 21 x 21, stride 1, padding 10, then the maximum.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be odd and at least 1, got {window}")
    smooth = [uniform_filter(score.astype(np.float64), window, mode="constant") for score in as_score_maps(scores)]
    return np.array([score.max() for score in smooth])
