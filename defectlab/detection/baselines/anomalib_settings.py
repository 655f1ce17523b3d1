"""`AnomalibSettings`: what a training of a model of anomalib depends on, and presets; anomalib is not imported."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

from defectlab.detection.baselines.anomalib_models import MODELS

NOTES = {
    "imagenet": "What anomalib {version} loads for this model; numbers compare with anomalib's own.",
    "none": "Random weights: its features know nothing of images. Compare the rows of one table with each other only.",
}


@dataclass(frozen=True)
class AnomalibSettings:
    """Settings of `AnomalibDetector`; ``None``: as `MODELS` has it.

    Attributes:
        model: a key of `MODELS`.
        weights: of the backbone: ``"imagenet"``, what anomalib itself loads, from the hub's cache or the network; or
            ``"none"``, random, for the models that can be built so.
        size: ``(height, width)`` of the images; nothing is cropped.
        epochs: passes over the training set.
        steps: most optimiser steps; -1: as many as the epochs have.
        batch_size: images a step, and at once in scoring.
        textures: DRAEM's foreign textures: ``"surfaces"``, drawn by this package, or a folder such as DTD's images.
        options: further arguments of anomalib's class, such as ``{"coreset_sampling_ratio": 0.01}``.
        seed: of everything random, which anomalib draws from torch's global generators.
    """

    model: str = "patchcore"
    weights: str = "imagenet"
    size: tuple[int, int] | None = None
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    textures: str = "surfaces"
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {self.model!r}")
        if self.weights not in NOTES:
            raise ValueError(f"weights of a model of anomalib must be one of {', '.join(NOTES)}, got {self.weights!r}")
        if self.seed < 0 or (self.size is not None and (len(self.size) != 2 or min(self.size) < 1)):
            raise ValueError(f"seed must be at least 0 and size (height, width) positive, got {self.seed}, {self.size}")
        known = MODELS[self.model]
        if self.size is not None and not known.fits(self.size):
            whole = f", in multiples of {known.patch}" if known.patch > 1 else ""
            alone = ", and square images alone" if known.square else ""
            raise ValueError(
                f"{self.model} of anomalib takes at least {known.least} pixels a side{whole}{alone}, "
                f"got size {self.size}; near it: {known.near(self.size)}"
            )
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)

    def filled(self) -> Self:
        """The settings with the model's own in place of every ``None``."""
        known = MODELS[self.model]
        length = {
            "epochs": self.epochs or known.epochs or None,
            "steps": known.steps if self.steps is None else self.steps,
        }
        size = self.size or (known.side, known.side)
        return self.but(size=size, batch_size=self.batch_size or known.batch_size, **length)


def paper(**changes: Any) -> AnomalibSettings:
    """One GPU: the papers' lengths."""
    return AnomalibSettings().but(**changes)


def laptop(**changes: Any) -> AnomalibSettings:
    """Minutes without a GPU, far from trained out: 128 pixels, or the next size that fits; two epochs at most."""
    return paper(**{"size": _near(128, changes), "epochs": 2, "batch_size": 8} | changes)


def smoke(**changes: Any) -> AnomalibSettings:
    """Seconds, for tests: random weights, two steps on 64 pixels, or the next size that fits."""
    tiny = {"weights": "none", "size": _near(64, changes), "epochs": 1, "steps": 2, "batch_size": 2}
    return laptop(**tiny | changes)


def _near(side: int, changes: dict[str, Any]) -> tuple[int, int] | None:
    """A square of a side as the model takes it; ``None`` of an unknown model, which the settings refuse."""
    model = MODELS.get(changes.get("model", AnomalibSettings.model))
    return None if model is None else model.near((side, side))


def training_length(settings: AnomalibSettings, n_batches: int) -> dict[str, int]:
    """Lightning's ``max_epochs`` and ``max_steps``, -1 for no bound.

    A model that counts its schedule in steps (Dinomaly) gets steps alone: beside epochs it asks for a data module.

    Args:
        settings: filled.
        n_batches: of an epoch.

    Raises:
        ValueError: if there is no bound.
    """
    epochs, steps = settings.epochs or -1, -1 if settings.steps is None else settings.steps
    if MODELS[settings.model].epochs:
        return {"max_epochs": epochs, "max_steps": steps}
    bounds = [bound for bound in (steps, epochs * n_batches) if bound > 0]
    if not bounds:
        raise ValueError(f"{settings.model} counts its schedule in steps: set steps or epochs")
    return {"max_epochs": -1, "max_steps": min(bounds)}
