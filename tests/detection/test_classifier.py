import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score

from defectlab.detection import Classifier
from defectlab.detection.weights import state_digest

CPU = {"device": "cpu"}


def ap(classifier: Classifier, dataset, epoch: str = "last") -> float:
    return average_precision_score(dataset.labels, classifier.score(dataset, epoch).image)


@pytest.mark.parametrize(
    "changes",
    [
        {"finetune": "none", "epochs": 25, "balance": "balanced"},
        {"finetune": "end", "epochs": 8},
        {"finetune": "all", "head": "gap", "epochs": 12},
    ],
)
def test_a_separable_problem_is_learnt(toy, tiny, changes):
    classifier = Classifier(tiny.but(**changes), **CPU).fit(toy(20, 12))
    assert ap(classifier, toy(20, 12, start=500)) > 0.95


@pytest.mark.parametrize("finetune", ["none", "end", "all"])
def test_a_score_does_not_depend_on_the_other_images(toy, tiny, finetune):
    classifier = Classifier(tiny.but(finetune=finetune), **CPU).fit(toy())
    together = classifier.score(toy()).image
    alone = np.concatenate([classifier.score(toy().subset(indices=[i])).image for i in range(len(toy()))])
    assert np.allclose(together, alone, atol=1e-5)


def test_what_is_frozen_does_not_move(toy, tiny):
    classifier = Classifier(tiny.but(finetune="end"), **CPU)
    classifier.prepare()
    before = state_digest(classifier._frozen.front)
    assert state_digest(classifier.fit(toy())._frozen.front) == before


def test_arms_share_cached_features_and_score_as_without_a_cache(toy, tiny, tmp_path):
    plain = Classifier(tiny, **CPU).fit(toy()).score(toy()).image
    cached = Classifier(tiny, **CPU, cache=tmp_path).fit(toy()).score(toy()).image
    files = len(list(tmp_path.rglob("*.npy")))
    Classifier(tiny.but(lr=1e-3), **CPU, cache=tmp_path).fit(toy())
    assert np.array_equal(plain, cached)
    assert files == len(toy()) == len(list(tmp_path.rglob("*.npy")))


@pytest.mark.parametrize("finetune", ["none", "end", "all"])
def test_a_saved_classifier_scores_as_before(toy, tiny, tmp_path, finetune):
    config = tiny.but(finetune=finetune, size=(48, 32), epochs=3)
    classifier = Classifier(config, **CPU).fit(toy(), toy(4, 4, start=100))
    classifier.save(tmp_path / "model.safetensors")
    loaded = Classifier.load(tmp_path / "model.safetensors", **CPU)
    for epoch in ("last", "best"):
        assert np.array_equal(loaded.score(toy(), epoch).image, classifier.score(toy(), epoch).image)
    assert loaded.config == config and loaded.weights == classifier.weights
    assert loaded.history.equals(classifier.history) and loaded.best_epoch == classifier.best_epoch


def test_a_file_of_something_else_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no detector of classifier, .*: it was not written by their save"):
        Classifier.load(tmp_path / "other.safetensors", **CPU)


def test_a_patch_head_points_at_the_defect(toy, tiny):
    classifier = Classifier(tiny.but(epochs=25, balance="balanced"), **CPU).fit(toy(20, 12))
    data = toy(1, 4, start=500)
    pixel = classifier.score(data, maps=True).pixel
    assert pixel.shape == (5, 64, 32)
    for i in range(1, 5):
        black = (data[i].image == 0).all(dim=0).numpy()
        assert pixel[i][black].mean() > pixel[i][~black].mean()


def test_a_global_average_locates_nothing(toy, tiny):
    classifier = Classifier(tiny.but(head="gap"), **CPU).fit(toy())
    assert classifier.score(toy()).pixel is None
    with pytest.raises(ValueError, match="the 'gap' head locates nothing"):
        classifier.score(toy(), maps=True)


def test_one_class_is_refused_before_any_image_is_read(toy, tiny, monkeypatch):
    data = toy().subset(defective=False)
    monkeypatch.setattr(type(data), "__getitem__", lambda *_: pytest.fail("an image was read"))
    with pytest.raises(ValueError, match="training needs normal and defective images"):
        Classifier(tiny, **CPU).fit(data)


def test_scoring_before_training_and_a_best_epoch_without_validation_are_refused(toy, tiny):
    classifier = Classifier(tiny, **CPU)
    with pytest.raises(RuntimeError, match="not trained: call fit"):
        classifier.score(toy())
    with pytest.raises(ValueError, match="no best epoch: fit was given no validation images"):
        classifier.fit(toy()).score(toy(), "best")
    with pytest.raises(ValueError, match="epoch must be one of last, best, got 'first'"):
        classifier.score(toy(), "first")


def test_a_second_fit_starts_anew(toy, tiny):
    classifier = Classifier(tiny, **CPU).fit(toy(start=300))
    again = classifier.fit(toy()).score(toy()).image
    assert np.array_equal(again, Classifier(tiny, **CPU).fit(toy()).score(toy()).image)


def test_an_empty_data_set_has_no_scores(toy, tiny):
    classifier = Classifier(tiny, **CPU).fit(toy())
    assert classifier.score(toy().subset(indices=[])).image.shape == (0,)


def test_weights_are_reported_before_training(tiny):
    assert Classifier(tiny, **CPU).prepare().name == "none"
