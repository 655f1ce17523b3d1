"""Files of detectors: what makes settings and tensors again."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from defectlab.detection.baselines.nearest import Nearest, NearestSettings
from defectlab.detection.classifier import Classifier
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.saved import part, prefixed, read_detector, settings_from, write_detector


@pytest.mark.parametrize("settings", [NearestSettings(layers=(1, 2)), ClassifierConfig(size=(64, 32))])
def test_settings_are_the_same_after_json(settings):
    assert settings_from(type(settings), json.loads(json.dumps(asdict(settings)))) == settings


def test_parts_are_told_by_their_prefix():
    tensors = prefixed("a.", {"x": torch.zeros(1)}) | prefixed("b.", {"x": torch.ones(2), "y.z": torch.ones(3)})
    assert list(tensors) == ["a.x", "b.x", "b.y.z"]
    assert {name: len(tensor) for name, tensor in part(tensors, "b.").items()} == {"x": 2, "y.z": 3}
    assert part(tensors, "c.") == {}


def test_a_file_of_another_kind_names_both(tmp_path):
    path = tmp_path / "d.safetensors"
    write_detector(path, "nearest", {"memory": torch.ones(2, 3)}, {"a": [1]})
    assert read_detector(path, "nearest")[1] == {"a": [1]}
    with pytest.raises(ValueError, match="is a detector of kind 'nearest', not 'classifier': load it with load_dete"):
        Classifier.load(path, "cpu")
    with pytest.raises(FileNotFoundError, match="detector: expected a file written by a detector's save, found none"):
        Classifier.load(tmp_path / "none.safetensors", "cpu")


def test_a_detector_that_has_not_learnt_is_neither_saved_nor_asked(tmp_path):
    with pytest.raises(RuntimeError, match=r"nearest is not trained: call fit\(train\) or Nearest.load\(path\) first"):
        Nearest(device="cpu").save(tmp_path / "d.safetensors")
    with pytest.raises(RuntimeError, match=r"classifier is not trained: .*Classifier.load\(path\)"):
        Classifier(device="cpu").save(tmp_path / "d.safetensors")
