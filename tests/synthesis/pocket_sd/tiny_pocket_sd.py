"""A model of `pocket-sd` with random weights and narrow layers, written in a moment."""

from __future__ import annotations

from pathlib import Path

from defectlab.synthesis.pocket_sd.captions import vocabulary
from defectlab.synthesis.pocket_sd.network import initial_networks
from defectlab.synthesis.pocket_sd.storage import write_model
from defectlab.synthesis.pocket_sd.tokenizer import make_tokenizer
from defectlab.synthesis.pocket_sd.training import TrainingSettings

NARROW = (16, 16, 16)


def save_tiny_pocket_sd(folder: Path, seed: int = 0) -> Path:
    networks = initial_networks(seed, make_tokenizer(vocabulary()), NARROW)
    write_model(folder, networks, dict(networks.named_parameters()), TrainingSettings(channels=NARROW), step=3)
    return folder
