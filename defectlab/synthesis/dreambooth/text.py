"""Prompts as what the UNet reads, from the layer of the text encoder that is asked for.

The pipelines of diffusers 0.42 fail on ``clip_skip`` beside transformers 5, whose CLIP encoder has no inner
``text_model``; this does the same and works with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def encode_prompts(pipeline: Any, prompts: Sequence[str], clip_skip: int = 1) -> Tensor:
    """Hidden states of the prompts, each padded to the length of the encoder; gradients flow.

    Args:
        pipeline: with a CLIP ``tokenizer`` and ``text_encoder``.
        prompts: the texts; equal ones are encoded once.
        clip_skip: 1 the last layer, 2 the last but one; the final normalisation is applied to either.

    Returns:
        Shape ``(n, tokens, width)``.

    Raises:
        ValueError: if the encoder has no such layer.
    """
    encoder = pipeline.text_encoder
    layers = encoder.config.num_hidden_layers
    if not 1 <= clip_skip <= layers:
        raise ValueError(f"clip_skip: expected 1 to {layers}, the layers of this text encoder, got {clip_skip}")
    texts = list(dict.fromkeys(prompts))
    tokens = tokenise(pipeline, texts).to(encoder.device)
    ids, mask = tokens.input_ids, tokens.attention_mask if _masks_padding(encoder) else None
    if clip_skip == 1:
        states = encoder(ids, attention_mask=mask)[0]
    else:
        hidden = encoder(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        states = getattr(encoder, "text_model", encoder).final_layer_norm(hidden[-clip_skip])
    return states[torch.tensor([texts.index(prompt) for prompt in prompts], device=states.device)]


def tokenise(pipeline: Any, prompts: Sequence[str]) -> Any:
    """``input_ids`` and ``attention_mask``, int64, shape ``(n, tokens)``; what is too long is cut off."""
    tokenizer = pipeline.tokenizer
    return tokenizer(
        list(prompts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )


def _masks_padding(encoder: Any) -> bool:
    return bool(getattr(encoder.config, "use_attention_mask", False))
