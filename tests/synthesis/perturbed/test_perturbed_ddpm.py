"""Triplets from normal images alone: what is outside of M, what M is, pairing, resuming, categories, ablations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from defectlab.data.anomaly_layout import category_of
from defectlab.data.combine import concatenate
from defectlab.data.surfaces import load
from defectlab.detection.student_teacher.triplets import PairedDataset
from defectlab.synthesis.diffusion.settings import DiffusionSettings
from defectlab.synthesis.diffusion.training import Trainer
from defectlab.synthesis.foreground import ThresholdForeground
from defectlab.synthesis.morphology import MorphedMasks
from defectlab.synthesis.perturbed.normals import normal_images, pixels, resize
from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm
from defectlab.synthesis.perturbed.settings import PerturbedSettings
from defectlab.synthesis.perturbed.stored import StoredTriplets
from defectlab.synthesis.store import load as load_set
from defectlab.synthesis.textures import SurfaceTextures

SHAPE = {"size": 32, "patch": 2, "channels": (8, 8), "attention_at": (16,)}
TINY = replace(DiffusionSettings.smoke(), **SHAPE, timesteps=20, steps=2, beta_end=0.4)
SETTINGS = PerturbedSettings(steps=4, batch_size=4)


@pytest.fixture(scope="module")
def normals():
    return load("train", size=(40, 48), preset="anomaly", category="leather", scale=0.02)


@pytest.fixture(scope="module")
def synthesizer(normals, tmp_path_factory):
    return PerturbedDdpm(TINY, SETTINGS, tmp_path_factory.mktemp("models"), device="cpu").fit(normals)


def other(synthesizer, settings=SETTINGS, **options):
    made = PerturbedDdpm(TINY, settings, synthesizer.folder, device="cpu", **options)
    made.trained = None if settings.content == "texture" else synthesizer.trained
    return made


def test_outside_of_the_mask_the_image_is_bit_exact_and_inside_it_every_pixel_changed(normals, synthesizer):
    made = synthesizer.synthesize(normals, 5, seed=3)
    for item in made.items:
        normal = pixels(normals, item.record["normal"])
        np.testing.assert_array_equal(item.mask, (item.image != normal).any(-1))
        assert item.image.shape == (40, 48, 3) and 0 < item.mask.mean() < 1
        assert normals.records[item.record["normal"]].id == item.record["source"]
        assert 0.1 <= item.record["strength"] <= 0.2 and 0.5 <= item.record["opacity"] <= 1


def test_the_drawn_mask_holds_the_changed_pixels_and_the_record_tells_the_rest(normals, synthesizer):
    changed = synthesizer.synthesize(normals, 4, seed=3).items
    drawn = other(synthesizer, replace(SETTINGS, label="drawn")).synthesize(normals, 4, seed=3).items
    for one, two in zip(changed, drawn, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        assert not (one.mask & ~two.mask).any()
        assert two.record["unchanged"] == pytest.approx(1 - one.mask.sum() / two.mask.sum(), abs=1e-5)


def test_an_image_depends_on_its_number_alone_and_a_stopped_set_goes_on(normals, synthesizer, tmp_path, monkeypatch):
    whole = synthesizer.synthesize(normals, 6, seed=1)
    synthesizer.synthesize(normals, 3, seed=1, out=tmp_path / "set")
    again = synthesizer.synthesize(normals, 6, seed=1, out=tmp_path / "set")
    assert len(load_set(tmp_path / "set")) == 6
    for one, two in zip(whole.items, again.items, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.mask, two.mask)
    with pytest.raises(ValueError, match="holds a set of other settings"):
        synthesizer.synthesize(normals, 6, seed=2, out=tmp_path / "set")

    triplets = StoredTriplets(tmp_path / "set")
    clean, anomalous, mask = triplets[4]
    assert len(triplets) == 6 and mask.dtype == torch.bool
    torch.testing.assert_close(clean, normals[whole.items[4].record["normal"]].image)
    torch.testing.assert_close(anomalous, again[4].image)
    assert ((clean != anomalous).any(0, keepdim=True) == mask).all()


def test_student_teacher_pairs_the_images_with_their_normal_ones(normals, synthesizer):
    made = synthesizer.synthesize(normals, 3, seed=0)
    paired = PairedDataset(concatenate(normals, made))
    clean, anomalous, mask = paired[1]
    torch.testing.assert_close(clean, normals[made.items[1].record["normal"]].image)
    assert torch.equal((clean != anomalous).any(0, keepdim=True), mask)


def test_opaque_strength_zero_is_a_patch_of_a_normal_image_of_the_model(normals, synthesizer):
    settings = replace(SETTINGS, strength=(0.0, 0.0), opacity=(1.0, 1.0))
    item = other(synthesizer, replace(settings, label="drawn")).synthesize(normals, 1, seed=5).items[0]
    plain = synthesizer.abnormal([0], 5, [0.0])[0]
    assert plain.shape == (32, 32, 3) and item.record["strength"] == 0 and item.mask.any()
    np.testing.assert_array_equal(item.image[item.mask], resize(plain, item.mask.shape)[item.mask])


def test_textures_take_the_place_of_diffusion_with_everything_else_the_same(normals, synthesizer):
    textured = other(synthesizer, replace(SETTINGS, content="texture"), textures=SurfaceTextures())
    one = textured.fit(normals).synthesize(normals, 3, seed=3)
    two = synthesizer.synthesize(normals, 3, seed=3)
    for texture, diffusion in zip(one.items, two.items, strict=True):
        for key in ("source", "mask_id", "opacity"):
            assert texture.record[key] == diffusion.record[key]
        assert (texture.image != diffusion.image).any() and texture.record["strength"] == ""
    with pytest.raises(ValueError, match="content='texture' expects a source, got none"):
        PerturbedDdpm(TINY, replace(SETTINGS, content="texture"), synthesizer.folder)
    with pytest.raises(ValueError, match="content='diffusion' expects none, got 'surfaces'"):
        PerturbedDdpm(TINY, SETTINGS, synthesizer.folder, textures=SurfaceTextures())


def test_one_model_of_several_categories_blends_in_what_is_of_the_same_one(tmp_path):
    normals = load("train", size=(32, 32), preset="anomaly", scale=0.01)
    unified = PerturbedDdpm(TINY, SETTINGS, tmp_path, category=category_of, device="cpu").fit(normals)
    assert unified.trained.classes == ("commutator", "leather", "rolled")
    made = unified.synthesize(normals, 6, seed=0)
    assert len({item.record["source"].split("/")[0] for item in made.items}) > 1
    few = load("train", size=(32, 32), preset="anomaly", category="rolled", scale=0.01)
    assert len(unified.synthesize(few, 2, seed=0)) == 2
    item = made.items[0]
    normal = pixels(normals, item.record["normal"]).astype(float)
    own = unified.abnormal([0], 0, [item.record["strength"]], item.record["source"].split("/")[0])[0]
    mixed = normal + item.record["opacity"] * (own - normal)
    assert np.abs(item.image - mixed)[item.mask].max() <= 1  # Eq. 3 with P of its own category


def test_the_model_learns_normal_images_alone_whatever_defects_come_along(normals, synthesizer, tmp_path, monkeypatch):
    defects = load("test", size=(40, 48), preset="anomaly", category="leather", scale=0.05).subset(normal=False)
    learnt = []

    class Watched(Trainer):
        def __init__(self, folder, model, images, *rest):
            super().__init__(folder, model, images, *rest)
            learnt.append(images)

    monkeypatch.setattr("defectlab.synthesis.perturbed.perturbed_ddpm.Trainer", Watched)
    both = concatenate(defects, normals)
    assert both.labels.sum() == len(defects) > 0
    mixed = PerturbedDdpm(TINY, SETTINGS, tmp_path, device="cpu").fit(both)
    (images,) = learnt
    assert torch.equal(images, normal_images(normals, None, TINY.size)[0])
    assert mixed.trained.fingerprint == synthesizer.trained.fingerprint


def test_a_model_that_knows_other_categories_is_refused(tmp_path, normals, synthesizer):
    with pytest.raises(ValueError, match="class 'leather': this model draws good"):
        other(synthesizer, category=category_of).synthesize(normals, 1, seed=0)
    with pytest.raises(ValueError, match="no model yet: call fit"):
        PerturbedDdpm(TINY, SETTINGS, tmp_path).synthesize(normals, 1, seed=0)
    with pytest.raises(ValueError, match="steps: expected a divisor of the 20 levels"):
        PerturbedDdpm(TINY, PerturbedSettings(steps=7), tmp_path)


def test_a_finished_training_serves_again(normals, synthesizer):
    before = sorted(path.name for path in synthesizer.folder.iterdir())
    again = PerturbedDdpm(TINY, SETTINGS, synthesizer.folder, device="cpu").fit(normals)
    assert again.trained.fingerprint == synthesizer.trained.fingerprint
    assert sorted(path.name for path in synthesizer.folder.iterdir()) == before


def test_defects_keep_to_the_foreground_and_a_foreground_of_nothing_is_told(normals, synthesizer):
    middle = int(np.median(pixels(normals, 0)))
    dark = ThresholdForeground(middle)
    for item in other(synthesizer, foreground=dark).synthesize(normals, 3, seed=0).items:
        assert not (item.mask & ~dark(pixels(normals, item.record["normal"]))).any()
    nothing = other(synthesizer, replace(SETTINGS, max_draws=2), foreground=ThresholdForeground(255, brighter=True))
    with pytest.raises(RuntimeError, match=r"did not change in 2 draws; the foreground covers 0.0% of it"):
        nothing.synthesize(normals, 1, seed=0)


def test_every_category_has_a_foreground_of_its_own_and_the_record_says_which(tmp_path):
    normals = load("train", size=(32, 32), preset="anomaly", scale=0.01)
    textured = replace(SETTINGS, content="texture")
    bright = ThresholdForeground(int(np.median(pixels(normals, 0))), brighter=True)
    own = {"commutator": bright, "leather": None, "rolled": None}
    options = {"textures": SurfaceTextures(), "category": category_of, "device": "cpu"}
    made = PerturbedDdpm(TINY, textured, tmp_path, foreground=own, **options).synthesize(normals, 12, seed=0)
    plain = PerturbedDdpm(TINY, textured, tmp_path, **options).synthesize(normals, 12, seed=0)
    kinds = set()
    for item, whole in zip(made.items, plain.items, strict=True):
        category = item.record["source"].split("/")[0]
        kinds.add(category)
        assert item.record["foreground"] == ("anywhere" if own[category] is None else repr(bright))
        if own[category] is None:
            np.testing.assert_array_equal(item.image, whole.image)
        else:
            assert not (item.mask & ~bright(pixels(normals, item.record["normal"]))).any()
        assert "foreground" not in whole.record
    assert kinds == set(own)
    with pytest.raises(ValueError, match="one for each category needs category, which tells them apart"):
        PerturbedDdpm(TINY, SETTINGS, tmp_path, foreground=own)


def test_masks_can_be_eroded_and_dilated(normals, synthesizer):
    made = other(synthesizer, masks=MorphedMasks(synthesizer.masks, "dilate", 2)).synthesize(normals, 2, seed=0)
    assert all(":dilate" in item.record["mask_id"] for item in made.items)
