"""The detector: fits, scores, saves; its numbers do not depend on batches, and it finds what it was trained to find."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from squares import SIZE, Squares, masks_of, surfaces

from defectlab.data.combine import concatenate
from defectlab.detection.student_teacher import StudentTeacher, ablation, smoke
from defectlab.evaluation.image_scores import top_k_mean
from defectlab.evaluation.localisation import localisation_metrics


@pytest.fixture(scope="module")
def fitted():
    settings = smoke(steps=60, every=20, batch_size=4, lr=3e-3, warm_up=5)
    return StudentTeacher(settings, Squares(), n_synthetic=12, device="cpu").fit(surfaces())


@pytest.mark.parametrize("maps", ["head", "features"])
def test_it_finds_and_locates_defects_that_it_never_saw(fitted, maps):
    test = surfaces(6, 6, start=100)
    scores = fitted.score(test, maps)
    assert scores.image[6:].min() > scores.image[:6].max()
    masks = masks_of(test)
    assert localisation_metrics(masks, scores.pixel).auroc > 0.8


def test_maps_have_the_size_of_the_images_and_image_scores_stay_below_the_maximum(fitted):
    scores = fitted.score(surfaces(3, 2, start=50))
    assert scores.pixel.shape == (5, *SIZE) and scores.image.shape == (5,)
    assert scores.pixel.min() >= 0 and scores.pixel.max() <= 1
    at_size = fitted.score(surfaces(3, 2, start=50, size=(32, 32)))  # no enlargement: Eq. 6 of the map itself
    np.testing.assert_allclose(at_size.image, top_k_mean(at_size.pixel, 100), rtol=1e-12)
    assert (at_size.image <= at_size.pixel.max(axis=(1, 2))).all()


def test_scores_do_not_depend_on_the_other_images(fitted):
    test = surfaces(5, 2, start=70)
    whole, alone = fitted.score(test), fitted.score(test.subset(indices=[6]))
    np.testing.assert_allclose(alone.pixel[0], whole.pixel[6], atol=1e-5)
    np.testing.assert_allclose(alone.image[0], whole.image[6], atol=1e-5)


def test_a_saved_detector_gives_the_same_scores_without_the_teachers_weights(fitted, tmp_path):
    fitted.save(tmp_path / "detector.safetensors")
    loaded = StudentTeacher.load(tmp_path / "detector.safetensors", device="cpu")
    test = surfaces(2, 2, start=30)
    np.testing.assert_array_equal(loaded.score(test).pixel, fitted.score(test).pixel)
    assert loaded.settings == fitted.settings and loaded.weights == fitted.weights
    assert loaded.history["step"].tolist() == [20, 40, 60]


def test_levels_and_an_encoder_of_its_own_survive_saving(tmp_path):
    settings = smoke(levels=((0, 1), (4,)), student="random", steps=1, every=1)
    normals = surfaces(2)
    made = StudentTeacher(settings, device="cpu").fit(concatenate(normals, _same_size(normals)))
    made.save(tmp_path / "detector.safetensors")
    loaded = StudentTeacher.load(tmp_path / "detector.safetensors", device="cpu")
    assert loaded.settings.levels == ((0, 1), (4,))
    np.testing.assert_array_equal(loaded.score(normals).pixel, made.score(normals).pixel)


def test_real_defects_in_the_training_set_are_left_aside_where_a_synthesizer_makes_them():
    settings = smoke(steps=1)
    with_real = StudentTeacher(settings, Squares(), device="cpu").fit(surfaces(3, 2))
    without = StudentTeacher(settings, Squares(), device="cpu").fit(surfaces(3))
    test = surfaces(2, start=20)
    np.testing.assert_array_equal(with_real.score(test).pixel, without.score(test).pixel)


def test_what_cannot_be_built_stops_before_a_defect_is_made(tmp_path):
    class Never(Squares):
        def synthesize(self, normals, n, seed, out=None):
            pytest.fail("defects were made for a network that is not there")

    for settings, error in (
        (smoke(weights=str(tmp_path / "nowhere")), FileNotFoundError),
        (smoke(size=(30, 32)), ValueError),
    ):
        detector = StudentTeacher(settings, Never(), device="cpu")
        for attempt in (detector.check, lambda made=detector: made.fit(surfaces(2))):
            with pytest.raises(error):
                attempt()
    assert StudentTeacher(smoke(), device="cpu").check().name == "none"


def test_a_killed_training_goes_on_in_its_folder(tmp_path):
    settings = smoke(steps=2)
    first = StudentTeacher(settings, Squares(), device="cpu", folder=tmp_path).fit(surfaces(3))
    again = StudentTeacher(settings, Squares(), device="cpu", folder=tmp_path).fit(surfaces(3))
    assert again.history.equals(first.history)  # seconds included: nothing was computed again


def test_misuse_is_refused_with_what_would_mend_it(tmp_path):
    detector = StudentTeacher(ablation("w/o seg", smoke(steps=1)), Squares(), device="cpu")
    with pytest.raises(RuntimeError, match="not trained"):
        detector.score(surfaces(1))
    with pytest.raises(ValueError, match="no normal image"):
        detector.fit(surfaces(0, 2))
    detector.fit(surfaces(2))
    assert detector.score(surfaces(1)).pixel is not None
    with pytest.raises(ValueError, match="no segmentation head"):
        detector.score(surfaces(1), "head")
    mixed = concatenate(surfaces(1), surfaces(1, start=1))
    mixed.read = lambda record: surfaces(1, size=SIZE if record.id == "0" else (32, 32))[0]
    with pytest.raises(ValueError, match=r"'1' is \(32, 32\), those before \(48, 32\); load with size="):
        detector.score(mixed)
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not written by"):
        StudentTeacher.load(tmp_path / "other.safetensors")


def _same_size(normals):
    return Squares().synthesize(normals, 2, 0)
