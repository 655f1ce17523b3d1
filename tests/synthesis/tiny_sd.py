"""A random Stable Diffusion 1.5 of the real classes, small enough for a test and built without a download."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

# What the checkpoints of Stable Diffusion 1.5 say of their noise schedule.
SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}


def build_tiny_sd(seed: int = 0, latent_channels: int = 4, prediction_type: str = "epsilon") -> StableDiffusionPipeline:
    """The pipeline with random weights: two levels, a VAE of factor 8, two layers of text."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = StableDiffusionPipeline(
            vae=_vae(latent_channels),
            text_encoder=CLIPTextModel(_text()).eval(),
            tokenizer=build_tokenizer(),
            unet=_unet(latent_channels),
            scheduler=PNDMScheduler(**SCHEDULE, prediction_type=prediction_type),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    for model in (pipeline.vae, pipeline.unet):
        model.eval()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save_tiny_sd(folder: str | Path, seed: int = 0, **options: object) -> Path:
    """The pipeline in diffusers format, safetensors only; returns the folder."""
    build_tiny_sd(seed, **options).save_pretrained(folder, safe_serialization=True)
    return Path(folder)


def _unet(latent_channels: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2,
        cross_attention_dim=16,
    )


def _vae(latent_channels: int) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=2,
        latent_channels=latent_channels,
        sample_size=64,
        scaling_factor=0.18215,
    )


def _text() -> CLIPTextConfig:
    vocabulary = build_vocabulary()
    return CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=24,
        bos_token_id=len(vocabulary) - 2,
        eos_token_id=len(vocabulary) - 1,
        pad_token_id=len(vocabulary) - 1,
    )


def build_vocabulary() -> dict[str, int]:
    """Printable characters, inside a word and at its end."""
    letters = [chr(code) for code in range(33, 127)]
    words = letters + [f"{letter}</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
    return {word: i for i, word in enumerate(words)}


def build_tokenizer() -> CLIPTokenizer:
    """One token a printable character, 24 at most."""
    return CLIPTokenizer(vocab=build_vocabulary(), merges=[], model_max_length=24)
