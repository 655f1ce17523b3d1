"""The views of MoCo v1 and v2, a batch at a time on the device of the images, from one explicit generator.

All that is random is drawn on the CPU, for each image in turn, so that a view is the same on every device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = (0.299, 0.587, 0.114)
"""Weights of the luma (ITU-R BT.601), as PIL and torchvision have them."""
DRAWS = 16
"""Uniform numbers that each image takes from the generator, whatever the preset."""


@dataclass(frozen=True)
class Views:
    """How a view is made; the operations are those of torchvision, in a fixed order.

    Attributes:
        scale: share of the image's area that a crop covers.
        ratio: width by height of a crop.
        jitter: largest relative change of brightness, contrast and saturation, and of hue in turns.
        jitter_share: share of views whose colours are changed.
        grey_share: share of views without colour.
        flip_share: share of mirrored views.
        blur: deviation of the Gaussian blur, in pixels of a view 224 pixels wide; other sizes in proportion.
        blur_share: share of blurred views.
    """

    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.4)
    jitter_share: float = 1.0
    grey_share: float = 0.2
    flip_share: float = 0.5
    blur: tuple[float, float] = (0.1, 2.0)
    blur_share: float = 0.0

    def __call__(self, images: Tensor, size: int, generator: torch.Generator) -> Tensor:
        """One view of each image.

        Args:
            images: ``(n, 3, H, W)``, uint8, or floating point in [0, 1], on any device.
            size: side of the views in pixels.
            generator: on the CPU; takes `DRAWS` numbers an image from it.

        Returns:
            float32 ``(n, 3, size, size)`` in [0, 1] on the device of the images.
        """
        images = images.float() / 255 if images.dtype == torch.uint8 else images
        draws = torch.rand(len(images), DRAWS, generator=generator)
        views = crop_and_flip(images, size, self._boxes(draws, *images.shape[-2:]), draws[:, 4] < self.flip_share)
        change = (draws[:, 5] < self.jitter_share)[:, None].float()
        factors = (2 * draws[:, 6:10] - 1) * torch.tensor(self.jitter) * change
        views = jitter(views, factors)
        views = blend_grey(views, 1 - (draws[:, 10] < self.grey_share).float())
        if self.blur_share > 0:
            low, high = (value * size / 224 for value in self.blur)
            sigma = torch.where(draws[:, 11] < self.blur_share, low + (high - low) * draws[:, 12], 0)
            views = gaussian_blur(views, sigma, high)
        return views

    def _boxes(self, draws: Tensor, height: int, width: int) -> Tensor:
        """Crops as (top, left, height, width) in pixels, shape ``(n, 4)``; too large ones are cut to the image."""
        area = height * width * (self.scale[0] + (self.scale[1] - self.scale[0]) * draws[:, 0])
        low, high = (math.log(value) for value in self.ratio)
        ratio = torch.exp(low + (high - low) * draws[:, 1])
        h, w = (area / ratio).sqrt().clamp(max=height), (area * ratio).sqrt().clamp(max=width)
        return torch.stack([(height - h) * draws[:, 2], (width - w) * draws[:, 3], h, w], dim=1)


PRESETS: dict[str, Views] = {
    "v1": Views(),
    "v2": Views(jitter=(0.4, 0.4, 0.4, 0.1), jitter_share=0.8, blur_share=0.5),
}
"""MoCo v1 (``moco/main_moco.py`` without ``--aug-plus``) and v2 (with it); normalisation belongs to the model."""


def crop_and_flip(images: Tensor, size: int, boxes: Tensor, flipped: Tensor) -> Tensor:
    """Crops resampled to ``size``, bilinear.

    Args:
        images: ``(n, 3, H, W)``.
        size: side in pixels.
        boxes: (top, left, height, width) in pixels, shape ``(n, 4)``.
        flipped: bool ``(n,)``, mirror left-right.
    """
    height, width = images.shape[-2:]
    top, left, h, w = (2 * boxes / torch.tensor([height, width, height, width])).unbind(dim=1)  # image = [-1, 1]
    sign = 1 - 2 * flipped.float()
    zero = torch.zeros_like(h)
    rows = [torch.stack([sign * w / 2, zero, left + w / 2 - 1], 1), torch.stack([zero, h / 2, top + h / 2 - 1], 1)]
    matrix = torch.stack(rows, dim=1).to(images.device, images.dtype)
    grid = F.affine_grid(matrix, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def jitter(images: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue, in this order.

    The first three are torchvision's. Hue is a rotation about the grey axis, by the same angle as torchvision's on
    pure colours, and linear where that of HSV is not.

    Args:
        images: ``(n, 3, H, W)`` in [0, 1].
        factors: ``(n, 4)``; 0 leaves an image as it is, the last is in turns.
    """
    brightness, contrast, saturation, hue = factors.to(images.device, images.dtype).unbind(dim=1)
    images = (images * (1 + brightness).view(-1, 1, 1, 1)).clamp(0, 1)
    mean = _grey(images).mean(dim=(2, 3), keepdim=True)
    images = torch.lerp(mean, images, (1 + contrast).view(-1, 1, 1, 1)).clamp(0, 1)
    images = blend_grey(images, 1 + saturation)
    return torch.einsum("nij,njhw->nihw", hue_rotation(hue), images).clamp(0, 1) if bool((hue != 0).any()) else images


def blend_grey(images: Tensor, weight: Tensor) -> Tensor:
    """``weight`` times the image and the rest its grey version; shape ``(n,)``, 0 takes all colour away."""
    return torch.lerp(_grey(images), images, weight.to(images.device, images.dtype).view(-1, 1, 1, 1)).clamp(0, 1)


def hue_rotation(turns: Tensor) -> Tensor:
    """Rotations about the axis (1, 1, 1), shape ``(n, 3, 3)``, from turns ``(n,)``; a third maps red to green."""
    angle = 2 * math.pi * turns
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]).to(turns) / math.sqrt(3)
    eye, along = torch.eye(3).to(turns), torch.full((3, 3), 1 / 3).to(turns)
    return cos * eye + sin * cross + (1 - cos) * along  # Rodrigues' formula


def gaussian_blur(images: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """A blur of its own for each image.

    Args:
        images: ``(n, 3, H, W)``.
        sigma: deviations in pixels, ``(n,)``; 0 leaves an image as it is.
        largest: deviation that the kernel is cut for, at three of it.
    """
    n, channels, height, width = images.shape
    reach = min(max(1, math.ceil(3 * largest)), min(height, width) - 1)
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0).to(images)
    stacked = F.pad(images.reshape(1, n * channels, height, width), (reach,) * 4, mode="reflect")
    stacked = F.conv2d(stacked, kernel[:, None, None, :], groups=n * channels)
    return F.conv2d(stacked, kernel[:, None, :, None], groups=n * channels).view(images.shape)


def _grey(images: Tensor) -> Tensor:
    weights = torch.tensor(GREY).to(images).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)
