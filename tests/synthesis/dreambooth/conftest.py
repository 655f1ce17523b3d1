"""A tiny Stable Diffusion, some grey images, and settings that fine-tune within a second."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1]))  # the tiny Stable Diffusion is at home there

from tiny_sd import build_tiny_sd

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.dreambooth import DreamBoothSettings


@pytest.fixture(scope="session")
def built():
    return build_tiny_sd()


@pytest.fixture
def pipeline(built):
    """One for each test: what a test does to it no other sees."""
    parts = {name: part for name, part in built.components.items() if name not in ("unet", "text_encoder")}
    return type(built)(
        **parts,
        unet=copy.deepcopy(built.unet),
        text_encoder=copy.deepcopy(built.text_encoder),
        requires_safety_checker=False,
    )


@pytest.fixture(scope="session")
def photos():
    """Four normal images of noise, 64 x 32, two grey levels apart."""

    def read(record: Record) -> Sample:
        rng = np.random.default_rng(int(record.id))
        image = torch.from_numpy(rng.integers(100, 156, (3, 64, 32), dtype=np.uint8)).float() / 255
        return Sample(image, torch.zeros((1, 64, 32), dtype=torch.bool), 0)

    return MappedDataset(read, "photos", "train", [Record(str(i), 0) for i in range(4)], (64, 32))


@pytest.fixture(scope="session")
def quick():
    """Six steps without regularisation, at a side of 32 px."""
    return replace(
        DreamBoothSettings.smoke(),
        regularisation="none",
        resolution=32,
        smallest_side=16,
        largest_side=64,
        flips=False,
        max_steps=6,
        rank=4,
        alpha=2.0,
        conv_rank=2,
        lr=1e-2,
        text_lr=1e-2,
        checkpoint_every=2,
    )
