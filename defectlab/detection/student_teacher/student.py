"""The student: an encoder that sees the anomalous image, and a deep decoder that must say what was normal there.

The paper says "a ViT encoder and a dedicated deep decoder in an asymmetric structure" and no more; the readings here
are those of `StudentTeacherSettings.student`. The decoder starts from the deepest level and ends at the shallowest,
as in reverse distillation and Dinomaly.
"""

from __future__ import annotations

import numpy as np
import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from defectlab.detection.student_teacher.settings import StudentTeacherSettings
from defectlab.detection.student_teacher.teacher import Encoder, Teacher

WIDER = 4
"""Hidden width of the bottleneck in widths of the features, as in a ViT's own MLP."""


class Bottleneck(nn.Sequential):
    """An MLP on tokens with noise in front of and inside it, so that an anomaly cannot pass by copying (Dinomaly)."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__(
            nn.Dropout(dropout),
            nn.Linear(channels, WIDER * channels),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(WIDER * channels, channels),
        )


class Student(nn.Module):
    """What learns to give the teacher's features of the clean image from the anomalous one.

    Args:
        teacher: its architecture, and for ``"copy"`` its weights, are taken; it is not kept.
        settings: the reading, the decoder, the seed.

    Raises:
        ValueError: if the decoder has fewer blocks than there are levels.
    """

    def __init__(self, teacher: Teacher, settings: StudentTeacherSettings) -> None:
        super().__init__()
        levels, self.decodes = len(teacher.groups), settings.decoder
        if self.decodes and settings.decoder_blocks < levels:
            raise ValueError(
                f"decoder_blocks must be at least {levels}, one for each level, got {settings.decoder_blocks}"
            )
        self.encoder: Encoder | None = None
        if settings.student != "shared":
            self.encoder = teacher.trainable(settings.seed + 1 if settings.student == "random" else None)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            # without a decoder and with an encoder that learns, the encoder is all there is (Table 6)
            n_bottlenecks = 1 if self.decodes else levels * (self.encoder is None)
            channels, dropout = teacher.channels, settings.bottleneck_dropout
            self.bottlenecks = nn.ModuleList(Bottleneck(channels, dropout) for _ in range(n_bottlenecks))
            n_blocks = settings.decoder_blocks if self.decodes else 0
            self.decoder = nn.ModuleList(Block(channels, teacher.heads, qkv_bias=True) for _ in range(n_blocks))
            self.bottlenecks.apply(_initialise)
            self.decoder.apply(_initialise)
        self.groups = [part.tolist() for part in np.array_split(np.arange(n_blocks), levels)]

    def forward(self, image: Tensor, teacher_levels: list[Tensor]) -> list[Tensor]:
        """One map a level, shallow first, of the shapes of the teacher's.

        Args:
            image: in [0, 1], shape ``(n, 3, H, W)``; read by an encoder of the student's own alone.
            teacher_levels: the teacher's features of this image; read where the encoder is shared.
        """
        levels = teacher_levels if self.encoder is None else self.encoder(image)
        if self.decodes:
            return self._decode(levels)
        if not self.bottlenecks:
            return levels
        return [_to_map(b(_to_tokens(x)), x) for b, x in zip(self.bottlenecks, levels, strict=True)]

    def _decode(self, levels: list[Tensor]) -> list[Tensor]:
        tokens = self.bottlenecks[0](_to_tokens(torch.stack(levels).mean(dim=0)))
        outputs = []
        for block in self.decoder:
            tokens = block(tokens)
            outputs.append(tokens)
        decoded = [torch.stack([outputs[i] for i in group]).mean(dim=0) for group in self.groups]
        # the first blocks answer for the deepest level
        return [_to_map(part, levels[0]) for part in reversed(decoded)]


def _to_tokens(features: Tensor) -> Tensor:
    return features.flatten(2).transpose(1, 2)


def _to_map(tokens: Tensor, like: Tensor) -> Tensor:
    return tokens.transpose(1, 2).reshape(like.shape)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)  # as timm's ViT
        nn.init.zeros_(module.bias)
