"""Inpainting pipelines: loaded from a folder or by name, with helpful errors and no network."""

from __future__ import annotations

import socket

import diffusers
import pytest
import tiny_sdxl
import torch
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline

from defectlab.paths import MissingPathError
from defectlab.synthesis.pipelines import (
    SDXL,
    ModelSource,
    crops_batches,
    hash_folder,
    load_inpainting,
    model_source,
    scheduler_name,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_sdxl.save_tiny_sdxl(tmp_path_factory.mktemp("models") / "tiny sdxl ß")


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("a test must not use the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("DEFECTLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEFECTLAB_WEIGHTS", raising=False)


def test_a_saved_sdxl_pipeline_comes_back_as_the_real_classes(folder):
    pipeline = load_inpainting(folder, "cpu")
    assert type(pipeline) is StableDiffusionXLInpaintPipeline
    assert pipeline.unet.config.in_channels == 9
    assert pipeline.dtype == torch.float32 and pipeline.device.type == "cpu"
    assert isinstance(pipeline.scheduler, EulerDiscreteScheduler)
    assert not crops_batches(pipeline)
    saved = tiny_sdxl.build_tiny_sdxl().unet.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in pipeline.unet.state_dict().items())


def test_the_source_names_folder_and_hash_and_the_hash_follows_the_weights(folder, tmp_path):
    source = model_source(load_inpainting(folder, "cpu"))
    assert source == ModelSource(folder.name, hash_folder(folder))
    other = tiny_sdxl.save_tiny_sdxl(tmp_path / "other", seed=1)
    again = tiny_sdxl.save_tiny_sdxl(tmp_path / "again")
    assert hash_folder(again) == source.revision != hash_folder(other)
    assert model_source(tiny_sdxl.build_tiny_sdxl()) == ModelSource("StableDiffusionXLInpaintPipeline")


def test_the_faster_scheduler_keeps_the_noise_schedule(folder):
    pipeline = load_inpainting(folder, "cpu", scheduler="dpmsolver++")
    assert scheduler_name(pipeline) == DPMSolverMultistepScheduler.__name__
    assert pipeline.scheduler.config.algorithm_type == "dpmsolver++"
    plain = EulerDiscreteScheduler(**tiny_sdxl.SCHEDULE)
    torch.testing.assert_close(pipeline.scheduler.alphas_cumprod, plain.alphas_cumprod)


def test_memory_options_reach_the_models(folder):
    pipeline = load_inpainting(folder, "cpu", attention_slicing=True, vae_tiling=True)
    assert pipeline.vae.use_tiling
    names = {type(processor).__name__ for processor in pipeline.unet.attn_processors.values()}
    assert names == {"SlicedAttnProcessor"}


def test_half_precision_files_load_where_nothing_else_is_there(tmp_path):
    half = tiny_sdxl.save_tiny_sdxl(tmp_path / "half", variant="fp16")
    assert load_inpainting(half, "cpu").dtype == torch.float32
    assert load_inpainting(half, "cpu", torch.float16).dtype == torch.float16


def test_a_hub_name_is_looked_for_among_local_weights_first(folder, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / SDXL.replace("/", "--")).symlink_to(folder)
    monkeypatch.setenv("DEFECTLAB_WEIGHTS", str(tmp_path / "weights"))
    assert model_source(load_inpainting("sdxl", "cpu")).name == SDXL


def test_a_fetched_model_is_named_by_its_commit(folder, tmp_path, monkeypatch):
    asked = []

    def download(name, **options):
        asked.append((name, options))
        return str(snapshot)

    snapshot = tmp_path / "0123abc"
    snapshot.symlink_to(folder)
    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    assert model_source(load_inpainting("sdxl", "cpu")) == ModelSource(SDXL, "0123abc")
    assert asked == [(SDXL, {"variant": None, "use_safetensors": True})]


def test_without_a_network_the_error_says_how_to_bring_the_model(monkeypatch):
    def download(name, **options):
        raise OSError("no route to the hub")

    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    with pytest.raises(MissingPathError, match="give a folder") as caught:
        load_inpainting("sdxl", "cpu")
    assert SDXL in str(caught.value) and "no route to the hub" in str(caught.value)


def test_what_is_no_pipeline_is_named(tmp_path, folder):
    with pytest.raises(MissingPathError, match="'nowhere' is no folder, no name on the hub"):
        load_inpainting("nowhere", "cpu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no model_index.json"):
        load_inpainting(tmp_path / "empty", "cpu")
    (tmp_path / "empty" / "model_index.json").write_text("{}")
    (tmp_path / "empty" / "model.bin").write_text("")
    with pytest.raises(ValueError, match=r"expected weights as .safetensors, found .bin"):
        load_inpainting(tmp_path / "empty", "cpu")
    (tmp_path / "empty" / "model.safetensors").write_text("")
    (tmp_path / "empty" / "model_index.json").write_text('{"_class_name": "DDPMPipeline"}')
    with pytest.raises(ValueError, match="expected an inpainting pipeline in diffusers format"):
        load_inpainting(tmp_path / "empty", "cpu")


def test_options_that_do_not_apply_are_refused_before_loading(folder):
    with pytest.raises(ValueError, match="unknown scheduler 'dpm'"):
        load_inpainting(folder, "cpu", scheduler="dpm")
    with pytest.raises(ValueError, match="the device is the CPU already"):
        load_inpainting(folder, "cpu", cpu_offload=True)


def test_a_sped_up_pipeline_is_compiled_and_in_channels_last(folder, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda target: compiled.append(target) or target)
    pipeline = load_inpainting(folder, "cpu", compiled=True)
    assert compiled[0] is pipeline.unet and len(compiled) == 2
    assert pipeline.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert pipeline.vae.encoder.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
