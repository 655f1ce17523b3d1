"""The networks of `pocket-sd`: U-Net, text encoder, autoencoder and noise schedule in Stable Diffusion's classes."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from defectlab.synthesis.pocket_sd.tokenizer import MAX_LENGTH
from defectlab.synthesis.pocket_sd.vae import LATENT_CHANNELS

SIDE = 128
"""Native side in pixels."""
WIDTH = 64
"""Length of a token's vector."""
CHANNELS = (64, 96, 120)


def make_unet(channels: tuple[int, int, int] = CHANNELS) -> Any:
    """A U-Net of about 4.6 million parameters over 32 x 32 latents of 18 channels, with attention to the text.

    The text is pooled into the time embedding, too, so that it acts at every resolution.
    """
    return UNet2DConditionModel(
        sample_size=SIDE // 4,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,  # in this class the number of heads
        norm_num_groups=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """CLIP's text encoder in small: 2 layers of width 64."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def make_scheduler() -> Any:
    """Squared cosine, velocity, zero signal at the last step (Lin et al. 2024), trailing spacing."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        clip_sample=False,
        steps_offset=1,  # of no effect with trailing spacing; pipelines warn of any other value
    )


def initial_networks(seed: int, tokenizer: CLIPTokenizer, channels: tuple[int, int, int] = CHANNELS) -> nn.ModuleDict:
    """``unet`` and ``text`` with the weights that a training of this seed starts from."""
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(seed)
        return nn.ModuleDict({"unet": make_unet(channels), "text": make_text_encoder(tokenizer)})


def encode_captions(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Token numbers, int64 ``(n, MAX_LENGTH)``, as Stable Diffusion's pipeline makes them."""
    inputs = tokenizer(captions, padding="max_length", max_length=MAX_LENGTH, truncation=True, return_tensors="pt")
    return inputs.input_ids
