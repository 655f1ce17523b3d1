"""The two encoders of MoCo on any timm backbone, and their queue."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers.norm_act import BatchNormAct2d, GroupNormAct
from torch import Tensor, nn

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
        width = int(backbone.num_features)
        mean, std = (tuple(backbone.pretrained_cfg.get(key, (0.5,) * 3)) for key in ("mean", "std"))
        self.normalise = Normalise(mean, std)
        self.backbone = backbone
        hidden = [nn.Linear(width, width), nn.ReLU()] if head == "mlp" else []
        self.head = nn.Sequential(*hidden, nn.Linear(width, dim))

    def features(self, images: Tensor) -> Tensor:
        """Pooled features, shape ``(n, width)``, from images ``(n, 3, H, W)``."""
        features: Tensor = self.backbone(self.normalise(images))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Unit vectors, shape ``(n, dim)``."""
        return F.normalize(self.head(self.features(images)).float(), dim=1)


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
        ValueError: if timm knows no such model, or it cannot take images of that size.
    """
    spec = BackboneSpec(settings.backbone, _size_option(settings))
    backbone = create(spec, settings.seed)
    return to_group_norm(backbone) if settings.batch_norm == "group" else backbone


def is_transformer(backbone: str) -> bool:
    """Whether a timm name is that of a transformer: built for one size of image, without BatchNorm."""
    return any(word in backbone for word in ("vit", "deit", "swin", "beit"))


def _size_option(settings: MoCoSettings) -> dict[str, Any]:
    """Size of a transformer's images; patches of 16 pixels become smaller on images below 64, of which 4 x 4 remain."""
    if not is_transformer(settings.backbone):
        return {}
    smaller = {"patch_size": settings.size // 4} if "patch16" in settings.backbone and settings.size < 64 else {}
    return {"img_size": settings.size, **smaller}


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
