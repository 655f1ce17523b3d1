"""The adapter: refusals without anomalib; with a stand-in for it, how a model is built, trained and scored."""

from __future__ import annotations

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
from squares import SIZE, surfaces
from torch import nn

from defectlab.detection.baselines import BASELINES, make_baseline
from defectlab.detection.baselines.anomalib_adapter import AnomalibDetector
from defectlab.detection.baselines.anomalib_models import MODELS
from defectlab.detection.baselines.anomalib_settings import AnomalibSettings, smoke, training_length
from defectlab.detection.saved import load_detector


class Inference:
    def __init__(self, pred_score, anomaly_map):
        self.pred_score, self.anomaly_map = pred_score, anomaly_map


class Patchcore(nn.Module):
    """Scores how far a pixel is from the mean of the training images."""

    def __init__(
        self,
        backbone="wide",
        pre_trained=True,
        pre_processor=True,
        post_processor=True,
        evaluator=True,
        visualizer=True,
    ):
        super().__init__()
        self.pre_trained, self.components = pre_trained, (post_processor, evaluator, visualizer)
        self.size = pre_processor
        self.register_buffer("mean", torch.zeros(()))
        self.trainer_arguments = {"gradient_clip_val": 0, "devices": 1}

    @staticmethod
    def configure_pre_processor(image_size=None):
        return image_size

    def forward(self, images):
        maps = (images.mean(1, keepdim=True) - self.mean).abs()
        return Inference(maps.amax(dim=(1, 2, 3)), maps)


class Dinomaly(Patchcore):
    def __init__(self, pre_processor=True, post_processor=True, evaluator=True, visualizer=True):
        super().__init__("vit", True, pre_processor)

    @staticmethod
    def configure_pre_processor(image_size=None, crop_size=None):
        return image_size, crop_size


class Trainer:
    """Shows the module each batch once."""

    seen = None

    def __init__(self, **arguments):
        Trainer.seen = arguments

    def fit(self, module, train_dataloaders):
        batches = list(train_dataloaders)
        Trainer.seen["batches"] = batches
        module.mean.copy_(torch.cat([b.image for b in batches]).mean())


@pytest.fixture
def anomalib(monkeypatch):
    batch = type("ImageBatch", (types.SimpleNamespace,), {})
    for name, content in {
        "anomalib": {"__version__": "0.0"},
        "anomalib.models": {"Patchcore": Patchcore, "Dinomaly": Dinomaly},
        "anomalib.data": {"ImageBatch": batch},
        "lightning": {},
        "lightning.pytorch": {"Trainer": Trainer},
    }.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


def test_without_anomalib_the_error_says_which_extra_has_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "anomalib", None)
    monkeypatch.delitem(sys.modules, "anomalib.models", raising=False)
    with pytest.raises(ImportError, match=r"defectlab\[comparison\].*nearest, destseg and simplenet"):
        make_baseline("patchcore", "smoke", device="cpu").fit(surfaces(2))


def test_a_model_sees_the_normal_images_once_an_epoch_and_keeps_none_of_anomalibs_thresholds(anomalib):
    detector = make_baseline("patchcore", "smoke", device="cpu", batch_size=2, size=(32, 32)).fit(surfaces(4, 2))
    assert detector._module.components == (False, False, False) and detector._module.size == (32, 32)
    assert not detector._module.pre_trained
    seen = Trainer.seen
    assert (seen["max_epochs"], seen["max_steps"], seen["devices"]) == (1, 2, 1)
    assert [tuple(b.image.shape) for b in seen["batches"]] == [(2, 3, 32, 32)] * 2
    assert all(not b.gt_mask.any() and not b.gt_label.any() for b in seen["batches"])


def test_scores_have_the_size_of_the_images_and_their_own_scale(anomalib, tmp_path):
    detector = AnomalibDetector(smoke(), device="cpu").fit(surfaces(4))
    test = surfaces(3, 3, start=10)
    scores = detector.score(test)
    assert scores.pixel.shape == (6, *SIZE) and scores.image[3:].min() > scores.image[:3].max()
    detector.save(tmp_path / "patchcore.safetensors")
    loaded = load_detector(tmp_path / "patchcore.safetensors", "cpu")
    assert loaded.name == "patchcore" and loaded.settings == detector.settings
    np.testing.assert_array_equal(loaded.score(test).pixel, scores.pixel)


def test_settings_that_a_model_cannot_be_built_with_are_refused(anomalib):
    with pytest.raises(ValueError, match="with trained weights alone"):
        make_baseline("dinomaly", "smoke", device="cpu").fit(surfaces(2))
    with pytest.raises(ValueError, match="square images alone"):
        AnomalibDetector(AnomalibSettings("dinomaly", size=(56, 84)), "cpu").fit(surfaces(2))
    with pytest.raises(ValueError, match="are not arguments of anomalib's Patchcore"):
        make_baseline("patchcore", "smoke", device="cpu", options={"speed": 3}).fit(surfaces(2))
    with pytest.raises(ValueError, match="no normal image"):
        make_baseline("patchcore", "smoke", device="cpu").fit(surfaces(0, 2))
    with pytest.raises(ValueError, match="set steps or epochs"):
        training_length(AnomalibSettings("dinomaly", steps=-1).filled(), 4)
    with pytest.raises(ValueError, match="model must be one of patchcore"):
        AnomalibSettings("padim")
    with pytest.raises(ValueError, match="must be one of imagenet, none"):
        AnomalibSettings(weights="pocket")
    with pytest.raises(RuntimeError, match="call fit"):
        make_baseline("draem", "smoke", device="cpu").score(surfaces(1))


@pytest.mark.parametrize("profile", ["smoke", "laptop", "paper"])
def test_every_preset_has_a_size_that_its_model_takes(profile):
    sizes = {name: make_baseline(name, profile, device="cpu").settings.size for name in MODELS}
    assert all(MODELS[name].fits(size) for name, size in sizes.items())
    if profile == "laptop":
        assert sizes["dinomaly"] == (126, 126) and sizes["patchcore"] == sizes["super_simplenet"] == (128, 128)
    if profile == "smoke":
        assert sizes["dinomaly"] == (70, 70) and sizes["super_simplenet"] == (128, 128)
        assert sizes["patchcore"] == sizes["cflow"] == (64, 64)


def test_a_size_that_a_model_cannot_take_is_refused_when_its_settings_are_made():
    with pytest.raises(
        ValueError, match=r"in multiples of 14, and square .*got size \(128, 128\); near it: \(126, 126\)"
    ):
        make_baseline("dinomaly", "laptop", device="cpu", size=(128, 128))
    with pytest.raises(ValueError, match=r"super_simplenet of anomalib takes at least 128 .*near it: \(128, 256\)"):
        AnomalibSettings("super_simplenet", size=(96, 256))


def test_the_check_finds_what_is_missing_without_images(anomalib, monkeypatch):
    assert "Random weights" in make_baseline("patchcore", "smoke", device="cpu").check().note
    with pytest.raises(ValueError, match="with trained weights alone"):
        make_baseline("dinomaly", "smoke", device="cpu").check()
    monkeypatch.setitem(sys.modules, "anomalib", None)
    monkeypatch.delitem(sys.modules, "anomalib.models")
    with pytest.raises(ImportError, match=r"defectlab\[comparison\]"):
        make_baseline("patchcore", "smoke", device="cpu").check()


def test_every_model_of_the_table_has_a_row_and_its_own_length():
    assert set(MODELS) <= set(BASELINES) and all(BASELINES[name].extra == "comparison" for name in MODELS)
    assert AnomalibSettings("dinomaly").filled().steps == 5000 and AnomalibSettings("dinomaly").filled().epochs is None
    assert AnomalibSettings("draem", epochs=3).filled().epochs == 3
    assert AnomalibSettings("cflow").filled().size == (256, 256)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (AnomalibSettings("draem"), (700, -1)),
        (AnomalibSettings("draem", epochs=3, steps=9), (3, 9)),
        (AnomalibSettings("dinomaly"), (-1, 5000)),
        (AnomalibSettings("dinomaly", epochs=3), (-1, 12)),
        (AnomalibSettings("dinomaly", epochs=3, steps=-1), (-1, 12)),
        (AnomalibSettings("dinomaly", epochs=3, steps=7), (-1, 7)),
    ],
)
def test_a_model_that_counts_steps_gets_no_epochs(settings, expected):
    assert tuple(training_length(settings.filled(), 4).values()) == expected


if importlib.util.find_spec("anomalib"):  # the extra `comparison` is not among the requirements of the tests

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["patchcore", "draem", "reverse_distillation", "cflow"])
    def test_anomalib_itself_trains_scores_and_is_read_back(name, tmp_path):
        options = {"backbone": "resnet18"} if name != "draem" else {}
        detector = make_baseline(name, "smoke", device="cpu", options=options).fit(surfaces(4))
        test = surfaces(1, 1, start=10)
        scores = detector.score(test)
        assert scores.pixel.shape == (2, *SIZE)
        detector.save(tmp_path / "d.safetensors")
        np.testing.assert_allclose(
            load_detector(tmp_path / "d.safetensors", "cpu").score(test).pixel, scores.pixel, atol=1e-4
        )
