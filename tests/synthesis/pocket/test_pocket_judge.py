"""Judge and trial: measures by hand, a judge that learns, and a trial of generators whose answer is known."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS
from defectlab.synthesis.pocket import judge as judges
from defectlab.synthesis.pocket.judge import (
    Judge,
    JudgeSettings,
    compose,
    confusion,
    draw_crop,
    draw_crops,
    load_judge,
    save_judge,
    train_judge,
)
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.normalise import normalise
from defectlab.synthesis.pocket.trial import (
    LADDER,
    TrialSettings,
    border_jump,
    draw_places,
    exact_outside,
    run_trial,
)
from defectlab.synthesis.pocket.verdict import by_class, draw_sheet, wilson, write_verdict
from defectlab.synthesis.pocket.words import DEFECTS

TINY = JudgeSettings(crops=14, epochs=1, batch_size=7, held_out=7)


class Obedient:
    """Adds 10 grey levels for each class, more with severity, so that the class can be read from the image."""

    def __call__(self, prompt, image, mask_image, *, severity, **options):
        step = 10 * DEFECTS.index(prompt)
        results = []
        for picture, mask, how in zip(image, mask_image, severity, strict=True):
            inside = np.asarray(mask)[..., None] > 0
            results.append(np.where(inside, 5 * step // 10 + np.uint8(step * how), np.asarray(picture)))
        return SimpleNamespace(images=results)


class Reader:
    """Tells the class that `Obedient` was asked for by looking at what it saw of the calls."""

    settings, confusion, accuracy = TINY, np.eye(7, dtype=int), 1.0

    def __init__(self, answers):
        self.answers = iter(answers)

    def tell(self, crops):
        return np.full(len(crops), next(self.answers))


def test_a_flat_image_with_a_patch_jumps_by_the_height_of_the_patch():
    mask = np.zeros((6, 6), bool)
    mask[2:4, 2:4] = True
    before = np.tile(np.arange(6.0), (6, 1))  # rises by 1 to the right: 4 of 8 borders jump by 1
    after = before + 3 * mask
    # left side +1 +3, right side |1 - 3|, above and below 3: (2 * 4 + 2 * 2 + 4 * 3) / (4 * 1)
    assert border_jump([before], [after], [mask]) == pytest.approx(24 / 4)
    assert border_jump([before], [before], [mask]) == 1
    assert border_jump([before], [after], [np.ones((6, 6), bool)]) == 1


def test_exact_pixels_are_counted_outside_the_mask_only():
    before = np.zeros((4, 4, 3), np.uint8)
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    after = before + mask[..., None].astype(np.uint8)
    assert exact_outside(before, after, mask) == 1
    after[3, 3, 1] = 1
    assert exact_outside(before, after, mask) == pytest.approx(11 / 12)
    assert exact_outside(before, after, np.ones((4, 4), bool)) == 1


def test_confusion_has_what_was_asked_in_its_rows():
    counts = confusion(np.array([0, 1, 1]), np.array([0, 1, 2]))
    assert counts[0, 0] == counts[1, 1] == counts[1, 2] == 1 and counts.sum() == 3


def test_the_interval_of_a_share_is_that_of_wilson():
    assert wilson(50, 100) == pytest.approx((0.40383, 0.59617), abs=1e-5)
    assert wilson(0, 10)[0] == pytest.approx(0) and wilson(10, 10)[1] == pytest.approx(1)


def test_what_the_judge_sees_is_the_normal_crop_and_the_change_in_its_units():
    clean = np.random.default_rng(0).normal(0.5, 0.05, (SIDE, SIDE)).astype(np.float32)
    change = np.zeros_like(clean)
    change[5, 6] = 0.1
    seen, plain = compose(clean, change), normalise(clean)
    assert seen[5, 6] - plain.crop[5, 6] == pytest.approx(0.1 / plain.unit, rel=1e-3)
    np.testing.assert_array_equal(compose(clean, 0 * change), plain.crop)


def test_crops_are_balanced_and_depend_on_their_number_alone():
    crops, classes = draw_crops(3, 0, 14, HELD_OUT_MATERIALS)
    assert crops.shape == (14, SIDE, SIDE) and crops.dtype == np.float32
    assert np.bincount(classes).tolist() == [2] * 7
    np.testing.assert_array_equal(draw_crops(3, 0, 9, HELD_OUT_MATERIALS)[0], crops[:9])
    assert (draw_crop(np.random.default_rng(0), "good", ("rolled",)) != crops[0]).any()


def test_a_judge_is_kept_and_comes_back_the_same(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    judge = train_judge(TINY)
    assert torch.equal(torch.rand(2), expected)
    assert judge.confusion.sum() == 7 and judge.confusion.sum(axis=1).tolist() == [1] * 7
    save_judge(judge, tmp_path)
    again = load_judge(tmp_path)
    crops, _ = draw_crops(5, 0, 7, HELD_OUT_MATERIALS)
    np.testing.assert_array_equal(judge.tell(crops), again.tell(crops))
    assert again.settings == TINY and again.accuracy == judge.accuracy
    with pytest.raises(FileNotFoundError, match="holds no judge.json"):
        load_judge(tmp_path / "nowhere")


def test_a_judge_learns(monkeypatch):
    def brightness(generator, defect, materials):
        return np.full((SIDE, SIDE), DEFECTS.index(defect) - 3, np.float32)

    monkeypatch.setattr(judges, "draw_crop", brightness)
    assert train_judge(JudgeSettings(crops=105, epochs=3, batch_size=15, held_out=7)).accuracy > 0.4


def test_places_are_held_out_and_the_same_for_a_seed():
    one, two = draw_places(1, 3), draw_places(1, 5)
    for a, b in zip(one, two, strict=False):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        np.testing.assert_array_equal(a.mask, b.mask)
        assert a.mask.any() and 0.3 <= a.severity <= 1


def test_a_trial_of_an_obedient_generator(tmp_path):
    settings = TrialSettings(images=3, ladders=2)
    trial = run_trial(Obedient(), Reader(range(7)), settings)
    assert trial.made.shape == (7, 3, SIDE, SIDE, 3) and trial.ladders.shape == (7, 2, len(LADDER))
    np.testing.assert_array_equal(trial.confusion, 3 * np.eye(7, dtype=int))
    summary = write_verdict(tmp_path, trial, Reader([]), settings, {"name": "obedient"})
    assert summary["obeyed"] == 1 and summary["exact_outside"] == 1 and summary["obeyed_95"][0] > 0.8
    kept = json.loads((tmp_path / "trial.json").read_text())
    assert kept["model"]["name"] == "obedient" and len(kept["classes"]) == 7
    assert np.trace(pd.read_csv(tmp_path / "confusion.csv", index_col="asked").to_numpy()) == 21
    assert list(pd.read_csv(tmp_path / "classes.csv")["asked"]) == list(DEFECTS)
    assert Image.open(tmp_path / "sheet.png").size == draw_sheet(trial).size


def test_a_trial_of_a_generator_that_ignores_its_prompt_shows_it():
    settings = TrialSettings(images=2, ladders=1)

    def silent(prompt, image, mask_image, **options):
        return SimpleNamespace(images=[np.asarray(picture) for picture in image])

    trial = run_trial(silent, Reader([0] * 7), settings)
    table = by_class(trial)
    assert table["obeyed"].tolist() == [1] + [0] * 6
    assert (table["border_jump"] == 1).all() and (table["changed"] == 0).all()
    assert not trial.ladders.any()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="got 2 images and 3 ladders"):
        TrialSettings(images=2, ladders=3)
    with pytest.raises(ValueError, match="crops: expected at least 1, got 0"):
        JudgeSettings(crops=0)


def test_a_judge_reports_its_accuracy():
    assert Judge(torch.nn.Identity(), TINY, np.diag([1, 1, 0, 0, 0, 0, 0]) + np.eye(7, k=1, dtype=int)).accuracy == 0.25
