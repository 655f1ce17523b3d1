"""What every localisation metric checks before it computes: masks with anomaly maps, image by image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

Mask = npt.NDArray[np.bool_]
ScoreMap = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Maps = np.ndarray | Tensor | Sequence[np.ndarray] | Sequence[Tensor]
"""``(n, H, W)`` as one array, or a sequence of ``(H, W)`` arrays whose sizes may differ from image to image."""


def as_maps(masks: Maps, scores: Maps) -> tuple[list[Mask], list[ScoreMap]]:
    """Masks and anomaly maps in the form that the localisation metrics compute on.

    Scores are never rescaled and never pass through a sigmoid: only their order matters.

    Args:
        masks: shape ``(n, H, W)`` or n arrays ``(H, W)``; bool, or 0 with 1, or 0 with 255.
        scores: as ``masks``; finite, any range; higher means more defective. Half precision becomes float32, whole
            numbers float64; float32 and float64 stay.

    Returns:
        n masks as bool ``(H, W)`` and n maps as float32 or float64 ``(H, W)``, without a copy where none is needed.

    Raises:
        TypeError: if a map is no array of real numbers.
        ValueError: if the numbers of images or the shapes differ, there is no image, a mask holds another value, or a
            score is not finite; the image is named.
    """
    mask_list, score_list = _images("masks", masks), _images("scores", scores)
    if len(mask_list) != len(score_list) or not mask_list:
        raise ValueError(f"masks and scores must be of the same n >= 1 images, got {len(mask_list)}, {len(score_list)}")
    for image, (mask, score) in enumerate(zip(mask_list, score_list, strict=True)):
        if mask.shape != score.shape:
            raise ValueError(
                f"image {image}: mask {mask.shape} and scores {score.shape} differ in shape; bring the map to the size "
                "of the mask, or the mask to the size of the map with resize_mask"
            )
    checked_scores = [_as_scores(score, image) for image, score in enumerate(score_list)]
    return [_as_mask(mask, image) for image, mask in enumerate(mask_list)], checked_scores


def as_score_maps(scores: Maps) -> list[ScoreMap]:
    """Anomaly maps alone, see `as_maps`."""
    score_list = _images("scores", scores)
    if not score_list:
        raise ValueError("scores must hold n >= 1 images, got none")
    return [_as_scores(score, image) for image, score in enumerate(score_list)]


def _images(name: str, maps: Maps) -> list[np.ndarray]:
    if isinstance(maps, np.ndarray | Tensor):
        if maps.ndim != 3:
            raise ValueError(
                f"{name} must have shape (n, H, W), got {tuple(maps.shape)}; one image is {name}[None], a channel axis "
                f"goes with {name}[:, 0]"
            )
        images = list(_as_array(name, maps))
    else:
        images = [_as_array(name, image) for image in maps]
    for position, image in enumerate(images):
        if image.ndim != 2 or not image.size:
            raise ValueError(f"{name}: image {position} must have shape (H >= 1, W >= 1), got {image.shape}")
    return images


def _as_array(name: str, values: np.ndarray | Tensor) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return (values if values.dtype.itemsize > 2 or not values.is_floating_point() else values.float()).numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be arrays of real numbers, got {type(values).__name__} of dtype {array.dtype}")
    return array


def _as_mask(mask: np.ndarray, image: int) -> Mask:
    if mask.dtype == bool:
        return mask
    positive = mask == 1
    if not (positive | (mask == 0)).all():
        positive = mask == 255
        strange = ~(positive | (mask == 0))
        if strange.any():
            raise ValueError(
                f"image {image}: mask must hold 0 (normal) and one of 1 or 255 (defect), got {mask[strange][0]!r}; "
                "binarise it first, as read_mask does"
            )
    return positive


def _as_scores(score: np.ndarray, image: int) -> ScoreMap:
    if score.dtype == np.float16:
        score = score.astype(np.float32)
    elif score.dtype not in (np.float32, np.float64):
        score = score.astype(np.float64)
    finite = np.isfinite(score)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(
            f"scores must be finite, got {score[row, column]} at image {image}, row {row}, column {column}: "
            "did training diverge?"
        )
    return score
