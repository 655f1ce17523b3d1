"""Checkpoints and logs: what is kept, what goes on, what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from defectlab.detection.checkpoints import TrainingFolder, load_checkpoint, save_checkpoint, write_rows
from defectlab.progress import time_left


def parts(value=0.0):
    network = nn.Linear(1, 1)
    nn.init.constant_(network.weight, value)
    return {"network": network, "optimiser": torch.optim.SGD(network.parameters(), lr=0.5)}


def test_checkpoints_name_every_difference_and_lists_are_tuples(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"x": torch.ones(2)}, {"a": 1, "b": [1, 2]})
    assert load_checkpoint(path, {"a": 1, "b": (1, 2)})["x"].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"a: asked 2, found 1, c: asked 3, found None"):
        load_checkpoint(path, {"a": 2, "b": [1, 2], "c": 3})


def test_rows_and_the_time_left(tmp_path):
    write_rows(tmp_path / "log.csv", [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    assert (tmp_path / "log.csv").read_text() == "a,b\n1,2\n3,4\n"
    assert time_left(10, 2, 4) == "0:00:10" and time_left(3600, 1, 2) == "1:00:00" and time_left(1, 0, 5) == "?"


def test_rows_of_other_columns_share_a_log(tmp_path):
    write_rows(tmp_path / "log.csv", [{"a": 1}, {"a": 2, "b": 3}])
    assert (tmp_path / "log.csv").read_text() == "a,b\n1,\n2,3\n"


def test_a_second_training_of_a_folder_is_where_the_first_stopped(tmp_path):
    first = TrainingFolder(tmp_path, {"lr": 1}, parts(3.0), unit="epoch")
    first.rows.append({"epoch": 2, "loss": 0.5})
    first.save(2)
    others = parts()
    second = TrainingFolder(tmp_path, {"lr": 1}, others, unit="epoch")
    assert second.done == 2 and second.rows == [{"epoch": 2, "loss": 0.5}]
    assert others["network"].weight.item() == 3 and (tmp_path / "log.csv").read_text() == "epoch,loss\n2,0.5\n"
    with pytest.raises(ValueError, match=r"other settings \(lr: asked 2, found 1\); take a new folder"):
        TrainingFolder(tmp_path, {"lr": 2}, parts(), unit="epoch")


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = TrainingFolder(None, {}, parts())
    kept.rows.append({"step": 1})
    kept.save(1)
    assert kept.done == 1 and kept.checkpoint is None and not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_names_step_advice_and_the_last_good_state(tmp_path):
    kept = TrainingFolder(tmp_path, {}, parts())
    kept.require_finite({"a": 1.0, "b": -2.0}, 1, "lower lr")
    with pytest.raises(FloatingPointError, match=r"of step 1 are \{.*inf\}: lower lr; no state before it is kept"):
        kept.require_finite({"a": 1.0, "b": math.inf}, 1, "lower lr")
    kept.save(1)
    with pytest.raises(FloatingPointError, match=r"lower lr; the last good state is .*checkpoint.pt"):
        kept.require_finite({"a": math.nan}, 2, "lower lr")
