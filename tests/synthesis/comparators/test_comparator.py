"""`Gan`, `Vae` and `Flow` as synthesizers: classes in turn, resumed sets, refusals before any training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_classes import tiny_classes

from defectlab.synthesis import store
from defectlab.synthesis.comparators.flow import Flow
from defectlab.synthesis.comparators.gan import Gan
from defectlab.synthesis.comparators.settings import FlowSettings, GanSettings, VaeSettings
from defectlab.synthesis.comparators.vae import Vae
from defectlab.synthesis.diffusion.classical import ClassicalSettings

KINDS = [
    (Gan, replace(GanSettings.smoke(), size=16, steps=2)),
    (Vae, replace(VaeSettings.smoke(), size=16, steps=2)),
    (Flow, replace(FlowSettings.smoke(), size=16, steps=2)),
]
DATA = tiny_classes({"good": 3, "dent": 3, "scratch": 2})
NORMALS = DATA.subset(defective=False)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind[0].name)
def fitted(request, tmp_path_factory):
    kind, settings = request.param
    return kind(settings, tmp_path_factory.mktemp("models"), device="cpu").fit(DATA)


def test_one_generator_a_defect_class_and_its_seconds(fitted):
    assert list(fitted.models) == ["dent", "scratch"] and list(fitted.seconds) == ["dent", "scratch"]
    assert len({model.fingerprint for model in fitted.models.values()}) == 2
    assert all(value > 0 for value in fitted.seconds.values())


def test_classes_take_turns_and_masks_are_absent(fitted):
    made = fitted.synthesize(NORMALS, 5, seed=0)
    assert [record.defect for record in made.records] == ["dent", "scratch", "dent", "scratch", "dent"]
    assert made[0].mask is None and made[0].image.shape == (3, 16, 16)
    temperature = 0.7 if fitted.name == "flow" else 1.0
    assert made.items[1].record == {
        "method": fitted.name, "seed": 0, "index": 1, "defect": "scratch", "temperature": temperature,
        "trained_steps": 2,
    }  # fmt: skip


def test_a_longer_set_begins_with_a_shorter_one_and_a_resume_ends_as_an_unbroken_run(fitted, tmp_path):
    fitted.batch_size = 2
    whole = fitted.synthesize(NORMALS, 7, seed=0)
    fitted.synthesize(NORMALS, 3, seed=0, out=tmp_path)
    resumed = fitted.synthesize(NORMALS, 7, seed=0, out=tmp_path)
    for one, two, three in zip(whole.items, resumed.items, store.load(tmp_path).items, strict=True):
        assert np.array_equal(one.image, two.image) and np.array_equal(two.image, three.image)
        assert one.record == two.record == three.record


def test_one_class_can_be_drawn_alone(fitted):
    assert fitted.of("dent").synthesize(NORMALS, 3, seed=0).defects == ("dent",)
    with pytest.raises(ValueError, match="no model of hole; there are: dent, scratch"):
        fitted.of("hole")


def test_a_finished_training_serves_again(fitted):
    stamps = {path: path.stat().st_mtime_ns for path in fitted.folder.rglob("*.safetensors")}
    again = type(fitted)(fitted.settings, fitted.folder, device="cpu").fit(DATA)
    assert {path: path.stat().st_mtime_ns for path in fitted.folder.rglob("*.safetensors")} == stamps
    assert again.models["dent"].fingerprint == fitted.models["dent"].fingerprint
    assert again.seconds == fitted.seconds


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_what_cannot_be_learnt_is_refused_before_training(kind, settings, tmp_path):
    for counts, classes, message in (
        ({"good": 2, "dent": 1}, None, "dent has 1; expected at least 2 images a class"),
        ({"dent": 2}, ["dent", "hole"], "hole has 0"),
        ({"good": 2}, None, "holds no defective image"),
    ):
        with pytest.raises(ValueError, match=message):
            kind(settings, tmp_path, classes, device="cpu").fit(tiny_classes(counts))
    with pytest.raises(ValueError, match="expected 16 x 16"):
        kind(settings, tmp_path, device="cpu").fit(tiny_classes({"dent": 2}, side=32))
    with pytest.raises(ValueError, match="each once"):
        kind(settings, tmp_path, ["dent", "dent"])
    with pytest.raises(ValueError, match="no model yet"):
        kind(settings, tmp_path).synthesize(NORMALS, 1, seed=0)
    assert not list(tmp_path.iterdir())


def test_the_classical_augmentation_goes_before_and_has_a_folder_of_its_own(tmp_path):
    kind, settings = KINDS[1]
    kind(settings, tmp_path, ["dent"], device="cpu").fit(DATA)
    kind(settings, tmp_path, ["dent"], ClassicalSettings(), device="cpu").fit(DATA)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_temperature_outside_its_range_is_refused(tmp_path):
    with pytest.raises(ValueError, match="temperature: expected a value in"):
        Flow(KINDS[2][1], tmp_path, temperature=1.5)
