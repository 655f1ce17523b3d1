"""A random SDXL inpainting pipeline of the real classes, small enough for a test and built without a download."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

# What the SDXL checkpoints say of their noise schedule.
SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
}


def build_tiny_sdxl(seed: int = 0) -> StableDiffusionXLInpaintPipeline:
    """The pipeline with random weights: 9 channels into the UNet, a VAE of factor 8, two text encoders."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = StableDiffusionXLInpaintPipeline(
            vae=_vae(),
            text_encoder=CLIPTextModel(_text(projection=32)),
            text_encoder_2=CLIPTextModelWithProjection(_text(projection=32)),
            tokenizer=build_tokenizer(),
            tokenizer_2=build_tokenizer(),
            unet=_unet(),
            scheduler=EulerDiscreteScheduler(**SCHEDULE),
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save_tiny_sdxl(folder: str | Path, seed: int = 0, variant: str | None = None) -> Path:
    """The pipeline in diffusers format, safetensors only; returns the folder."""
    build_tiny_sdxl(seed).save_pretrained(folder, safe_serialization=True, variant=variant)
    return Path(folder)


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=9,  # 4 noisy latents, 1 mask, 4 masked image
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        transformer_layers_per_block=(1, 1),
        cross_attention_dim=64,  # both text encoders side by side
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=32 + 6 * 8,  # pooled text and six numbers of size
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=64,
        scaling_factor=0.13025,
        force_upcast=True,
    )


def _text(projection: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(_vocabulary()),
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=projection,
        bos_token_id=len(_vocabulary()) - 2,
        eos_token_id=len(_vocabulary()) - 1,
        pad_token_id=len(_vocabulary()) - 1,
    )


def _vocabulary() -> dict[str, int]:
    letters = [chr(code) for code in range(33, 127)]
    words = letters + [f"{letter}</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
    return {word: i for i, word in enumerate(words)}


def build_tokenizer() -> CLIPTokenizer:
    """One token a printable character; ids below 190."""
    return CLIPTokenizer(vocab=_vocabulary(), merges=[], model_max_length=77)
