"""The ten augmentations of DRAEM, three of which at a time turn an image into a strange source of texture.

Ranges are those of DRAEM's list; where it leaves one to its library (imgaug), the library's default is used:
sharpness 0 to 2, posterise to 1 to 8 bits, autocontrast cutting 0 to 20 % at either end.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Maps an image uint8 ``(H, W, 3)`` to another of the same shape, drawing its parameters from the generator."""

# where imgaug finds brightness: colour space there, back, and the channel; one space is drawn for each image
BRIGHTNESS = (
    (cv2.COLOR_RGB2YCrCb, cv2.COLOR_YCrCb2RGB, 0),
    (cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB, 2),
    (cv2.COLOR_RGB2HLS, cv2.COLOR_HLS2RGB, 1),
    (cv2.COLOR_RGB2Lab, cv2.COLOR_Lab2RGB, 0),
    (cv2.COLOR_RGB2Luv, cv2.COLOR_Luv2RGB, 0),
    (cv2.COLOR_RGB2YUV, cv2.COLOR_YUV2RGB, 0),
)


def gamma_contrast(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gamma in [0.5, 2], another one for each channel."""
    levels = np.arange(256)[:, None] / 255
    table = np.rint(255 * levels ** rng.uniform(0.5, 2.0, size=3)).astype(np.uint8)
    return cv2.LUT(image, table.reshape(1, 256, 3))


def brightness(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness times [0.8, 1.2] and plus [-30, 30], in either order, in a colour space drawn from six."""
    there, back, channel = BRIGHTNESS[rng.integers(len(BRIGHTNESS))]
    factor, shift = rng.uniform(0.8, 1.2), rng.integers(-30, 30, endpoint=True)
    converted = cv2.cvtColor(image, there)
    value = converted[..., channel].astype(np.float32)
    value = value * factor + shift if rng.random() < 0.5 else (value + shift) * factor
    converted[..., channel] = np.clip(np.rint(value), 0, 255)
    return cv2.cvtColor(converted, back)


def sharpness(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sharpness factor in [0, 2]: 0 smooths, 1 leaves the image, 2 sharpens."""
    return np.asarray(ImageEnhance.Sharpness(Image.fromarray(image)).enhance(rng.uniform(0, 2)))


def hue_saturation(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hue and saturation each plus [-50, 50], in units of 1/255 of their range; hue goes round."""
    hue, saturation = rng.integers(-50, 50, endpoint=True, size=2)
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + int(hue / 255 * 180)) % 180  # OpenCV counts hue in steps of 2 degrees
    hsv[..., 1] = np.clip(hsv[..., 1] + saturation, 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)


def solarise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With probability 0.5, levels from a threshold in [32, 128] upwards are inverted."""
    threshold = int(rng.integers(32, 128, endpoint=True))
    if rng.random() >= 0.5:
        return image.copy()
    return np.asarray(ImageOps.solarize(Image.fromarray(image), threshold))


def posterise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Keeps the 1 to 8 highest bits."""
    return np.asarray(ImageOps.posterize(Image.fromarray(image), int(rng.integers(1, 8, endpoint=True))))


def invert(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The negative."""
    return 255 - image


def autocontrast(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Stretches each channel to the full range after cutting 0 to 20 % of the pixels at either end."""
    return np.asarray(ImageOps.autocontrast(Image.fromarray(image), cutoff=int(rng.integers(0, 20, endpoint=True))))


def equalise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A flat histogram in each channel."""
    return np.asarray(ImageOps.equalize(Image.fromarray(image)))


def rotate(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned by [-45, 45] degrees about the centre, bilinear, black where nothing was."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), rng.uniform(-45, 45), 1.0)
    return cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR)


AUGMENTATIONS: MappingProxyType[str, Augmentation] = MappingProxyType(
    {
        "gamma": gamma_contrast,
        "brightness": brightness,
        "sharpness": sharpness,
        "hue": hue_saturation,
        "solarise": solarise,
        "posterise": posterise,
        "invert": invert,
        "autocontrast": autocontrast,
        "equalise": equalise,
        "rotate": rotate,
    }
)
"""The list of ten, in DRAEM's order."""


def augment(image: np.ndarray, rng: np.random.Generator, n: int = 3) -> tuple[np.ndarray, tuple[str, ...]]:
    """Applies ``n`` different augmentations in random order.

    Args:
        image: uint8, shape ``(H, W, 3)``; it is left as it is.
        rng: draws the augmentations and their parameters.
        n: how many, 0 to 10.

    Returns:
        The new image, of the same shape, and the names in the order of application.

    Raises:
        ValueError: if ``n`` is out of range.

    Source: Zavrtanik et al. 2021 (DRAEM), section 3.3; the list is that of its released code.
    """
    if not 0 <= n <= len(AUGMENTATIONS):
        raise ValueError(f"n must lie between 0 and {len(AUGMENTATIONS)}, got {n}")
    names = tuple(str(name) for name in rng.permutation(list(AUGMENTATIONS))[:n])
    for name in names:
        image = AUGMENTATIONS[name](image, rng)
    return image, names
