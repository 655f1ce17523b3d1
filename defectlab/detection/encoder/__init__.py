"""The pocket encoder: a small network that tells defects from the surface around them, from procedural images alone."""

from defectlab.detection.encoder.settings import EncoderSettings
from defectlab.detection.encoder.training import EncoderTrainer

__all__ = ["EncoderSettings", "EncoderTrainer"]
