"""What the encoder is trained on: nothing that is held out, masks that go along with views, a step's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from defectlab.data.surfaces.defects import HELD_OUT_LOOKS
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS
from defectlab.detection.encoder import EncoderSettings, scenes
from defectlab.detection.encoder.scenes import KINDS, DrawnScene, draw_scene
from defectlab.detection.encoder.settings import TRAINED_MATERIALS
from defectlab.detection.encoder.views import _view, make_views

SMALL = EncoderSettings(steps=2, scenes=3, side=64, warm_up=1)


def test_scenes_are_of_materials_and_looks_that_are_not_held_out(monkeypatch):
    materials, looks = set(), set()
    make, render = scenes.make_surface, scenes.render_defect
    monkeypatch.setattr(scenes, "make_surface", lambda rng, h, w, name: materials.add(name) or make(rng, h, w, name))

    def draw(rng, scene, defect, region, look, severity):
        looks.add((defect, look))
        return render(rng, scene, defect, region, look, severity)

    monkeypatch.setattr(scenes, "render_defect", draw)
    rng = np.random.default_rng(0)
    kinds = {draw_scene(rng, 40, TRAINED_MATERIALS, 2).kind for _ in range(150)}
    assert kinds == set(range(len(KINDS)))
    assert materials == set(TRAINED_MATERIALS) and not materials & set(HELD_OUT_MATERIALS)
    assert len(looks) == 12 and not looks & set(HELD_OUT_LOOKS.items())


def test_a_scene_has_a_mask_exactly_where_it_has_a_defect():
    rng = np.random.default_rng(1)
    for _ in range(40):
        scene = draw_scene(rng, 48, TRAINED_MATERIALS, 2)
        assert scene.image.shape == (48, 48, 3) and scene.image.dtype == np.uint8
        assert scene.mask.any() == (scene.kind > 0)


def test_views_of_a_step_are_the_same_again_and_those_of_another_step_differ():
    one, again, other = make_views(SMALL, 5), make_views(SMALL, 5), make_views(SMALL, 6)
    assert one.images.shape == (6, 3, 64, 64) and one.masks.shape == (6, 1, 64, 64)
    assert one.images.min() >= 0 and one.images.max() <= 1
    assert torch.equal(one.images, again.images) and torch.equal(one.kinds, again.kinds)
    assert not torch.equal(one.images, other.images)


def test_a_view_without_its_defect_is_a_normal_one():
    for step in range(12):
        views = make_views(SMALL, step)
        assert torch.equal(views.masks.sum(dim=(1, 2, 3)) > 0, views.kinds > 0)


def test_the_mask_turns_and_shrinks_with_the_image():
    mask = np.zeros((80, 80), bool)
    mask[30:50, 20:60] = True
    scene = DrawnScene(np.repeat((mask * 255).astype(np.uint8)[..., None], 3, -1), mask, 1)
    rng = np.random.default_rng(0)
    for _ in range(30):
        image, seen = _view(rng, scene, 64)
        inside, outside = image[seen > 0.99], image[seen < 0.01]
        assert seen.shape == (64, 64) and inside.min() > outside.max()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"side": 100}, "side: expected a multiple of 32 from 64 on, got 100"),
        ({"lr": 0}, "expected lr and temperature above 0"),
        ({"locate": -1}, "expected weights of at least 0"),
        ({"materials": ("leather",)}, "materials: expected some of brushed, .*got"),
        ({"looks": 3}, "looks: expected 1 or 2"),
    ],
)
def test_settings_out_of_range_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        EncoderSettings(**changes)
