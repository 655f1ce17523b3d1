"""What the encoder has to be good for: find, detect, name and recognise again, on every map that detectors read."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defectlab.detection.encoder.scenes import KINDS
from defectlab.detection.encoder.settings import STRIDES, EncoderSettings
from defectlab.detection.encoder.views import Views
from defectlab.detection.heads import mean_of_top

ENOUGH = 12
"""Defective pixels from which a cell counts as wholly defective, whatever its size."""


class Objective(nn.Module):
    """Four tasks on each map; their layers are thrown away after training.

    Features are standardised over the view first, as a patch head is calibrated on images of one material: they have
    to say how a place differs from the rest of its surface.

    Args:
        channels: of the maps of `STRIDES`.
        settings: weights of the tasks.
    """

    def __init__(self, channels: tuple[int, ...], settings: EncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.places = nn.ModuleList(nn.Conv2d(c, 1, 1) for c in channels)
        self.names = nn.ModuleList(nn.Linear(c, len(KINDS)) for c in channels)
        self.regions = nn.ModuleList(nn.Sequential(nn.Linear(c, 128), nn.ReLU(), nn.Linear(128, 64)) for c in channels)

    def forward(self, maps: list[Tensor], views: Views) -> dict[str, Tensor]:
        """Losses by task, each the mean over the maps.

        Args:
            maps: float32 ``(2 n, C, h, w)`` each, in the order of `STRIDES`.
            views: what they are maps of.
        """
        losses = {name: torch.zeros((), device=maps[0].device) for name in ("locate", "detect", "name", "contrast")}
        for i, (features, stride) in enumerate(zip(maps, STRIDES, strict=True)):
            target = cells(views.masks, stride)
            standardised = F.instance_norm(features, eps=1e-2)
            logits = self.places[i](standardised)[:, 0]
            losses["locate"] = losses["locate"] + balanced_bce(logits, target) / len(maps)
            losses["detect"] = losses["detect"] + _detect(logits, target) / len(maps)
            normal, defective = pooled(features, 1 - target), pooled(standardised, target)
            shown = views.kinds > 0
            if shown.any():
                named = F.cross_entropy(self.names[i](defective[shown]), views.kinds[shown])
                losses["name"] = losses["name"] + named / len(maps)
            regions = self.regions[i](torch.cat([normal, pooled(features, target)[shown]]))
            scene = torch.arange(len(shown), device=shown.device) % (len(shown) // 2)
            identity = torch.cat([2 * scene, 2 * scene[shown] + 1])
            loss = recognise(F.normalize(regions, dim=1), identity, self.settings.temperature)
            losses["contrast"] = losses["contrast"] + loss / len(maps)
        return losses

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """The weighted sum."""
        return torch.stack([getattr(self.settings, name) * loss for name, loss in losses.items()]).sum()


def cells(masks: Tensor, stride: int) -> Tensor:
    """How defective each cell of a map is, in [0, 1], from masks ``(n, 1, H, W)``; shape ``(n, H / s, W / s)``."""
    return (F.avg_pool2d(masks, stride)[:, 0] * (stride**2 / ENOUGH)).clamp(max=1)


def balanced_bce(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in which the defective cells weigh as much together as the normal ones.

    Args:
        logits: shape ``(n, h, w)``.
        target: the same shape, in [0, 1].
    """
    defective = (F.softplus(-logits) * target).sum() / target.sum().clamp(min=1)
    normal = (F.softplus(logits) * (1 - target)).sum() / (1 - target).sum().clamp(min=1)
    return (defective + normal) / 2


def _detect(logits: Tensor, target: Tensor) -> Tensor:
    """Image labels by the worst places, as the patch head of detectors is trained."""
    return F.binary_cross_entropy_with_logits(mean_of_top(logits, 4), target.flatten(1).amax(dim=1))


def pooled(features: Tensor, weight: Tensor) -> Tensor:
    """Mean of features ``(n, C, h, w)`` by weight ``(n, h, w)``; zero where all weights are."""
    weight = weight[:, None]
    return (features * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp(min=1e-3)


def recognise(embeddings: Tensor, identity: Tensor, temperature: float) -> Tensor:
    """NT-Xent: a region must find its other view among all other regions, the defect on its own surface included.

    A region that one view does not show has no partner; it is only a negative.

    Args:
        embeddings: unit vectors, shape ``(m, d)``.
        identity: int64 ``(m,)``, equal for the views of one region; at most two.
        temperature: above 0.

    Source: Chen et al. 2020 (SimCLR), Eq. 1.
    """
    own = torch.eye(len(identity), dtype=torch.bool, device=identity.device)
    similarity = (embeddings @ embeddings.T / temperature).masked_fill(own, -torch.inf)
    partner = (identity[:, None] == identity[None]) & ~own
    log_share = similarity - similarity.logsumexp(dim=1, keepdim=True)
    found = log_share[partner]
    return -found.mean() if found.numel() else embeddings.sum() * 0
