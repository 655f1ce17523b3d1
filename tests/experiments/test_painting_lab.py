"""The lab without a screen: controls draw strokes, a file gives a mask, the button paints inside, errors are told."""

import io
from datetime import UTC, datetime

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


def set_cross(lab, x, y):
    lab.across.value, lab.down.value = x, y
    lab.point.click()


def test_strokes_go_through_their_points_and_add_up(lab):
    lab.clear.click()
    assert not lab.mask.any()
    lab.thick.value = 1
    for x, y in ((5, 10), (40, 10), (40, 50)):
        set_cross(lab, x, y)
    assert lab.mask[10, 20] and lab.mask[30, 40] and not lab.mask[30, 20]
    lab.lift.click()
    set_cross(lab, 2, 60)
    assert lab.mask[60, 2] and lab.mask[10, 20] and not lab.mask[55, 20]
    assert lab.mask.sum() == 36 + 40 + 1


def test_undo_takes_back_one_point_at_a_time(lab):
    lab.clear.click()
    lab.thick.value = 1
    for x, y in ((5, 10), (40, 10)):
        set_cross(lab, x, y)
    lab.undo.click()
    assert lab.mask.sum() == 1 and lab.mask[10, 5]
    lab.undo.click()
    assert not lab.mask.any()
    lab.undo.click()
    assert not lab.mask.any()


def test_another_brush_begins_a_stroke_and_leaves_the_one_before(lab):
    lab.clear.click()
    lab.thick.value = 1
    set_cross(lab, 5, 5)
    lab.thick.value = 11
    set_cross(lab, 30, 40)
    assert [stroke.width for stroke in lab.drawing.strokes] == [1, 11]
    assert lab.mask[44, 30] and not lab.mask[6, 5] and not lab.mask[20, 17]


def uploaded(content, name="mask.png"):
    now = datetime.now(UTC)
    return ({"name": name, "type": "image/png", "size": len(content), "content": content, "last_modified": now},)


def test_a_mask_from_a_file_is_brought_to_the_size_of_the_surface_and_lies_below_the_strokes(lab):
    drawn = np.zeros((128, 96), np.uint8)
    drawn[:32] = 255
    buffer = io.BytesIO()
    Image.fromarray(drawn).save(buffer, "png")
    lab.clear.click()
    lab.upload.value = uploaded(buffer.getvalue())
    assert lab.mask[:16].all() and not lab.mask[16:].any()
    set_cross(lab, 24, 50)
    assert lab.mask[50, 24] and lab.mask[0, 0]


def test_a_file_that_is_no_image_is_told_and_changes_nothing(lab):
    before = lab.mask
    lab.upload.value = uploaded(b"no image", "notes.png")
    assert "notes.png" in lab.said.value and np.array_equal(lab.mask, before)


def test_without_a_drawing_the_button_asks_for_one(lab, easel):
    lab.clear.click()
    assert np.array_equal(lab.paint(), easel.pixels) and "Nothing is drawn" in lab.said.value


def test_what_is_drawn_is_on_the_screen_at_once(lab):
    before = lab.screen.value
    lab.across.value = 3
    moved = lab.screen.value
    lab.point.click()
    assert before != moved != lab.screen.value
    assert Image.open(io.BytesIO(lab.screen.value)).size == (2 * 48 * 3, 64 * 3)


def test_the_button_paints_inside_the_drawing_only(lab, easel):
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
