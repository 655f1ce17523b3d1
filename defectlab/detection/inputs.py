"""What a training draws from: images in memory, or the frozen layers' features of them, computed once and cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defectlab.data.base import SurfaceDataset
from defectlab.detection.backbones import BackboneSpec
from defectlab.detection.weights import state_digest
from defectlab.files import atomic_path

# axes of (C, H, W) that each variant mirrors; the first leaves the image as it is
FLIPS: dict[str, tuple[tuple[int, ...], ...]] = {
    "none": ((),),
    "h": ((), (2,)),
    "v": ((), (1,)),
    "hv": ((), (1,), (2,), (1, 2)),
}


@dataclass(frozen=True)
class Inputs:
    """Everything a training reads, in memory.

    Attributes:
        data: images, uint8 ``(n, 1, 3, H, W)``; or features, float16 ``(n, variants, C, h, w)``.
        labels: float32, shape ``(n,)``, 0 or 1.
        flips: axes that each variant mirrors.
        digest: of the images and labels, so that a resume notices other data.
    """

    data: Tensor
    labels: Tensor
    flips: tuple[tuple[int, ...], ...]
    digest: str

    def draw(self, indices: Tensor, variants: Tensor) -> Tensor:
        """A batch of shape ``(len(indices), ...)`` float32; images come out in [0, 1]."""
        if self.data.dtype != torch.uint8:
            return self.data[indices, variants].float()
        images = [self.data[i, 0].flip(self.flips[v]) for i, v in zip(indices.tolist(), variants.tolist(), strict=True)]
        return torch.stack(images).float().div(255)


class Frozen:
    """The layers that are not trained, run once an image.

    Features are rounded to float16. Each image goes through alone, so that its features do not depend on its
    neighbours, and is known by its content: arms, seeds and runs share the features of the images they share.

    Args:
        front: images in [0, 1] to features, in evaluation mode.
        spec: what ``front`` was built from.
        device: where to compute.
        cache: folder for features, one small file an image and mirror image; ``None`` keeps none on disk.
    """

    def __init__(self, front: nn.Module, spec: BackboneSpec, device: torch.device, cache: Path | None = None) -> None:
        self.front = front.eval().requires_grad_(False).to(device)
        self.device = device
        key = hashlib.sha256(f"{spec}{front}{state_digest(front)}".encode()).hexdigest()[:16]
        self.folder = None if cache is None else Path(cache) / "features" / key

    def features(self, image: Tensor, flip: tuple[int, ...] = ()) -> Tensor:
        """Features of one image mirrored along ``flip``: uint8 ``(3, H, W)`` to float16 ``(C, h, w)``."""
        file = self._file(image, flip)
        if file is not None and file.is_file():
            return _read(file)
        with torch.inference_mode():
            inputs = image.flip(flip)[None].to(self.device).float().div(255)
            features = self.front(inputs)[0].half().cpu()
        if file is not None:
            with atomic_path(file) as partial:
                np.save(partial, features.numpy())
        return features.clone()

    def _file(self, image: Tensor, flip: tuple[int, ...]) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256(f"{tuple(image.shape)}{flip}".encode() + image.numpy().tobytes()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.npy"


def gather(
    dataset: SurfaceDataset, size: tuple[int, int] | None, frozen: Frozen | None = None, flips: str = "none"
) -> Inputs:
    """Reads a data set into memory, as images or as features.

    Args:
        dataset: images of one size, or of any size where ``size`` is given.
        size: ``(height, width)`` to bring them to.
        frozen: layers to run them through; ``None`` keeps the images.
        flips: mirror images that training picks from.

    Raises:
        ValueError: if images differ in size.
    """
    axes = FLIPS[flips]
    data: Tensor | None = None
    digest = hashlib.sha256(dataset.labels.tobytes())
    for i, image in enumerate(images(dataset, size)):
        digest.update(image.numpy().tobytes())
        item = image[None] if frozen is None else torch.stack([frozen.features(image, axis) for axis in axes])
        if data is None:  # one allocation: a list of items and their stack would be held at once
            data = torch.empty((len(dataset), *item.shape), dtype=item.dtype)
        data[i] = item
    if data is None:
        raise ValueError(f"data set {dataset.name!r} ({dataset.split}) is empty")
    return Inputs(data, torch.from_numpy(dataset.labels).float(), axes, digest.hexdigest())


def images(dataset: SurfaceDataset, size: tuple[int, int] | None) -> Iterator[Tensor]:
    """Images in order, uint8 ``(3, H, W)``, all of one size.

    Eight bits are what image files hold; the rounding after a resize is the one that PIL makes too.
    """
    expected: tuple[int, ...] | None = None
    for i in range(len(dataset)):
        image = dataset[i].image
        if size is not None and tuple(image.shape[1:]) != tuple(size):
            image = F.interpolate(image[None], list(size), mode="bilinear", antialias=True)[0].clamp(0, 1)
        if expected is not None and tuple(image.shape) != expected:
            raise ValueError(
                f"images of {dataset.name!r} differ in size: {dataset.records[i].id!r} is {image.shape[1]} high and "
                f"{image.shape[2]} wide, those before {expected[1]} and {expected[2]}; set size=(height, width)"
            )
        expected = tuple(image.shape)
        yield image.mul(255).round().to(torch.uint8)


def _read(file: Path) -> Tensor:
    try:
        return torch.from_numpy(np.load(file, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"the cached features {file} are damaged ({error}); delete the file and run again") from error
