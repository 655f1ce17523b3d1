"""Networks and settings small enough for a test."""

from __future__ import annotations

from dataclasses import replace

from small_classes import tiny_classes, tiny_images

from defectlab.synthesis.diffusion.model import DiffusionModel, blank_network
from defectlab.synthesis.diffusion.settings import DiffusionSettings

__all__ = ["TINY", "tiny_classes", "tiny_images", "tiny_model"]

TINY = replace(
    DiffusionSettings.smoke(), size=16, channels=(8, 8), attention_at=(16,), timesteps=20, steps=6, beta_end=0.4
)


def tiny_model(classes: tuple[str, ...] = ("dent",), settings: DiffusionSettings = TINY) -> DiffusionModel:
    """An untrained model."""
    return DiffusionModel(blank_network(settings, classes), settings, classes).to("cpu")
