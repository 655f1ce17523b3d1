"""`MoCoSettings`: everything that a contrastive pretraining depends on, and the settings of the papers."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any, Self

from defectlab.detection.moco.losses import LOSSES

CHOICES: dict[str, tuple[str, ...]] = {
    "loss": tuple(LOSSES),
    "head": ("linear", "mlp"),
    "augmentation": ("v1", "v2"),
    "schedule": ("cosine", "step", "constant"),
    "batch_composition": ("shuffled", "single_class"),
    "batch_norm": ("plain", "shuffled", "group"),
    "keep": ("q", "k"),
}
DROPS = (0.6, 0.8)
"""Shares of the epochs after which the ``"step"`` schedule divides the rate by ten: 120 and 160 of 200 (MoCo v1)."""


@dataclass(frozen=True)
class MoCoSettings:
    """Settings of one contrastive pretraining; the defaults are MoCo v2 with the batch and queue of DDPM-MoCo.

    Attributes:
        backbone: any timm name: ``"resnet50"``, ``"vit_base_patch16_224"``, ``"resnet10t"``, ... Patches of 16 pixels
            are made smaller on images below 64 pixels, so that 4 x 4 of them remain.
        size: side in pixels of the views, and of images when features are taken.
        head: projection: ``"linear"`` (v1) or ``"mlp"`` with one hidden layer as wide as the features (v2).
        dim: of the embeddings.
        queue: K, keys of earlier batches.
        m: momentum of the key encoder (Eq. 6).
        temperature: tau of the loss.
        loss: a name of `losses.LOSSES`.
        augmentation: ``"v1"`` or ``"v2"``, see `augmentations.PRESETS`.
        batch_composition: ``"shuffled"``, or ``"single_class"``: every batch comes from one class alone, the reading
            of DDPM-MoCo in which its loss contrasts data sets. It uses labels, if only to sort.
        batch_norm: ``"plain"``; ``"shuffled"``: the key batch in two halves of permuted membership, so that its
            statistics do not tell which batch it is; ``"group"``: group normalisation in place of BatchNorm.
        keep: which encoder is used afterwards: ``"q"`` (MoCo) or ``"k"`` (DDPM-MoCo).
        epochs: passes over the images.
        batch_size: n; images left over at the end of an epoch wait for the next.
        lr: learning rate of SGD at the start.
        schedule: ``"cosine"`` by epoch (Eq. 8), ``"step"`` or ``"constant"``.
        sgd_momentum: of SGD.
        weight_decay: of SGD.
        amp: mixed precision on a GPU.
        seed: of weights, order and views.
    """

    backbone: str = "resnet50"
    size: int = 224
    head: str = "mlp"
    dim: int = 128
    queue: int = 16384
    m: float = 0.999
    temperature: float = 0.2
    loss: str = "original"
    augmentation: str = "v2"
    batch_composition: str = "shuffled"
    batch_norm: str = "plain"
    keep: str = "q"
    epochs: int = 200
    batch_size: int = 32
    lr: float = 0.03
    schedule: str = "cosine"
    sgd_momentum: float = 0.9
    weight_decay: float = 1e-4
    amp: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name, least in {"size": 16, "dim": 1, "queue": 1, "epochs": 1, "batch_size": 2, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.temperature <= 0 or self.lr <= 0 or self.weight_decay < 0:
            raise ValueError(
                "temperature and lr must be above 0 and weight_decay at least 0, "
                f"got {self.temperature}, {self.lr} and {self.weight_decay}"
            )
        if not 0 <= self.m <= 1 or not 0 <= self.sgd_momentum < 1:
            raise ValueError(f"m must be in [0, 1] and sgd_momentum in [0, 1), got {self.m} and {self.sgd_momentum}")
        if self.queue < self.batch_size:
            raise ValueError(f"queue must hold a batch: got queue={self.queue}, batch_size={self.batch_size}")
        if self.batch_norm == "shuffled" and self.batch_size < 4:
            raise ValueError(
                f"batch_norm='shuffled' halves the batch: batch_size must be at least 4, got {self.batch_size}"
            )

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        if self.schedule == "constant":
            return self.lr
        if self.schedule == "step":
            return self.lr * 0.1 ** sum(epoch >= share * self.epochs for share in DROPS)
        return self.lr * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))  # Eq. 8, counters are epochs

    def check_queue(self, n_images: int) -> None:
        """Warns where the queue is as large as the data set: each image then meets its own stale key as a negative."""
        if self.queue >= n_images:
            warnings.warn(
                f"the queue holds {self.queue} keys, the data set {n_images} images: every image finds an old key of "
                f"its own among the negatives; take queue={max(self.batch_size, n_images // 4)} or less",
                stacklevel=2,
            )


def v1(**changes: Any) -> MoCoSettings:
    """MoCo v1: linear head, tau 0.07, batch 256, K 65536, steps at 120 and 160 of 200 epochs (He et al. 2020)."""
    settings = MoCoSettings(head="linear", temperature=0.07, augmentation="v1", schedule="step", batch_size=256)
    return settings.but(queue=65536).but(**changes)


def v2(**changes: Any) -> MoCoSettings:
    """MoCo v2: MLP head, tau 0.2, stronger augmentation, cosine (Chen et al. 2020, improved baselines)."""
    return MoCoSettings(batch_size=256, queue=65536).but(**changes)


def paper(**changes: Any) -> MoCoSettings:
    """DDPM-MoCo: K 16384, m 0.999, tau 0.07, batch 32, 0.03 with Eq. 8, 200 epochs, the key encoder is kept.

    Head, augmentation, dimension and weight decay are not stated; with tau 0.07 they are those of MoCo v1.
    """
    settings = MoCoSettings(head="linear", temperature=0.07, augmentation="v1", loss="improved_mean_logit", keep="k")
    return settings.but(**changes)


GROUP_NORM_RATE = 0.01
"""Learning rate of the laptop preset with group normalisation. At 0.03 even training *with labels* goes astray on the
embedded plates: its loss rises in the first steps and stays at the logarithm of the number of classes ever after."""


def laptop(**changes: Any) -> MoCoSettings:
    """Minutes without a GPU: a small backbone on 64 pixels, a short queue and a key encoder that keeps up with it."""
    settings = MoCoSettings(backbone="resnet10t", size=64, queue=256, m=0.99, temperature=0.1, epochs=20)
    if changes.get("batch_norm") == "group":
        settings = settings.but(lr=GROUP_NORM_RATE)
    return settings.but(**changes)


def smoke(**changes: Any) -> MoCoSettings:
    """Seconds, for tests: two epochs on 32 pixels."""
    return laptop(size=32, queue=16, batch_size=8, epochs=2, dim=16).but(**changes)
