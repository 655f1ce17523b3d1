"""`ClassifierConfig`: everything that a training of the classifier depends on, and the settings of the papers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

CHOICES: dict[str, tuple[str, ...]] = {
    "head": ("gap", "patch"),
    "finetune": ("all", "end", "none"),
    "optimiser": ("adam", "sgd"),
    "schedule": ("constant", "cosine"),
    "balance": ("none", "balanced"),
    "flips": ("none", "h", "v", "hv"),
}


@dataclass(frozen=True)
class ClassifierConfig:
    """Settings of `Classifier`; the defaults are those of the DIAG paper.

    Attributes:
        backbone: any timm name, or ``"auto"``: the architecture that the weights were made for.
        weights: ``"imagenet"`` (timm downloads them), ``"pocket"`` (shipped), ``"none"`` (random), or a local file
            (.safetensors, .pth, .npz) or folder, by path or by its name under ``DEFECTLAB_WEIGHTS``.
        head: ``"gap"``, one logit on the global average of the last feature map (the papers); ``"patch"``, a logit
            at each place of the feature map, the image being as defective as its ``top_k`` worst places (MIL).
        finetune: ``"all"`` trains every layer; ``"end"`` the last stage and the head; ``"none"`` the head alone.
            What is frozen runs once an image and its output is cached.
        stride: pixels from one feature to the next; ``None``: 16 for ``"patch"``, the deepest stage for ``"gap"``.
        top_k: places that a patch head averages.
        hidden: channels of the patch head's hidden layer; 0: none.
        epochs: passes over the training set.
        batch_size: images a step.
        lr: learning rate at the start.
        optimiser: ``"adam"`` or ``"sgd"``.
        momentum: of ``"sgd"``.
        weight_decay: L2 penalty on every trained parameter.
        schedule: ``"constant"``, or ``"cosine"`` down to zero over all steps.
        size: ``(height, width)`` that images are brought to, bilinear with antialiasing; ``None``: as they come.
        balance: ``"none"``, images in shuffled order (the paper); ``"balanced"``, every other draw is defective.
        flips: mirror images that a draw picks from: ``"h"`` left-right, ``"v"`` up-down, ``"hv"`` both.
        legacy_bn_eval: as the released code, which leaves training mode after the first epoch for good, so that
            BatchNorm keeps the statistics of that epoch from then on (papers.md 3.5).
        amp: mixed precision on a GPU while training; scores are always computed in float32, for a rounded score
            makes ties and ties distort AP.
        seed: of the head's weights, of the order of images, and of everything random in training.
    """

    backbone: str = "resnet50.tv_in1k"
    weights: str = "imagenet"
    head: str = "gap"
    finetune: str = "all"
    stride: int | None = None
    top_k: int = 4
    hidden: int = 64
    epochs: int = 50
    batch_size: int = 32
    lr: float = 1e-4
    optimiser: str = "adam"
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    size: tuple[int, int] | None = None
    balance: str = "none"
    flips: str = "none"
    legacy_bn_eval: bool = False
    amp: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name, least in {"epochs": 1, "batch_size": 1, "top_k": 1, "hidden": 0, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.lr <= 0 or self.weight_decay < 0 or not 0 <= self.momentum < 1:
            raise ValueError(
                "lr must be positive, weight_decay at least 0 and momentum in [0, 1), "
                f"got {self.lr}, {self.weight_decay}, {self.momentum}"
            )
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ValueError(f"size must be (height, width) in pixels, both positive, got {self.size}")
        if self.backbone == "auto" and self.weights in ("imagenet", "none"):
            raise ValueError(f"backbone 'auto' takes the architecture from the weights; {self.weights!r} names none")

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)


def paper(**changes: Any) -> ClassifierConfig:
    """DIAG as printed: ResNet-50, all layers, Adam 1e-4, batch 32, 50 epochs, 224 wide x 632 high (sections 3.3, 3.5).

    The paper says "the same PyTorch implementation"; the released code takes torchvision's first ImageNet weights,
    which timm calls ``resnet50.tv_in1k`` (plain ``resnet50`` would be another training recipe).
    """
    return ClassifierConfig(size=(632, 224)).but(**changes)


def released(**changes: Any) -> ClassifierConfig:
    """DIAG as its released code runs: 30 epochs, 256 wide x 704 high, BatchNorm frozen after the first epoch."""
    return paper(epochs=30, size=(704, 256), legacy_bn_eval=True).but(**changes)


def in_and_out(**changes: Any) -> ClassifierConfig:
    """In&Out as printed (section 4.3): SGD 0.01, batch 5, 50 epochs, 200 wide x 600 high; momentum is not stated."""
    return paper(size=(600, 200), optimiser="sgd", lr=0.01, batch_size=5).but(**changes)


def laptop(**changes: Any) -> ClassifierConfig:
    """Minutes without a GPU: frozen features of a small encoder, cached once, and a patch head on them."""
    return ClassifierConfig(
        backbone="auto",
        weights="pocket",
        head="patch",
        finetune="none",
        epochs=20,
        lr=1e-3,
        weight_decay=1e-4,
        balance="balanced",
        flips="hv",
    ).but(**changes)


def smoke(**changes: Any) -> ClassifierConfig:
    """Seconds, for tests: the laptop's way with two epochs."""
    return laptop(epochs=2, batch_size=8, flips="none").but(**changes)
