import math
from dataclasses import replace

import pytest
import torch
from tiny_diffusion import TINY, tiny_images

from defectlab.synthesis.diffusion.draws import batch_indices, drop_classes, generator_of, step_levels
from defectlab.synthesis.diffusion.folder_trainer import DivergedError
from defectlab.synthesis.diffusion.training import Trainer, cosine_rate

TWO = ("dent", "scratch")
HALVES = torch.tensor([0, 0, 0, 1, 1, 1])


def stop_at(trainer: Trainer, step: int) -> None:
    """Trains up to a step as a run that is killed there, then writes nothing more."""
    real = trainer._train_step

    def train_step() -> float:
        if trainer.step == step:
            raise KeyboardInterrupt
        return real()

    trainer._train_step = train_step
    with pytest.raises(KeyboardInterrupt):
        trainer.run()


def test_equation_8_goes_from_the_whole_rate_through_half_of_it_towards_none():
    assert cosine_rate(0, 200, 0.03) == pytest.approx(0.03)
    assert cosine_rate(100, 200, 0.03) == pytest.approx(0.015)
    assert cosine_rate(50, 200, 1.0) == pytest.approx(0.5 * (1 + math.sqrt(0.5)))
    assert cosine_rate(200, 200, 0.03) == pytest.approx(0)


def test_every_image_is_seen_once_a_pass_whatever_the_batch():
    seen = torch.cat([batch_indices(6, 4, 0, step) for step in range(3)])
    assert sorted(seen[:6].tolist()) == sorted(seen[6:].tolist()) == list(range(6))
    assert seen[:6].tolist() != seen[6:].tolist()
    assert sorted(batch_indices(3, 6, 0, 0).tolist()) == [0, 0, 1, 1, 2, 2]


def test_levels_are_uniform_and_the_share_of_untold_classes_is_as_asked():
    levels = step_levels(20_000, 10, generator_of(0))
    assert torch.bincount(levels).tolist() == pytest.approx([2000] * 10, rel=0.1)
    told = drop_classes(torch.zeros(20_000, dtype=torch.int64), 0.1, 2, generator_of(1))
    assert (told == 2).float().mean().item() == pytest.approx(0.1, abs=0.01) and set(told.tolist()) == {0, 2}


def test_the_loss_falls(tmp_path):
    settings = replace(TINY, steps=60, lr=5e-3, checkpoint_every=60, batch_size=6)
    trainer = Trainer(tmp_path, settings, tiny_images(), ("dent",))
    before = trainer._loss().item()
    trainer.run()
    assert trainer._loss().item() < 0.6 * before


@pytest.mark.parametrize("classes", [("dent",), TWO])
def test_a_killed_run_goes_on_and_ends_as_an_unbroken_one_bit_by_bit(tmp_path, classes):
    labels = HALVES if len(classes) > 1 else None
    whole = Trainer(tmp_path / "whole", TINY, tiny_images(), classes, labels).run()
    stop_at(Trainer(tmp_path / "killed", TINY, tiny_images(), classes, labels), 5)
    again = Trainer(tmp_path / "killed", TINY, tiny_images(), classes, labels)
    assert again.step == 4  # the last checkpoint
    assert again.run().fingerprint == whole.fingerprint
    rows = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("whole", "killed")]
    assert [row.rpartition(",")[0] for row in rows[0]] == [row.rpartition(",")[0] for row in rows[1]]


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = Trainer(tmp_path, TINY, tiny_images(), ("dent",)).run()
    again = Trainer(tmp_path, TINY, tiny_images(), ("dent",))
    again._train_step = None
    assert again.run().fingerprint == first.fingerprint and first.steps == TINY.steps


def test_the_kept_weights_are_averages(tmp_path):
    settings = replace(TINY, steps=2, checkpoint_every=2, ema=0.5)
    trainer = Trainer(tmp_path, settings, tiny_images(), ("dent",))
    name = "unet.conv_in.weight"
    states = [trainer.network.state_dict()[name].clone()]
    for _ in range(2):
        trainer._train_step()
        trainer.step += 1
        states.append(trainer.network.state_dict()[name].clone())
    first = states[0] + 0.9 * (states[1] - states[0])  # decay 1/10 at the first step
    torch.testing.assert_close(trainer.average[name], first + 9 / 11 * (states[2] - first))


def test_a_loss_that_is_no_number_stops_with_advice_and_the_last_good_checkpoint_stays(tmp_path):
    trainer = Trainer(tmp_path, TINY, tiny_images(), ("dent",))
    real = trainer._loss
    trainer._loss = lambda: real() * (math.nan if trainer.step == 3 else 1)
    with pytest.raises(DivergedError, match="loss is nan at step 3 of 6: lower lr .*the last good state is .*checkpoi"):
        trainer.run()
    kept = Trainer(tmp_path, TINY, tiny_images(), ("dent",))
    assert kept.step == 2 and all(p.isfinite().all() for p in kept.network.parameters())


def test_an_infinite_gradient_stops_before_it_reaches_the_weights(tmp_path):
    trainer = Trainer(tmp_path, TINY, tiny_images(), ("dent",))
    next(trainer.network.parameters()).register_hook(lambda g: g * math.inf)
    with pytest.raises(DivergedError, match="the gradient is .* no checkpoint was written"):
        trainer.run()
    assert all(p.isfinite().all() for p in trainer.network.parameters())


def test_mixed_precision_trains_on_a_processor(tmp_path):
    settings = replace(TINY, precision="bf16", steps=2)
    assert Trainer(tmp_path, settings, tiny_images(), ("dent",)).run().steps == 2


def test_another_training_in_the_folder_is_refused_with_its_differences(tmp_path):
    Trainer(tmp_path, replace(TINY, steps=1), tiny_images(), ("dent",)).run()
    with pytest.raises(ValueError, match=r"another training \(asked, found\): \{'lr': \(0.5, 0.001\)\}"):
        Trainer(tmp_path, replace(TINY, steps=1, lr=0.5), tiny_images(), ("dent",))
    with pytest.raises(ValueError, match="'images'"):
        Trainer(tmp_path, replace(TINY, steps=1), tiny_images(seed=1), ("dent",))


@pytest.mark.parametrize(
    ("images", "classes", "labels", "change", "message"),
    [
        (tiny_images(side=32), ("dent",), None, {}, r"expected uint8 \(n, \(3, 16, 16\)\), got torch.uint8 \(6, 3, 32"),
        (tiny_images(1), ("dent",), None, {}, r"at least two images each, got dent \(1\)"),
        (tiny_images(), TWO, torch.tensor([0] * 6), {}, r"got scratch \(0\)"),
        (tiny_images(), TWO, torch.tensor([0] * 5), {}, "one an image"),
        (tiny_images(), ("dent",), HALVES, {}, "expected less than the 1 classes, got 1"),
        (tiny_images(), ("dent",), None, {"precision": "fp16"}, "'fp16' needs a GPU, the device is cpu"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_training(tmp_path, images, classes, labels, change, message):
    with pytest.raises(ValueError, match=message):
        Trainer(tmp_path, replace(TINY, **change), images, classes, labels)
