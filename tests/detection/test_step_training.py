"""The loop by steps: means between rows, rates, time left, and where it stops."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from defectlab.detection.checkpoints import TrainingFolder
from defectlab.detection.encoder.settings import warmed_cosine
from defectlab.detection.step_training import StepTrainer


@dataclass(frozen=True)
class Pace:
    steps: int = 5
    lr: float = 0.25

    def rate(self, step):
        """Falls."""
        return self.lr / (step + 1)


class Counter(StepTrainer):
    """The loss of a step is its number, squared."""

    def numbers(self, step):
        """One number."""
        return {"loss": float(step**2) if step < 40 else math.nan}


class Weights:
    """Counts how often it was loaded."""

    loads = 0

    def state_dict(self):
        """Nothing."""
        return {}

    def load_state_dict(self, state):
        """Counts."""
        self.loads += 1


def counter(folder, pace=None):
    return Counter(TrainingFolder(folder, {}, {"weights": Weights()}), pace or Pace(), 2, "counting", show=False)


def test_rows_hold_means_since_the_row_before_and_the_last_step_has_one(tmp_path):
    history = counter(tmp_path).run()
    assert history["step"].tolist() == [2, 4, 5]
    assert history["loss"].tolist() == [0.5, 6.5, 16.0]  # (0 + 1) / 2, (4 + 9) / 2, 16
    assert history["lr"].tolist() == [0.125, 0.0625, 0.05]
    assert history["left"].iloc[-1] == "0:00:00"
    assert (tmp_path / "log.csv").read_text().startswith("step,loss,lr,seconds,left\n2,0.5,0.125,")


def test_a_second_trainer_does_the_steps_that_are_left(tmp_path):
    first = counter(tmp_path)
    first.numbers = lambda step: {"loss": 1.0} if step < 3 else (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = counter(tmp_path)
    assert second.step == 2 and second.kept.parts["weights"].loads == 1
    assert second.run()["loss"].tolist() == [1.0, 6.5, 16.0]
    assert len(counter(tmp_path).run()) == 3  # nothing is left to do


def test_a_loss_that_is_no_number_stops_with_the_rate_to_lower(tmp_path):
    with pytest.raises(FloatingPointError, match=r"step 41 are \{'loss': nan\}: lower lr \(now 0.25\); the last good"):
        counter(tmp_path, Pace(steps=50)).run()
    assert counter(tmp_path, Pace(steps=50)).step == 40


def test_the_rate_rises_in_a_line_and_falls_in_half_a_cosine():
    rates = [warmed_cosine(step, 6, 2.0, 2) for step in range(7)]
    assert rates == pytest.approx([1.0, 2.0, 2.0, 1 + math.cos(math.pi / 4), 1.0, 1 - math.cos(math.pi / 4), 0.0])
