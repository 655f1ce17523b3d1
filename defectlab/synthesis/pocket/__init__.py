"""`pocket`, a small text-conditioned diffusion model of defects: trained here, shipped here, runs on a laptop."""

from defectlab.synthesis.pocket.pipeline import PocketOutput, PocketPipeline
from defectlab.synthesis.pocket.words import UnknownPromptError, understand

__all__ = ["PocketOutput", "PocketPipeline", "UnknownPromptError", "understand"]
