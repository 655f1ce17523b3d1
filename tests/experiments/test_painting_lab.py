"""The lab without a screen: controls make a stroke, the button paints inside it, unknown words are told."""

import io

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image
from tiny_pocket import write_tiny_pocket

from defectlab.experiments.filling import Easel
from defectlab.experiments.painting_lab import PaintingLab, open_lab


@pytest.fixture(scope="module")
def easel(tmp_path_factory):
    model = write_tiny_pocket(tmp_path_factory.mktemp("models") / "tiny")
    return Easel.set_up(str(model), "lines", seed=0, size=(64, 48))


@pytest.fixture
def lab(easel):
    return PaintingLab(easel, ["a dark crack", "a pore"], steps=1)


def test_the_stroke_follows_its_controls(lab):
    lab.across.value, lab.down.value, lab.thick.value = (5, 40), (10, 50), 1
    assert lab.mask[10, 5] and lab.mask[50, 40] and not lab.mask[50, 5]
    lab.rising.value = True
    assert lab.mask[50, 5] and lab.mask[10, 40] and not lab.mask[10, 5]


def test_a_moved_stroke_is_on_the_screen_at_once(lab):
    before = lab.screen.value
    lab.thick.value = 21
    assert lab.screen.value != before
    assert Image.open(io.BytesIO(lab.screen.value)).size == (2 * 48 * 3, 64 * 3)


def test_the_button_paints_inside_the_stroke_only(lab, easel):
    lab.severity.value = 1.0
    lab.button.click()
    painted = lab.paint()
    assert np.array_equal(painted[~lab.mask], easel.pixels[~lab.mask])
    assert "outside 0." in lab.said.value


def test_words_that_the_model_does_not_know_are_told_to_the_reader(lab, easel):
    lab.prompt.value = "a unicorn"
    assert np.array_equal(lab.paint(), easel.pixels)
    assert "unicorn" in lab.said.value


def test_without_a_kernel_to_sit_at_there_is_a_sentence(easel):
    assert "interactive = True" in open_lab(easel, ["a pore"], 1, interactive=False).data
    assert isinstance(open_lab(easel, ["a pore"], 1, interactive=True), widgets.Widget)
