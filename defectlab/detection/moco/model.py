"""The two encoders of MoCo on any timm backbone, and their queue."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers.norm_act import BatchNormAct2d, GroupNormAct
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from defectlab.detection.backbones import BackboneSpec, Normalise, create
from defectlab.detection.moco.queue import KeyQueue
from defectlab.detection.moco.settings import MoCoSettings

GROUPS = 32
"""Most groups of a group normalisation (Wu and He 2018)."""


class Embedder(nn.Module):
    """Images in [0, 1] to unit vectors: backbone, global pooling as timm does it, projection.

    Args:
        backbone: from `make_backbone`.
        head: ``"linear"`` or ``"mlp"``.
        dim: of the embeddings.
    """

    def __init__(self, backbone: Any, head: str, dim: int) -> None:
        super().__init__()
        width = width_of(backbone)
        mean, std = (tuple(backbone.pretrained_cfg.get(key, (0.5,) * 3)) for key in ("mean", "std"))
        self.normalise = Normalise(mean, std)
        self.backbone = backbone
        hidden = [nn.Linear(width, width), nn.ReLU()] if head == "mlp" else []
        self.head = nn.Sequential(*hidden, nn.Linear(width, dim))

    def features(self, images: Tensor) -> Tensor:
        """Pooled features, shape ``(n, width)``, from images ``(n, 3, H, W)``."""
        features: Tensor = self.backbone(self.normalise(images))
        return features

    def project(self, features: Tensor) -> Tensor:
        """Unit vectors, shape ``(n, dim)``, from pooled features ``(n, width)``."""
        return F.normalize(self.head(features).float(), dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Unit vectors, shape ``(n, dim)``."""
        return self.project(self.features(images))


class MoCo(nn.Module):
    """Query encoder, key encoder and queue.

    Args:
        settings: the settings.

    Attributes:
        query: the encoder that is trained.
        key: the encoder that follows it; no gradient.
        queue: keys of earlier batches.
    """

    def __init__(self, settings: MoCoSettings) -> None:
        super().__init__()
        self.batch_norm, self.keep = settings.batch_norm, settings.keep
        backbone = make_backbone(settings)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(settings.seed)
            self.query = Embedder(backbone, settings.head, settings.dim)
        self.key: Embedder = deepcopy(self.query)
        self.key.requires_grad_(False)
        self.queue = KeyQueue(settings.queue, settings.dim, torch.Generator().manual_seed(settings.seed))

    @torch.no_grad()
    def keys(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Keys ``(n, dim)`` of images ``(n, 3, H, W)``, in their order.

        With ``batch_norm="shuffled"`` the batch goes through in two halves of permuted membership: statistics of a
        half do not tell which batch it is (He et al. 2020, section 3.3, within one device).
        """
        if self.batch_norm != "shuffled":
            keys: Tensor = self.key(images)
            return keys
        order = torch.randperm(len(images), generator=generator).to(images.device)
        shuffled = torch.cat([self.key(half) for half in images[order].tensor_split(2)])
        return shuffled[order.argsort()]

    @property
    def kept(self) -> Embedder:
        """The embedder that is used after training, as ``keep`` says."""
        return self.query if self.keep == "q" else self.key


def make_backbone(settings: MoCoSettings) -> Any:
    """The timm backbone of the settings with random weights that depend on the seed alone.

    Raises:
        ValueError: if timm knows no such model, or ``batch_norm="group"`` cannot take the place of its BatchNorm.
    """
    backbone = create(BackboneSpec(settings.backbone, size_options(settings)), settings.seed)
    if settings.batch_norm != "group":
        return backbone
    to_group_norm(backbone)
    left = sorted({type(module).__name__ for module in backbone.modules() if isinstance(module, _BatchNorm)})
    if left:
        raise ValueError(
            f"batch_norm='group' takes the place of BatchNorm2d only, {settings.backbone!r} has {', '.join(left)} too: "
            "take batch_norm='plain' or 'shuffled', or another backbone"
        )
    return backbone


def check_backbone(settings: MoCoSettings) -> None:
    """Sends one image of the settings' size through the backbone, so that what cannot be trained stops at once.

    Raises:
        ValueError: if timm knows no such model, or it takes no images of that size.
    """
    try:
        backbone = make_backbone(settings).eval()
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, settings.size, settings.size))
    except (RuntimeError, AssertionError, TypeError, ZeroDivisionError) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"backbone {settings.backbone!r} cannot take images of {settings.size} x {settings.size} pixels ({said}): "
            "take another image_size, or another backbone"
        ) from error
    if features.shape != (1, width_of(backbone)):
        raise ValueError(
            f"backbone {settings.backbone!r}: expected pooled features of shape (1, {width_of(backbone)}), got "
            f"{tuple(features.shape)}: take another backbone"
        )


def width_of(backbone: Any) -> int:
    """Length of the pooled features of a timm model without classifier."""
    return int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)


def has_batch_norm(backbone: str) -> bool:
    """Whether a model of timm has BatchNorm: without it all values of ``batch_norm`` are the same training."""
    return _traits(backbone)[0]


@cache
def _traits(name: str) -> tuple[bool, bool]:
    """Whether a model of timm has BatchNorm, and whether it has to be told the size of its images."""
    model = create(BackboneSpec(name), seed=0)
    told = any("img_size" in signature(kind).parameters for kind in type(model).__mro__[:-1])
    return any(isinstance(module, _BatchNorm) for module in model.modules()), told


def size_options(settings: MoCoSettings) -> dict[str, Any]:
    """Size of the images where the model wants to know; patches that leave fewer than 4 x 4 of them become smaller."""
    if not _traits(settings.backbone)[1]:
        return {}
    patch = re.search(r"patch(\d+)", settings.backbone)
    small = patch is not None and settings.size // int(patch[1]) < 4
    return {"img_size": settings.size, **({"patch_size": settings.size // 4} if small else {})}


def to_group_norm(module: nn.Module) -> nn.Module:
    """Replaces every BatchNorm by a GroupNorm, in place; an activation that timm put into it stays."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _group_norm(child))
        else:
            to_group_norm(child)
    return module


def _group_norm(norm: nn.BatchNorm2d) -> nn.Module:
    channels = norm.num_features
    groups = max(g for g in range(1, min(GROUPS, channels) + 1) if channels % g == 0)
    if not isinstance(norm, BatchNormAct2d):
        return nn.GroupNorm(groups, channels, norm.eps)
    replaced = GroupNormAct(channels, groups, norm.eps)
    replaced.drop, replaced.act = norm.drop, norm.act
    return replaced
