"""Logs of trainings: rows added, and rows of later steps dropped."""

from __future__ import annotations

from defectlab.training_log import append_row, forget_after


def test_rows_are_added_below_the_columns_of_the_first(tmp_path):
    path = tmp_path / "log.csv"
    for step in (10, 20, 30):
        append_row(path, {"step": step, "loss": f"{1 / step:.3f}"})
    assert path.read_text() == "step,loss\n10,0.100\n20,0.050\n30,0.033\n"


def test_a_resumed_training_finds_the_rows_up_to_its_step(tmp_path):
    path = tmp_path / "log.csv"
    forget_after(path, 5)
    assert not path.exists()
    path.write_text("step,loss\n5,1\n10,2\n")
    forget_after(path, 9)
    append_row(path, {"step": 10, "loss": 3})
    assert path.read_text() == "step,loss\n5,1\n10,3\n"
    forget_after(path, 0)
    assert path.read_text() == "step,loss\n"
