"""A small experiment: a user's folder, a classifier of ten random layers, a pipeline that paints a flat shade."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from small_data import write_folder

from defectlab.experiments.arms import make_synthesizers, synthesise
from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.experiments.splits import load_splits
from defectlab.params import resolve
from defectlab.runs import Run
from defectlab.synthesis.pipelines import ModelSource

sys.path.append(str(Path(__file__).parents[1] / "synthesis"))  # the tiny Stable Diffusion is at home there
from tiny_sd import save_tiny_sd

SMALL = {
    "dataset": "folder",
    "profile": "smoke",
    "height": 64,
    "width": 32,
    "n_aug": 3,
    "seeds": [0],
    "weights": "none",
    "backbone": "test_resnet",
    "epochs": 1,
    "textures": "none",
    "device": "cpu",
}


class Painter:
    """Called like an inpainting pipeline: gives each image a flat shade of its own generator, and counts."""

    def __init__(self, revision: str = "first") -> None:
        self.model_source = ModelSource("painter", revision)
        self.painted = 0

    def __call__(self, **arguments):
        self.painted += len(arguments["image"])
        shades = [int(torch.randint(0, 90, (1,), generator=generator)) for generator in arguments["generator"]]
        pairs = zip(arguments["image"], shades, strict=True)
        return SimpleNamespace(images=[Image.new("RGB", image.size, (shade,) * 3) for image, shade in pairs])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of 16 normal and 8 defective images."""
    return write_folder(tmp_path_factory.mktemp("surfaces of mine"))


@pytest.fixture
def make_params(folder):
    """Parameters of the small experiment with some changed."""

    def make(**changes) -> DiagParameters:
        return resolve(DiagParameters, {**SMALL, "data_root": str(folder), **changes})

    return make


@pytest.fixture
def open_run(tmp_path):
    """The run of some parameters, in a store of the test's own."""
    return lambda params: Run.open(tmp_path / "runs", "diag", params)


@pytest.fixture
def prepare(make_params, open_run, monkeypatch):
    """Everything up to training: parameters, real images, run, synthetic images."""

    def prepared(painter: Painter | None = None, **changes):
        monkeypatch.setattr("defectlab.experiments.arms.load_inpainting", lambda name, device: painter or Painter())
        params = make_params(**changes)
        splits, run = load_splits(params), open_run(params)
        return params, splits, synthesise(params, splits, make_synthesizers(params, splits), run), run

    return prepared


@pytest.fixture
def painter():
    """Makes pipelines that count their images."""
    return Painter


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory):
    """A random Stable Diffusion in a folder."""
    return save_tiny_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture
def make_mixed(folder, tiny_sd):
    """Parameters of a small In&Out experiment with some changed."""
    own = {"base_model": str(tiny_sd), "fine_tune_steps": 2, "n_negatives": 3, "n_shot": 2, "n_aug": 4}

    def make(**changes) -> InAndOutParameters:
        return resolve(InAndOutParameters, {**SMALL, "data_root": str(folder), **own, **changes})

    return make
