"""A random model of `pocket` in a folder: the real classes, no training."""

from __future__ import annotations

from pathlib import Path

import torch

from defectlab.synthesis.pocket.haar import CHANNELS
from defectlab.synthesis.pocket.scales import Scales
from defectlab.synthesis.pocket.storage import write_model
from defectlab.synthesis.pocket.training import TrainingSettings, initial_network
from defectlab.synthesis.pocket.words import DEFECTS


def write_tiny_pocket(folder: Path) -> Path:
    """Writes the model; returns the folder."""
    scales = Scales(torch.ones(len(DEFECTS)), torch.ones(CHANNELS), torch.ones(CHANNELS))
    write_model(folder, dict(initial_network(0).named_parameters()), scales, TrainingSettings(), 0)
    return folder
