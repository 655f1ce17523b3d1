"""The benchmarks time what is shipped, not something that looks like it."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from defectlab.detection.moco import laptop
from defectlab.detection.moco.augmentations import PRESETS
from defectlab.detection.moco.training import MoCoTrainer

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def script(name):
    """A benchmark as a module; what it compares with is imported only when it runs."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_small_student_teacher_that_is_timed_is_the_shipped_one():
    network, report = script("inference").shipped((64, 64), "cpu").make_network()
    assert report.name == "pocket"
    patches = [m for m in network.modules() if type(m).__name__ == "PatchEmbed"]
    assert patches and all(tuple(patch.patch_size) == (8, 8) for patch in patches)


def test_the_training_step_that_is_timed_is_the_trainers(monkeypatch):
    benchmark = script("moco")
    settings = laptop(backbone="test_resnet", size=32, batch_size=4, queue=8)
    trainer = benchmark.make_trainer(settings, torch.device("cpu"))
    seen = []
    monkeypatch.setattr(MoCoTrainer, "train_step", lambda self, images, generator: seen.append(images))
    images = torch.rand(4, 3, 32, 32)
    benchmark.our_step(trainer)(images, images)
    benchmark.with_our_views(trainer)(images, images)
    assert seen[0] is images and seen[1].dtype == torch.uint8


def test_views_that_are_given_take_the_place_of_made_ones_for_one_step_only():
    benchmark, before = script("moco"), dict(PRESETS)
    settings = laptop(backbone="test_resnet", size=32, batch_size=4, queue=8)
    trainer = benchmark.make_trainer(settings, torch.device("cpu"))
    seen = []
    trainer.model.query.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    images = torch.rand(4, 3, 32, 32)
    weights = trainer.model.query.state_dict()
    old = {name: value.clone() for name, value in weights.items()}
    benchmark.our_step(trainer)(images, images.flip(-1))
    assert seen[0] is images and before == PRESETS
    assert any(not torch.equal(value, old[name]) for name, value in weights.items())


@pytest.mark.parametrize("path", sorted((BENCHMARKS / "results").glob("*.txt")), ids=lambda path: path.stem)
def test_a_kept_result_says_which_command_gave_it_and_when(path):
    first, second, *_ = path.read_text(encoding="utf-8").splitlines()
    script_name = first.removeprefix("# python benchmarks/").split()[0]
    assert (BENCHMARKS / script_name).is_file()
    assert re.match(r"# \d{1,2} [A-Z][a-z]+ 20\d\d, ", second), second


def test_the_map_that_learns_nothing_is_the_distance_to_the_median_of_its_image():
    image = np.full((3, 9, 9), 100, np.uint8)
    image[:, 4, 4] = 130
    found = script("own_median").own_median(image, sigma=0.1)  # hardly any smoothing
    assert found.dtype == np.float32 and np.unravel_index(found.argmax(), found.shape) == (4, 4)
    assert found[4, 4] == pytest.approx(30, abs=0.1) and found[0, 0] == 0
