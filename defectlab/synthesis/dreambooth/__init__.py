"""DreamBooth with LoRA: a Stable Diffusion pipeline learns one surface, as an adapter of a few megabytes."""

from defectlab.synthesis.diffusion.folder_trainer import DivergedError
from defectlab.synthesis.dreambooth.finetuning import finetune
from defectlab.synthesis.dreambooth.merging import merge, merged, unmerge
from defectlab.synthesis.dreambooth.sampling import generate
from defectlab.synthesis.dreambooth.settings import REGIMES, DreamBoothSettings
from defectlab.synthesis.dreambooth.storage import Adapter

__all__ = [
    "REGIMES",
    "Adapter",
    "DivergedError",
    "DreamBoothSettings",
    "finetune",
    "generate",
    "merge",
    "merged",
    "unmerge",
]
