"""A model of `pocket` with random weights, written once; the network is small enough to be the real one."""

from __future__ import annotations

import pytest
from plain_pocket import plain_scales

from defectlab.synthesis.pocket.pipeline import PocketPipeline
from defectlab.synthesis.pocket.storage import write_model
from defectlab.synthesis.pocket.training import TrainingSettings, initial_network


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pocket") / "random model"
    weights = dict(initial_network(0).named_parameters())
    write_model(folder, weights, plain_scales(), TrainingSettings(), step=3)
    return folder


@pytest.fixture(scope="session")
def pocket(model_folder):
    return PocketPipeline.from_pretrained(model_folder)
