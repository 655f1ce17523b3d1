"""Connected regions of masks, and the share of its region that each defect pixel is."""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from defectlab.evaluation.maps import Mask

Connectivity = Literal[4, 8]
"""Neighbours that join pixels to a region: 8 in the metric of MVTec AD; 4 is the default of `scipy.ndimage.label`."""


def label_regions(mask: Mask, connectivity: Connectivity = 8) -> tuple[npt.NDArray[np.int32], int]:
    """Connected regions of one mask.

    Args:
        mask: bool, shape ``(H, W)``.
        connectivity: 8 joins pixels that touch at a corner, 4 does not.

    Returns:
        Labels of shape ``(H, W)``, 0 outside and 1 to the number of regions inside, and that number.

    Raises:
        ValueError: if the connectivity is neither 4 nor 8.
    """
    if connectivity not in get_args(Connectivity):
        raise ValueError(f"connectivity must be 4 or 8, got {connectivity!r}")
    count, labels = cv2.connectedComponents(np.ascontiguousarray(mask).view(np.uint8), connectivity=connectivity)
    return np.asarray(labels, dtype=np.int32), count - 1  # OpenCV counts the background


def region_shares(
    mask: Mask, connectivity: Connectivity = 8
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], int]:
    """The defect pixels of one mask, each with the share of its region that it is.

    Args:
        mask: bool, shape ``(H, W)``.
        connectivity: see `label_regions`.

    Returns:
        Positions of the defect pixels in the flattened mask, rising; 1 / (pixels of the region) for each, which sums
        to the number of regions; and that number.
    """
    positions = np.flatnonzero(mask)
    if not len(positions):
        return positions, np.empty(0), 0
    labels, count = label_regions(mask, connectivity)
    region = labels.ravel()[positions]
    return positions, 1 / np.bincount(region)[region], count
