"""The model as a Stable Diffusion pipeline: sizes, seeds, words, schedule; stored and read with clear errors."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from defectlab.synthesis.pocket_sd.network import initial_networks, make_scheduler, make_unet
from defectlab.synthesis.pocket_sd.storage import is_model, read_pipeline


def draw(pipeline, prompt="skt background cracked", seeds=(0,), **options):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    options = {"num_inference_steps": 2, "guidance_scale": 2.0, "output_type": "np"} | options
    return pipeline([prompt] * len(seeds), generator=generators, **options).images


def test_it_is_a_true_stable_diffusion_pipeline(pocket_sd):
    assert type(pocket_sd) is StableDiffusionPipeline
    kinds = (UNet2DConditionModel, CLIPTextModel, CLIPTokenizer, DDIMScheduler)
    parts = (pocket_sd.unet, pocket_sd.text_encoder, pocket_sd.tokenizer, pocket_sd.scheduler)
    assert all(type(part) is kind for part, kind in zip(parts, kinds, strict=True))
    assert pocket_sd.vae_scale_factor == 4 and pocket_sd.safety_checker is None


@pytest.mark.parametrize(("height", "width"), [(None, None), (208, 80), (48, 112)])
def test_it_draws_at_its_native_side_and_at_multiples_of_sixteen(pocket_sd, height, width):
    image = draw(pocket_sd, height=height, width=width)[0]
    assert image.shape == (height or 128, width or 128, 3)
    assert np.isfinite(image).all() and image.std() > 0


def test_an_image_depends_on_its_seed_and_its_words(pocket_sd):
    one, two = draw(pocket_sd, seeds=(1, 2), height=32, width=32)
    alone = draw(pocket_sd, seeds=(2,), height=32, width=32)[0]
    assert np.allclose(two, alone, atol=1e-3) and not np.allclose(one, two, atol=1e-2)
    other = draw(pocket_sd, "wood", seeds=(2,), height=32, width=32)[0]
    assert not np.array_equal(other, alone)


def test_the_schedule_predicts_velocity_and_ends_in_pure_noise():
    scheduler = make_scheduler()
    assert scheduler.config.prediction_type == "v_prediction"
    assert scheduler.alphas_cumprod[-1] == 0
    scheduler.set_timesteps(15)
    assert scheduler.timesteps[0] == 999


def test_the_whole_model_fits_ten_megabytes_in_half_precision(pocket_sd):
    count = sum(p.numel() for module in (make_unet(), pocket_sd.text_encoder) for p in module.parameters())
    assert count > 4_000_000 and 2 * count < 10_000_000


def test_networks_depend_on_their_seed_and_leave_the_callers_random_numbers(pocket_sd):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two = (initial_networks(1, pocket_sd.tokenizer, (16, 16, 16)).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_what_was_written_is_read_to_half_precision(sd_folder, pocket_sd):
    networks = initial_networks(0, pocket_sd.tokenizer, (16, 16, 16))
    for prefix, module in (("unet", pocket_sd.unet), ("text", pocket_sd.text_encoder)):
        for name, value in module.named_parameters():
            assert torch.equal(value, dict(networks[prefix].named_parameters())[name].half().float()), name
    assert is_model(sd_folder) and not is_model(sd_folder.parent)


def test_a_config_says_what_the_model_is(sd_folder):
    config = json.loads((sd_folder / "config.json").read_text())
    assert config["format"] == "defectlab pocket-sd 1" and config["training"]["trained_steps"] == 3
    assert "commutator" not in config["materials"] and "cracked" in config["words"]
    assert config["vae"]["latent_channels"] == 18 and len(config["vae"]["stds"]) == 18


def test_damaged_foreign_and_missing_files_are_named(sd_folder, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"holds no config.json: expected a model that `defectlab pocket train-sd"
    ):
        read_pipeline(tmp_path)
    folder = shutil.copytree(sd_folder, tmp_path / "copy")
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ValueError, match=r"model.safetensors does not hold the weights of this model"):
        read_pipeline(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": "defectlab pocket-sd 9"}))
    with pytest.raises(ValueError, match="expected the format 'defectlab pocket-sd 1', found 'defectlab pocket-sd 9'"):
        read_pipeline(folder)
