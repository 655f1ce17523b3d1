"""Inception from a local file: the same network as pytorch-fid's, no network access, three resize conventions."""

from pathlib import Path

import pytest
import pytorch_fid.inception
import safetensors.torch
import torch
import torchvision
from torch import Tensor

from defectlab.evaluation.fid import SmallSampleWarning, fid
from defectlab.evaluation.inception import DIMS, InceptionFeatures, load_inception, prepare


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Random weights in the shape of the published ones; scaled so that deep features are not zero."""
    network = torchvision.models.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    generator = torch.Generator().manual_seed(0)
    random = {}
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 4:
            fan_in = tensor[0].numel()
            random[name] = torch.randn(tensor.shape, generator=generator) * (2 / fan_in) ** 0.5
        elif not name.endswith("num_batches_tracked"):
            random[name] = tensor.clone()
    return random


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(pytorch_fid.inception, "load_state_dict_from_url", refuse)


def images(n: int, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Tensor:
    return torch.randint(256, (n, 3, *size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_features_equal_those_of_pytorch_fid_at_every_layer(state, monkeypatch):
    monkeypatch.setattr(pytorch_fid.inception, "load_state_dict_from_url", lambda *args, **kwargs: state)
    peer = pytorch_fid.inception.InceptionV3([0, 1, 2, 3]).eval()
    batch = images(2)
    ours = InceptionFeatures(state, DIMS, "pytorch_fid")(batch)
    for dim, maps in zip(DIMS, peer(batch.float() / 255), strict=True):
        assert ours[dim].shape == (2, dim)
        torch.testing.assert_close(ours[dim], maps.mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)


def test_fid_runs_from_a_local_file_without_the_network(state, tmp_path: Path, offline):
    path = tmp_path / "inception.safetensors"
    safetensors.torch.save_file({name: tensor.half() for name, tensor in state.items()}, path)
    with pytest.warns(SmallSampleWarning, match="FID-64: 6 real and 5 synthetic"):
        (report,) = fid(images(6), images(5, seed=1), weights=path, dims=(64,))
    assert report.name == "FID-64" and report.agrees
    assert "TensorFlow 1" in report.convention and "6 real, 5 synthetic" in str(report)


def test_layers_come_in_the_order_asked_for_and_no_deeper_than_needed(state):
    network = InceptionFeatures(state, (192, 64))
    assert list(network(images(1))) == [192, 64]
    assert len(network.stages) == 2 and not network.training


def test_training_mode_changes_no_feature(state):
    network = InceptionFeatures(state, (64,))
    before = network(images(2))[64]
    torch.testing.assert_close(network.train()(images(2))[64], before)


def test_the_corner_convention_interpolates_as_tensorflow_1_did():
    # output i lies at input 2 i / 299: halfway at i = 74.75, past the last pixel it is repeated
    ramp = torch.tensor([0, 200], dtype=torch.uint8).expand(1, 3, 1, 2)
    row = prepare(ramp, "tensorflow1")[0, 0, 0] * 128 + 128
    assert row[0] == 0
    assert row[74] == pytest.approx(200 * 148 / 299, abs=1e-3)
    assert row[150:].tolist() == pytest.approx([200.0] * 149, abs=1e-3)


def test_the_half_pixel_convention_is_the_one_of_pytorch():
    batch = images(1)
    expected = torch.nn.functional.interpolate(batch.float() / 255, (299, 299), mode="bilinear", align_corners=False)
    torch.testing.assert_close(prepare(batch, "pytorch_fid"), 2 * expected - 1)


def test_antialias_matters_where_images_shrink_and_not_where_they_grow():
    large, small = images(1, size=(600, 600)), images(1, size=(40, 30))

    def gap(batch: Tensor) -> float:
        plain = (prepare(batch, "pytorch_fid") + 1) * 255 / 2
        return float((prepare(batch, "torchmetrics") * 128 + 128 - plain).abs().max())

    assert gap(small) < 0.01
    assert gap(large) > 10


@pytest.mark.parametrize("convention", ["tensorflow1", "pytorch_fid", "torchmetrics"])
def test_an_image_of_the_right_size_is_only_scaled(convention):
    batch = images(1, size=(299, 299))
    lowest, highest = prepare(torch.stack([batch[0] * 0, batch[0] * 0 + 255]), convention)
    assert lowest.unique().tolist() == pytest.approx([-1.0])
    assert highest.unique().tolist() == pytest.approx([1.0 if convention == "pytorch_fid" else 127 / 128])


def test_a_pickled_state_dict_is_read_as_weights_only(state, tmp_path: Path):
    path = tmp_path / "inception.pth"
    torch.save({name: tensor.half() for name, tensor in state.items()}, path)
    assert load_inception(path, (64,)).dims == (64,)


def test_another_networks_weights_are_refused_by_name(tmp_path: Path):
    path = tmp_path / "resnet.safetensors"
    safetensors.torch.save_file({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"not those of FID's Inception .* entries missing .* unknown .*conv1.weight"):
        load_inception(path)


def test_unknown_options_are_named_before_weights_are_looked_for():
    with pytest.raises(ValueError, match=r"feature sizes must be out of \(64, 192, 768, 2048\), got \(128,\)"):
        load_inception(None, (128,))
    with pytest.raises(ValueError, match="convention must be one of .* got 'antialias'"):
        load_inception(None, (64,), "antialias")


def test_a_download_happens_only_when_asked_for_and_into_the_cache(state, tmp_path: Path, monkeypatch):
    asked = {}

    def fetch(url: str, **options: object) -> dict[str, Tensor]:
        asked.update(options, url=url)
        return state

    monkeypatch.setenv("DEFECTLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    load_inception("download", (64,))
    assert asked["model_dir"] == str(tmp_path / "weights")
    assert asked["check_hash"] and asked["weights_only"]
