"""DeSTSeg's networks: a denoising encoder-decoder student, and a head that reads where it agrees with its teacher."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock
from torchvision.models.segmentation.deeplabv3 import ASPP

from defectlab.detection.backbones import Normalise, create
from defectlab.detection.baselines.features import FrozenMaps
from defectlab.detection.scoring import resize_map
from defectlab.detection.student_teacher.alignment import align
from defectlab.detection.student_teacher.losses import Pairs
from defectlab.detection.student_teacher.maps import fuse, level_maps
from defectlab.detection.student_teacher.network import Output, PairNetwork

RATES = (6, 12, 18)
Sizes = Sequence[tuple[int, int]]


class DenoisingStudent(nn.Module):
    """An encoder of the teacher's architecture with random weights, and its mirror image as decoder.

    The decoder has two residual blocks a stage, as ResNet-18, and enlarges where the encoder shrinks. Nothing passes
    from encoder to decoder but the deepest map: an anomaly that a skip connection carried across would stay.

    Args:
        teacher: its architecture is taken, its weights are not.
        seed: of the weights.

    Source: Zhang et al. 2023 (DeSTSeg), section 3.2.
    """

    def __init__(self, teacher: FrozenMaps, seed: int) -> None:
        super().__init__()
        encoder: Any = create(teacher.spec, seed)
        self.encoder, self.deepest = encoder, len(encoder.feature_info) - 1
        while f"{encoder.feature_info[self.deepest]['module']}.0" in teacher.spec.absent:
            self.deepest -= 1
        self.normalise = Normalise(teacher.spec.mean, teacher.spec.std)
        bottom = int(encoder.feature_info[self.deepest]["num_chs"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            widths = [bottom, bottom, *reversed(teacher.channels)]
            self.decoder = nn.ModuleList(nn.Sequential(residual(a, b), residual(b, b)) for a, b in pairwise(widths))

    def forward(self, image: Tensor, sizes: Sizes) -> list[Tensor]:
        """One map a level, shallow first.

        Args:
            image: in [0, 1], shape ``(n, 3, H, W)``.
            sizes: height and width of each level.
        """
        maps = self.encoder.forward_intermediates(
            self.normalise(image), indices=[self.deepest], intermediates_only=True
        )
        decoded = self.decoder[0](maps[0])
        levels = []
        for block, size in zip(list(self.decoder)[1:], reversed(sizes), strict=True):
            decoded = block(resize_map(decoded, size))
            levels.append(decoded)
        return levels[::-1]


class ProductHead(nn.Module):
    """Products of both networks' normalised features, two residual blocks, spatial pyramid pooling, one logit.

    Args:
        channels: of each level.
        width: channels inside; not stated in the paper.

    Source: DeSTSeg, section 3.3; the pyramid is that of DeepLab v3.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(residual(sum(channels), width), residual(width, width))
        self.pyramid = nn.Sequential(ASPP(width, list(RATES), width), nn.Conv2d(width, 1, 1))

    def forward(self, pairs: Pairs) -> Tensor:
        """Logits at the size of the first level, shape ``(n, 1, h, w)``."""
        size = pairs[0][0].shape[2:]
        products = [t * s for t, s in pairs]  # DeSTSeg Eq. 1
        logits: Tensor = self.pyramid(
            self.residual(torch.cat([resize_map(x, (size[0], size[1])) for x in products], 1))
        )
        return logits


class DestsegNetwork(PairNetwork):
    """Teacher, denoising student and head.

    Args:
        teacher: frozen, with maps from shallow to deep.
        head_width: channels of the head.
        seed: of the weights of student and head.
        in_phases: the head rests while the student learns.
    """

    teacher: FrozenMaps

    def __init__(self, teacher: FrozenMaps, head_width: int, seed: int, in_phases: bool) -> None:
        super().__init__()
        self.teacher, self.spec, self.in_phases = teacher, teacher.spec, in_phases
        self.student = DenoisingStudent(teacher, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.head = ProductHead(teacher.channels, head_width)

    def forward(self, clean: Tensor, anomalous: Tensor, freeze_student: bool = False) -> Output:
        """One training pass; see `PairNetwork.forward`. No logits in the phase in which the student learns alone."""
        of_clean = self.teacher(clean)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not freeze_student):
            student = self.student(anomalous, _sizes(of_clean))
        pairs = align(of_clean, student)
        if self.in_phases and not freeze_student:
            return Output(pairs, None)
        # the head sees in training what it will see at inference: both networks on one image
        return Output(pairs, self.head(align(self.teacher(anomalous), student)))

    @torch.no_grad()
    def maps(self, image: Tensor, kind: str) -> Tensor:
        """Anomaly maps at the size of the images, float32, shape ``(n, 1, H, W)``.

        Args:
            image: in [0, 1], shape ``(n, 3, H, W)``.
            kind: ``"head"``, probabilities; or ``"features"``, the product of the levels' cosine distances, which is
                the paper's map without its head.

        Raises:
            ValueError: if the kind is neither.
        """
        if kind not in ("head", "features"):
            raise ValueError(f"maps must be 'head' or 'features', got {kind!r}")
        levels = self.teacher(image)
        pairs = align(levels, self.student(image, _sizes(levels)))
        size = (image.shape[2], image.shape[3])
        if kind == "features":
            return fuse(level_maps(pairs), size, "product")
        return resize_map(self.head(pairs).float().sigmoid(), size)


def residual(channels: int, width: int) -> BasicBlock:
    """Two convolutions with a shortcut, which is a convolution itself where the channels change."""
    shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))
    return BasicBlock(channels, width, downsample=shortcut if channels != width else None)


def shrink_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask at the size of the head's map: a place is defect where any of its pixels is."""
    return F.adaptive_max_pool2d(mask, size)


def _sizes(levels: Sequence[Tensor]) -> list[tuple[int, int]]:
    return [(level.shape[2], level.shape[3]) for level in levels]
