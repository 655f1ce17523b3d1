import json

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from defectlab.detection import weights as module
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.weights import WeightsReport, file_digest, load_backbone, state_digest

TINY = ClassifierConfig(backbone="test_resnet", weights="none")


@pytest.fixture(scope="module")
def source() -> torch.nn.Module:
    torch.manual_seed(5)
    return timm.create_model("test_resnet", num_classes=3)


def test_random_weights_say_what_they_mean():
    _, _, report = load_backbone(TINY)
    assert str(report).startswith("weights: none (random). Random weights: nothing was pretrained.")


def test_a_printed_report_names_the_file_and_not_where_it_lies(tmp_path):
    report = WeightsReport("pocket", str(tmp_path / "model.safetensors"), "0123456789abcdef", "Small.")
    assert str(report) == "weights: pocket (model.safetensors, sha256 0123456789ab). Small."


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_local_file_is_loaded_without_its_classifier(tmp_path, source, suffix):
    path = tmp_path / f"encoder{suffix}"
    save_file(source.state_dict(), path) if suffix == ".safetensors" else torch.save(source.state_dict(), path)
    model, _, report = load_backbone(TINY.but(weights=str(path)))
    assert torch.equal(model.layer4[0].conv1.weight, source.layer4[0].conv1.weight)
    assert report.sha256 == file_digest(path) and report.source == str(path)
    assert "does not know what it was trained on" in report.note


def test_a_state_that_a_training_script_wrapped_is_unwrapped(tmp_path, source):
    torch.save({"epoch": 3, "state_dict": source.state_dict()}, tmp_path / "run.pth")
    model, _, _ = load_backbone(TINY.but(weights=str(tmp_path / "run.pth")))
    assert torch.equal(model.layer1[0].conv1.weight, source.layer1[0].conv1.weight)


def test_a_file_is_found_by_its_name_under_the_environment_variable(tmp_path, source, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_WEIGHTS", str(tmp_path))
    save_file(source.state_dict(), tmp_path / "encoder.safetensors")
    assert load_backbone(TINY.but(weights="encoder.safetensors"))[2].name == "encoder.safetensors"


def test_a_folder_names_its_architecture_and_scale(tmp_path, source):
    save_file(source.state_dict(), tmp_path / "model.safetensors")
    config = {"architecture": "test_resnet", "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [1, 1, 1]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, spec, _ = load_backbone(TINY.but(backbone="auto", weights=str(tmp_path)))
    assert (spec.architecture, spec.mean) == ("test_resnet", (0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match="is for 'test_resnet', the settings name 'resnet50'; take backbone="):
        load_backbone(TINY.but(backbone="resnet50", weights=str(tmp_path)))


def test_the_pocket_encoder_is_read_from_its_folder_or_missed_by_name(tmp_path, source, monkeypatch):
    monkeypatch.setattr(module, "POCKET", tmp_path)
    pocket = TINY.but(backbone="auto", weights="pocket")
    with pytest.raises(FileNotFoundError, match="the pocket encoder is not in this copy of the package"):
        load_backbone(pocket)
    save_file(source.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "test_resnet"}')
    _, _, report = load_backbone(pocket)
    assert report.name == "pocket" and "without any real defect" in report.note


def test_weights_of_another_network_are_refused_with_the_differences(tmp_path):
    save_file(timm.create_model("test_efficientnet").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"does not fit 'test_resnet': \d+ tensors missing \['conv1.0.weight'"):
        load_backbone(TINY.but(weights=str(tmp_path / "other.safetensors")))


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth"])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(ValueError, match=f"{name} cannot be read as weights"):
        load_backbone(TINY.but(weights=str(tmp_path / name)))


def test_a_pickle_with_code_in_it_is_not_run(tmp_path):
    torch.save(timm.create_model("test_resnet"), tmp_path / "whole.pth")
    with pytest.raises(ValueError, match="expected .safetensors, or .pth with tensors only"):
        load_backbone(TINY.but(weights=str(tmp_path / "whole.pth")))


def test_a_file_without_architecture_needs_a_named_backbone(tmp_path, source):
    save_file(source.state_dict(), tmp_path / "encoder.safetensors")
    with pytest.raises(ValueError, match="does not say what architecture it is for"):
        load_backbone(TINY.but(backbone="auto", weights=str(tmp_path / "encoder.safetensors")))


def test_missing_weights_are_an_error_and_never_random_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="nowhere.safetensors"):
        load_backbone(TINY.but(weights="nowhere.safetensors"))


def test_unreachable_imagenet_weights_are_an_error_that_lists_the_ways_out(monkeypatch):
    def unreachable(*_args, **_kwargs):
        raise FileNotFoundError("no route")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(FileNotFoundError, match="neither in the hub's cache nor reachable .* weights='pocket'"):
        load_backbone(ClassifierConfig())


def test_imagenet_weights_that_do_not_exist_are_an_error_before_any_download(monkeypatch):
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("a download was begun"))
    with pytest.raises(ValueError, match="timm has no trained weights for 'darknet17'"):
        load_backbone(ClassifierConfig(backbone="darknet17"))


def test_a_digest_follows_the_values():
    one, two = load_backbone(TINY)[0], load_backbone(TINY.but(seed=1))[0]
    assert state_digest(one) == state_digest(load_backbone(TINY)[0]) != state_digest(two)
    assert np.all([c in "0123456789abcdef" for c in state_digest(one)])
