from dataclasses import replace

import numpy as np
import pytest
from tiny_diffusion import TINY, tiny_classes

from defectlab.synthesis import store
from defectlab.synthesis.diffusion.classical import ClassicalSettings
from defectlab.synthesis.diffusion.ddpm import Ddpm
from defectlab.synthesis.diffusion.settings import SamplingSettings

SAMPLING = SamplingSettings(sampler="ddim", steps=2, batch_size=2)
SHORT = replace(TINY, steps=2)
DATA = tiny_classes({"good": 3, "dent": 3, "scratch": 2})
NORMALS = DATA.subset(defective=False)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return Ddpm(SHORT, SAMPLING, tmp_path_factory.mktemp("models"), device="cpu").fit(DATA)


def test_one_model_a_defect_class_by_default(fitted):
    assert [(name, model.classes) for name, model in fitted.models.items()] == [
        ("dent", ("dent",)),
        ("scratch", ("scratch",)),
    ]
    assert len({model.fingerprint for model in fitted.models.values()}) == 2


def test_classes_take_turns_and_masks_are_absent(fitted):
    made = fitted.synthesize(NORMALS, 5, seed=0)
    assert [record.defect for record in made.records] == ["dent", "scratch", "dent", "scratch", "dent"]
    assert made[0].mask is None and made[0].image.shape == (3, 16, 16) and made.labels.tolist() == [1] * 5
    assert made.items[1].record == {
        "method": "ddpm", "seed": 0, "index": 1, "defect": "scratch", "sampler": "ddim", "steps": 2, "guidance": 1.0,
        "trained_steps": 2, "conditional": False,
    }  # fmt: skip


def test_a_longer_set_begins_with_a_shorter_one_and_a_resume_ends_as_an_unbroken_run(fitted, tmp_path):
    whole = fitted.synthesize(NORMALS, 7, seed=0)
    fitted.synthesize(NORMALS, 3, seed=0, out=tmp_path)
    resumed = fitted.synthesize(NORMALS, 7, seed=0, out=tmp_path)
    for one, two, three in zip(whole.items, resumed.items, store.load(tmp_path).items, strict=True):
        assert np.array_equal(one.image, two.image) and np.array_equal(two.image, three.image)
        assert one.record == two.record == three.record


def test_another_model_in_the_same_folder_of_images_is_refused(fitted, tmp_path):
    fitted.synthesize(NORMALS, 1, seed=0, out=tmp_path)
    with pytest.raises(ValueError, match="models: stored"):
        fitted.of("dent").synthesize(NORMALS, 1, seed=0, out=tmp_path)


def test_one_class_can_be_drawn_alone(fitted):
    dents = fitted.of("dent").synthesize(NORMALS, 3, seed=0)
    assert dents.defects == ("dent",)
    with pytest.raises(ValueError, match="no model of hole; there are: dent, scratch"):
        fitted.of("hole")


def test_a_finished_training_serves_again_and_other_settings_get_a_folder_of_their_own(fitted):
    stamps = {path: path.stat().st_mtime_ns for path in fitted.folder.rglob("*.safetensors")}
    again = Ddpm(SHORT, SAMPLING, fitted.folder, device="cpu").fit(DATA)
    assert {path: path.stat().st_mtime_ns for path in fitted.folder.rglob("*.safetensors")} == stamps
    assert again.models["dent"].fingerprint == fitted.models["dent"].fingerprint
    Ddpm(replace(SHORT, seed=1), SAMPLING, fitted.folder, ["dent"], device="cpu").fit(DATA)
    assert len(list(fitted.folder.iterdir())) == 3


def test_a_class_learnt_alone_is_the_one_learnt_beside_others(fitted):
    stamps = {path: path.stat().st_mtime_ns for path in fitted.folder.rglob("*.safetensors")}
    alone = Ddpm(SHORT, SAMPLING, fitted.folder, ["dent"], device="cpu").fit(DATA)
    assert alone.models["dent"].fingerprint == fitted.models["dent"].fingerprint
    assert {path: path.stat().st_mtime_ns for path in fitted.folder.rglob("*.safetensors")} == stamps
    assert alone.seconds["dent"] == fitted.seconds["dent"] > 0


def test_a_generated_image_of_the_class_good_is_normal(tmp_path):
    ddpm = Ddpm(SHORT, SAMPLING, tmp_path, ["good", "dent"], device="cpu").fit(DATA)
    made = ddpm.synthesize(NORMALS, 4, seed=0)
    assert made.labels.tolist() == [0, 1, 0, 1] and [made[i].label for i in range(4)] == [0, 1, 0, 1]
    assert len(made.subset(defective=False)) == 2


def test_one_conditional_model_can_draw_all_classes_with_guidance(tmp_path):
    sampling = replace(SAMPLING, guidance=2.0)
    ddpm = Ddpm(SHORT, sampling, tmp_path, ["good", "dent", "scratch"], conditional=True, device="cpu").fit(DATA)
    assert len({id(model) for model in ddpm.models.values()}) == 1
    made = ddpm.synthesize(NORMALS, 3, seed=0)
    assert [item.record["defect"] for item in made.items] == ["good", "dent", "scratch"]
    assert made.items[0].record["conditional"]


def test_the_classical_augmentation_gives_the_training_eight_for_one(tmp_path, monkeypatch):
    seen = []

    class Stop(Exception):
        pass

    def trainer(folder, settings, images, *_):
        seen.append(len(images))
        raise Stop

    monkeypatch.setattr("defectlab.synthesis.diffusion.ddpm.Trainer", trainer)
    with pytest.raises(Stop):
        Ddpm(SHORT, SAMPLING, tmp_path, ["dent"], classical=ClassicalSettings(), device="cpu").fit(DATA)
    assert seen == [24]


@pytest.mark.parametrize(
    ("counts", "classes", "message"),
    [
        ({"good": 2, "dent": 1}, None, "dent has 1; expected at least 2 images a class"),
        ({"dent": 2}, ["dent", "hole"], "hole has 0"),
        ({"good": 2}, None, "holds no defective image"),
    ],
)
def test_classes_that_cannot_be_learnt_are_refused_before_training(tmp_path, counts, classes, message):
    with pytest.raises(ValueError, match=message):
        Ddpm(SHORT, SAMPLING, tmp_path, classes, device="cpu").fit(tiny_classes(counts))
    assert not list(tmp_path.iterdir())


def test_images_of_another_size_are_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match=r"is \(32, 32\), expected 16 x 16; load the data set with size=\(16, 16\)"):
        Ddpm(SHORT, SAMPLING, tmp_path, device="cpu").fit(tiny_classes({"dent": 2}, side=32))


def test_what_makes_no_sense_is_refused_at_once(tmp_path, fitted):
    with pytest.raises(ValueError, match="needs conditional=True"):
        Ddpm(SHORT, replace(SAMPLING, guidance=2.0), tmp_path)
    with pytest.raises(ValueError, match="expected a divisor of the 20 levels"):
        Ddpm(SHORT, replace(SAMPLING, steps=3), tmp_path)
    with pytest.raises(ValueError, match="no model yet: call fit"):
        Ddpm(SHORT, SAMPLING, tmp_path, device="cpu").synthesize(NORMALS, 1, 0)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        fitted.synthesize(NORMALS, 1, -1)
