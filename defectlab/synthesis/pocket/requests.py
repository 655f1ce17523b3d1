"""What a call of `pocket` asks for: its arguments read, checked and given to one image each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from defectlab.synthesis.pocket.haar import CHANNELS
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.words import Meaning, UnknownPromptError, understand

log = logging.getLogger(__name__)

Generators = torch.Generator | Sequence[torch.Generator] | None


@dataclass(frozen=True)
class Request:
    """One image and what is to be put on it.

    Attributes:
        pixels: uint8 ``(H, W, 3)``.
        mask: bool ``(H, W)``, not empty.
        meaning: of the prompt.
        avoided: a defect to steer away from, ``None`` for the empty prompt.
        severity: [0, 1].
        noise: what the sampler starts from, float32 ``(1, 16, 32, 32)``.
    """

    pixels: np.ndarray
    mask: np.ndarray
    meaning: Meaning
    avoided: str | None
    severity: float
    noise: Tensor


def read_requests(
    prompt: str | Sequence[str],
    image: Image.Image | Sequence[Image.Image],
    mask_image: Image.Image | Sequence[Image.Image],
    negative_prompt: str | Sequence[str] | None,
    generator: Generators,
    severity: float | Sequence[float] | None,
) -> list[Request]:
    """One request an image; see `PocketPipeline.__call__` for the arguments.

    An image draws its severity first, whether or not one was asked for, then its noise. So a seed puts a defect of
    the same shape at any severity, and one generator for all gives the same images in batches of any size.

    Raises:
        UnknownPromptError: if a prompt names no known defect.
        ValueError: if a mask is empty, or numbers or sizes of the arguments do not fit.
    """
    images, masks = _listed(image), _listed(mask_image)
    n = len(images)
    _require_pairs(images, masks)
    meanings = [understand(text) for text in _for_each(prompt, n, "prompt")]
    avoided = [_avoided(text) for text in _for_each(negative_prompt or "", n, "negative_prompt")]
    asked = _asked(severity, n)
    requests = []
    for i, source in enumerate(_generators(generator, n)):
        low, high = meanings[i].severity
        drawn = low + (high - low) * float(torch.rand((), generator=source))
        noise = torch.randn(1, CHANNELS, SIDE // 4, SIDE // 4, generator=source)
        pixels, mask = np.asarray(images[i].convert("RGB")), _region(masks[i])
        given = asked[i]
        requests.append(Request(pixels, mask, meanings[i], avoided[i], drawn if given is None else given, noise))
    return requests


def require_settings(
    steps: int, guidance: float, strength: float, padding: int | None, guided_share: float, output_type: str
) -> None:
    """Checks the settings that all images share.

    Raises:
        ValueError: if one is out of range.
    """
    if steps < 1 or not 0 < strength <= 1 or guidance < 1:
        raise ValueError(
            "expected num_inference_steps >= 1, strength in (0, 1] and guidance_scale >= 1, "
            f"got {steps}, {strength} and {guidance}"
        )
    if padding is not None and padding < 0:
        raise ValueError(f"padding_mask_crop: expected at least 0 pixels or None, got {padding}")
    if not 0 <= guided_share <= 1:
        raise ValueError(f"guided_share: expected a share of the steps in [0, 1], got {guided_share}")
    if output_type not in ("pil", "np"):
        raise ValueError(f"output_type: expected 'pil' or 'np', got {output_type!r}")


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) else [value]


def _for_each(value: str | Sequence[str], n: int, name: str) -> list[str]:
    texts = [value] * n if isinstance(value, str) else list(value)
    if len(texts) != n:
        raise ValueError(f"{name}: expected one, or one for each of the {n} images, got {len(texts)}")
    return texts


def _require_pairs(images: list[Image.Image], masks: list[Image.Image]) -> None:
    if len(images) != len(masks):
        raise ValueError(f"expected a mask for each of the {len(images)} images, got {len(masks)}")
    for i, (picture, mask) in enumerate(zip(images, masks, strict=True)):
        if picture.size != mask.size:
            raise ValueError(f"image {i} is {picture.size} (width, height), its mask {mask.size}; they must be equal")
        if not _region(mask).any():
            raise ValueError(f"mask {i} is empty (no pixel of 128 or more): a defect needs a place")


def _region(mask: Image.Image) -> np.ndarray:
    return np.asarray(mask.convert("L")) >= 128


def _avoided(text: str) -> str | None:
    """The defect that a negative prompt names; guidance away from ``good`` blows up, so it counts as empty."""
    try:
        defect = understand(text).defect if text.strip() else "good"
    except UnknownPromptError:
        log.info("pocket reads no defect in the negative prompt %r and takes it as empty", text)
        return None
    return None if defect == "good" else defect


def _generators(generator: Generators, n: int) -> list[torch.Generator]:
    if generator is None:
        return [torch.default_generator] * n  # as diffusers: whatever torch.manual_seed was called with
    if isinstance(generator, torch.Generator):
        return [generator] * n
    if len(generator) != n:
        raise ValueError(f"generator: expected one, or one for each of the {n} images, got {len(generator)}")
    return list(generator)


def _asked(severity: float | Sequence[float] | None, n: int) -> list[float | None]:
    if severity is None:
        return [None] * n
    values = np.broadcast_to(np.asarray(severity, float), n) if np.size(severity) in (1, n) else np.array([np.nan])
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"severity: expected one value in [0, 1], or one for each of the {n} images, got {severity}")
    return [float(value) for value in values]
