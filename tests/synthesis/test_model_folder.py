"""Folders of trained generators: what is written is read, and what is wrong is named."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from defectlab.synthesis.model_folder import read_config, weights_of, write_weights


def write(folder, form="kind 1", size=2, dtype=None):
    write_weights(folder, nn.Linear(size, 1).state_dict(), dtype)
    (folder / "config.json").write_text(json.dumps({"format": form}))


def test_weights_are_those_that_were_written_in_the_type_that_was_asked_for(tmp_path):
    write_weights(tmp_path, {"a": torch.tensor([1.5, 2.0]), "n": torch.tensor([3])})
    with weights_of(tmp_path) as weights:
        assert weights["a"].tolist() == [1.5, 2.0] and weights["n"].dtype == torch.int64
    write_weights(tmp_path, {"a": torch.tensor([1.5])}, torch.float16)
    with weights_of(tmp_path) as weights:
        assert weights["a"].dtype == torch.float16


def test_what_is_missing_or_of_another_format_is_named_with_what_writes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no config.json: expected a model that the trainer wrote"):
        read_config(tmp_path, "kind 1", "the trainer wrote")
    write(tmp_path, "kind 2")
    with pytest.raises(ValueError, match="config.json: expected the format 'kind 1', found 'kind 2'"):
        read_config(tmp_path, "kind 1", "the trainer wrote")
    assert read_config(tmp_path, "kind 2", "the trainer wrote") == {"format": "kind 2"}


def test_a_damaged_file_and_weights_of_another_network_are_named(tmp_path):
    write(tmp_path, size=3)
    with (
        pytest.raises(ValueError, match="does not hold the weights of this model: .*size mismatch"),
        weights_of(tmp_path) as weights,
    ):
        nn.Linear(2, 1).load_state_dict(weights)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="model.safetensors does not hold"), weights_of(tmp_path):
        pass
