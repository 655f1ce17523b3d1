"""A model of `pocket` with random weights, written once; the network is small enough to be the real one."""

from __future__ import annotations

import pytest
import torch

from defectlab.synthesis.pocket.pipeline import PocketPipeline
from defectlab.synthesis.pocket.scales import Scales
from defectlab.synthesis.pocket.storage import write_model
from defectlab.synthesis.pocket.training import TrainingSettings, initial_network


def plain_scales() -> Scales:
    return Scales(torch.ones(7), torch.ones(16), torch.ones(16))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pocket") / "random model"
    weights = dict(initial_network(0).named_parameters())
    write_model(folder, weights, plain_scales(), TrainingSettings(), step=3)
    return folder


@pytest.fixture(scope="session")
def pocket(model_folder):
    return PocketPipeline.from_pretrained(model_folder)
