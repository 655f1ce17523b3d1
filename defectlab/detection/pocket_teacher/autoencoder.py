"""The masked autoencoder: an encoder that sees some patches, a small decoder that says what the others hold.

Source: He et al. 2022, Masked Autoencoders Are Scalable Vision Learners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from defectlab.detection.encoder.settings import NORMALISE
from defectlab.detection.pocket_teacher.settings import ARCHITECTURE, OPTIONS, TeacherSettings

DECODER_WIDTH, DECODER_BLOCKS, DECODER_HEADS = 96, 2, 3


@dataclass(frozen=True)
class Filled:
    """What the network says of the images.

    Attributes:
        pixels: of every patch, normalised, ``(n, places, 3 * patch * patch)``, rows before columns before colours.
        features: of the pocket encoder at the places that were seen, shape ``(n, k, C)``; ``None`` where they are not
            learnt. The encoder itself tells them, not the decoder.
        tokens: the encoder's output at the places that were seen, shape ``(n, k, width)``.
    """

    pixels: Tensor
    features: Tensor | None
    tokens: Tensor


class MaskedAutoencoder(nn.Module):
    """Encoder and decoder.

    Args:
        settings: side and seed.
        features: number of features to predict beside the pixels; 0 for none.
    """

    positions: Tensor

    def __init__(self, settings: TeacherSettings, features: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(settings.seed)
            encoder: Any = timm.create_model(ARCHITECTURE, num_classes=0, **OPTIONS | {"img_size": settings.side})
            width, self.patch = int(encoder.embed_dim), int(encoder.patch_embed.patch_size[0])
            self.enter = nn.Linear(width, DECODER_WIDTH)
            self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, DECODER_WIDTH))
            self.blocks = nn.Sequential(*(Block(DECODER_WIDTH, DECODER_HEADS) for _ in range(DECODER_BLOCKS)))
            self.norm = nn.LayerNorm(DECODER_WIDTH)
            self.to_pixels = nn.Linear(DECODER_WIDTH, 3 * self.patch**2)
            self.to_features = nn.Linear(width, features) if features else None
        grid = settings.side // self.patch
        self.places = grid * grid
        fixed = torch.cat([torch.zeros(1, width), sine_positions(grid, width)])[None]
        encoder.pos_embed = nn.Parameter(fixed, requires_grad=False)  # waves can be told at any other size
        self.encoder = encoder
        self.register_buffer("positions", sine_positions(grid, DECODER_WIDTH)[None], persistent=False)

    def forward(self, images: Tensor, seen: Tensor) -> Filled:
        """Fills in all places from the ones that are seen.

        Args:
            images: float32 ``(n, 3, side, side)`` in [0, 1].
            seen: int64 ``(n, k)``, places that the encoder sees.
        """
        n, encoder = len(images), cast(Any, self.encoder)
        tokens = encoder.patch_embed(scaled(images)) + encoder.pos_embed[:, 1:]
        tokens = tokens.gather(1, seen[..., None].expand(-1, -1, tokens.shape[2]))
        first = (encoder.cls_token + encoder.pos_embed[:, :1]).expand(n, -1, -1)
        tokens = encoder.norm(encoder.blocks(torch.cat([first, tokens], dim=1)))[:, 1:]
        known = self.enter(tokens)
        places = self.mask_token.to(known.dtype).expand(n, self.places, -1)
        places = places.scatter(1, seen[..., None].expand(-1, -1, known.shape[2]), known) + self.positions
        decoded = self.norm(self.blocks(places))
        features = None if self.to_features is None else self.to_features(tokens)
        return Filled(self.to_pixels(decoded), features, tokens)


def scaled(images: Tensor) -> Tensor:
    """Images in [0, 1] on the scale that the encoder takes, the one `write_encoder` notes."""
    return (images - NORMALISE["mean"][0]) / NORMALISE["std"][0]


def patches(images: Tensor, patch: int) -> Tensor:
    """Images ``(n, 3, H, W)`` as rows of patches ``(n, places, 3 * patch * patch)``."""
    n, c, h, w = images.shape
    cut = images.reshape(n, c, h // patch, patch, w // patch, patch)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(n, (h // patch) * (w // patch), patch * patch * c)


def pixel_loss(predicted: Tensor, images: Tensor, seen: Tensor, patch: int, floor: float) -> Tensor:
    """Mean squared error at the hidden places, each patch brought to mean 0 and deviation 1 (He et al., section 3).

    Args:
        predicted: ``(n, places, 3 * patch * patch)``.
        images: in [0, 1].
        seen: int64 ``(n, k)``.
        patch: side of a patch.
        floor: added to the variance as its square, so that a flat patch keeps its quiet.
    """
    target = patches(images, patch)
    deviation = (target.var(dim=2, keepdim=True, unbiased=False) + floor**2).sqrt()
    target = (target - target.mean(dim=2, keepdim=True)) / deviation
    error = (predicted.float() - target).square().mean(dim=2)
    hidden = torch.ones_like(error).scatter(1, seen, 0.0)
    return (error * hidden).sum() / hidden.sum()


def feature_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean smooth L1 distance; the target has mean 0 and deviation 1 at each place (as data2vec has it).

    Args:
        predicted: ``(n, k, C)``.
        target: likewise.
    """
    return F.smooth_l1_loss(predicted.float(), F.layer_norm(target, target.shape[2:]))


def sine_positions(grid: int, width: int) -> Tensor:
    """Two-dimensional sine waves, float32 ``(grid * grid, width)``; half of the values tell the row, half the column.

    Raises:
        ValueError: if the width is no multiple of four.
    """
    if width % 4:
        raise ValueError(f"width: expected a multiple of 4, got {width}")
    rates = 10_000 ** -(torch.arange(width // 4) / (width // 4))
    angles = torch.arange(grid)[:, None] * rates
    line = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows, columns = line[:, None].expand(-1, grid, -1), line[None].expand(grid, -1, -1)
    return torch.cat([rows, columns], dim=2).reshape(grid * grid, width)
