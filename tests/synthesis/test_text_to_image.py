"""Text-to-image pipelines: by name or folder, safetensors only, no network unless a hub name was given."""

from __future__ import annotations

import socket

import diffusers
import pytest
import tiny_sd
import torch
from diffusers import StableDiffusionPipeline

from defectlab.paths import MissingPathError
from defectlab.synthesis.pipelines import SD15, ModelSource, hash_folder, model_source
from defectlab.synthesis.pocket_sd import storage
from defectlab.synthesis.pocket_sd.captions import vocabulary
from defectlab.synthesis.pocket_sd.network import initial_networks
from defectlab.synthesis.pocket_sd.storage import write_model
from defectlab.synthesis.pocket_sd.tokenizer import make_tokenizer
from defectlab.synthesis.pocket_sd.training import TrainingSettings
from defectlab.synthesis.text_to_image import is_pocket_sd, load_text_to_image


@pytest.fixture(scope="module")
def sd_folder(tmp_path_factory):
    networks = initial_networks(0, make_tokenizer(vocabulary()), (16, 16, 16))
    folder = tmp_path_factory.mktemp("pocket-sd") / "random model"
    write_model(folder, networks, dict(networks.named_parameters()), TrainingSettings(channels=(16, 16, 16)), step=3)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_sd.save_tiny_sd(tmp_path_factory.mktemp("models") / "tiny sd ß")


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("a test must not use the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("DEFECTLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEFECTLAB_WEIGHTS", raising=False)


def test_a_folder_of_pocket_sd_loads_and_says_where_it_comes_from(sd_folder):
    assert is_pocket_sd(sd_folder) and is_pocket_sd("pocket-sd") and not is_pocket_sd("sd15")
    pipeline = load_text_to_image(sd_folder, "cpu")
    assert type(pipeline) is StableDiffusionPipeline and pipeline.dtype == torch.float32
    assert model_source(pipeline) == ModelSource("random model", hash_folder(sd_folder))


def test_pocket_sd_by_name_is_the_shipped_folder(sd_folder, monkeypatch):
    monkeypatch.setattr(storage, "SHIPPED", sd_folder)
    pipeline = load_text_to_image("pocket-sd", "cpu", torch.bfloat16)
    assert model_source(pipeline) == ModelSource("pocket-sd", hash_folder(sd_folder))
    assert pipeline.unet.dtype == pipeline.text_encoder.dtype == pipeline.vae.dtype == torch.bfloat16


def test_without_shipped_weights_the_error_says_how_to_make_them(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "SHIPPED", tmp_path)
    with pytest.raises(MissingPathError, match=r"`defectlab pocket train-sd --out FOLDER`"):
        load_text_to_image("pocket-sd", "cpu")


def test_a_stable_diffusion_in_diffusers_format_loads_without_a_safety_checker(folder):
    pipeline = load_text_to_image(folder, "cpu")
    assert type(pipeline) is StableDiffusionPipeline and pipeline.safety_checker is None
    assert model_source(pipeline) == ModelSource(folder.name, hash_folder(folder))
    saved = tiny_sd.build_tiny_sd().unet.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in pipeline.unet.state_dict().items())


def test_sd15_is_looked_for_among_local_weights_first(folder, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / SD15.replace("/", "--")).symlink_to(folder)
    monkeypatch.setenv("DEFECTLAB_WEIGHTS", str(tmp_path / "weights"))
    assert model_source(load_text_to_image("sd15", "cpu")).name == SD15


def test_a_fetched_model_is_named_by_its_commit(folder, tmp_path, monkeypatch):
    asked = []

    def download(name, **options):
        asked.append((name, options))
        return str(snapshot)

    snapshot = tmp_path / "0123abc"
    snapshot.symlink_to(folder)
    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    assert model_source(load_text_to_image("sd15", "cpu")) == ModelSource(SD15, "0123abc")
    assert asked == [(SD15, {"variant": None, "use_safetensors": True})]


def test_without_a_network_the_error_says_how_to_bring_the_model(monkeypatch):
    def download(name, **options):
        raise OSError("no route to the hub")

    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    with pytest.raises(MissingPathError, match="use generator 'pocket-sd', which is part of the package") as caught:
        load_text_to_image("sd15", "cpu")
    assert SD15 in str(caught.value) and "no route to the hub" in str(caught.value)


def test_what_is_no_text_to_image_pipeline_is_named(tmp_path):
    with pytest.raises(MissingPathError, match="none of pocket-sd, sd15"):
        load_text_to_image("nowhere", "cpu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no model_index.json"):
        load_text_to_image(tmp_path / "empty", "cpu")
    (tmp_path / "empty" / "model_index.json").write_text('{"_class_name": "DDPMPipeline"}')
    (tmp_path / "empty" / "model.bin").write_text("")
    with pytest.raises(ValueError, match=r"expected weights as .safetensors, found .bin"):
        load_text_to_image(tmp_path / "empty", "cpu")
    (tmp_path / "empty" / "model.safetensors").write_text("")
    with pytest.raises(ValueError, match="of class StableDiffusionPipeline, found DDPMPipeline"):
        load_text_to_image(tmp_path / "empty", "cpu")
