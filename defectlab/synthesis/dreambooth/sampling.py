"""Text to image, one seed an image; and the regularisation images, which the model makes of its class prompt."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from defectlab.choices import unknown_choice
from defectlab.synthesis.base import Synthetic
from defectlab.synthesis.dreambooth.settings import DreamBoothSettings
from defectlab.synthesis.dreambooth.text import encode_prompts
from defectlab.synthesis.pipelines import model_source
from defectlab.synthesis.store import collect
from defectlab.synthesis.triplets import noise_seed

SCHEDULERS = ("ddim", "checkpoint")


def generate(
    pipeline: Any,
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    height: int,
    width: int,
    steps: int = 50,
    guidance_scale: float = 7.5,
    batch_size: int = 1,
    clip_skip: int = 1,
    negative_prompt: str = "",
    scheduler: str = "ddim",
) -> list[np.ndarray]:
    """Images of some prompts.

    Each image has noise of its own, drawn on the CPU. On a CPU each image is made alone, so that it does not depend
    on the others to the bit; on a GPU ``batch_size`` at a time, where it does by rounding.

    Args:
        pipeline: Stable Diffusion, text to image; with an adapter merged or without.
        prompts: one an image.
        seeds: one an image.
        height: of the images, a multiple of `side_unit`.
        width: of the images, likewise.
        steps: of the sampler.
        guidance_scale: weight of the text, at least 1; 1 is no guidance.
        batch_size: images made at a time on a GPU.
        clip_skip: layer of the text encoder, counted from its end, 1 the last.
        negative_prompt: what guidance leads away from.
        scheduler: ``"ddim"``, the paper's, with eta 0; ``"checkpoint"``, the one that the model came with.

    Returns:
        uint8, shape ``(height, width, 3)`` each.

    Raises:
        ValueError: if a setting is out of range.
    """
    _require(pipeline, prompts, seeds, height, width, steps, guidance_scale, batch_size, scheduler)
    at_once = 1 if pipeline.device.type == "cpu" else batch_size
    usual = pipeline.scheduler
    pipeline.scheduler = sampler_of(pipeline, scheduler)
    images: list[np.ndarray] = []
    try:
        for start in range(0, len(seeds), at_once):
            texts = list(prompts[start : start + at_once])
            with torch.no_grad():
                embeds = encode_prompts(pipeline, texts, clip_skip)
                away = encode_prompts(pipeline, [negative_prompt] * len(texts), clip_skip)
                made = pipeline(
                    prompt_embeds=embeds.to(pipeline.unet.dtype),
                    negative_prompt_embeds=away.to(pipeline.unet.dtype) if guidance_scale > 1 else None,
                    generator=[torch.Generator().manual_seed(seed) for seed in seeds[start : start + at_once]],
                    height=height,
                    width=width,
                    num_inference_steps=steps,
                    guidance_scale=guidance_scale,
                    output_type="pil",
                ).images
            images += [np.asarray(image.convert("RGB")) for image in made]
    finally:
        pipeline.scheduler = usual
    return images


def sampler_of(pipeline: Any, scheduler: str) -> Any:
    """The scheduler that images are made with, on the noise schedule of the pipeline's own."""
    from diffusers import DDIMScheduler

    return pipeline.scheduler if scheduler == "checkpoint" else DDIMScheduler.from_config(pipeline.scheduler.config)


def regularisation_images(pipeline: Any, settings: DreamBoothSettings, folder: Path) -> list[np.ndarray]:
    """What the model makes of the class prompt before it is fine-tuned, square.

    They are stored as they are made: a second call goes on where the first stopped, and a folder may serve many
    fine-tunings of the same model.

    Raises:
        ValueError: if the folder holds images of another model or of other settings.
    """
    side = settings.resolution // settings.side_step * settings.side_step
    options: dict[str, Any] = {
        "height": side,
        "width": side,
        "steps": settings.regularisation_steps,
        "guidance_scale": settings.regularisation_guidance,
        "clip_skip": settings.sampling_clip_skip,
    }
    stored = {"prompt": settings.class_prompt, "seed": settings.regularisation_seed, **options}

    def make(indices: Sequence[int]) -> list[Synthetic]:
        seeds = [noise_seed(settings.regularisation_seed, i) for i in indices]
        made = generate(
            pipeline, [settings.class_prompt] * len(seeds), seeds, batch_size=settings.batch_size, **options
        )
        return [
            Synthetic(image, None, {"prompt": settings.class_prompt, "index": i})
            for image, i in zip(made, indices, strict=True)
        ]

    found = collect(
        make,
        settings.regularisation_images,
        name="regularisation",
        settings={"model": base_of(pipeline), **stored},
        out=folder,
        batch_size=settings.batch_size,
    )
    return [item.image for item in found.items]


def base_of(pipeline: Any) -> dict[str, str]:
    """Name and revision of the model; of one that was built by hand a hash of its weights."""
    source = model_source(pipeline)
    return asdict(source) if source.revision else {"name": source.name, "revision": hash_weights(pipeline)}


def hash_weights(pipeline: Any) -> str:
    """Twelve hexadecimal digits of the weights of UNet and text encoder."""
    digest = hashlib.sha256()
    for model in (pipeline.unet, pipeline.text_encoder):
        for name, tensor in model.state_dict().items():
            digest.update(name.encode() + b"\0")
            digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _require(
    pipeline: Any,
    prompts: Sequence[str],
    seeds: Sequence[int],
    height: int,
    width: int,
    steps: int,
    guidance_scale: float,
    batch_size: int,
    scheduler: str,
) -> None:
    if scheduler not in SCHEDULERS:
        raise unknown_choice("scheduler", scheduler, SCHEDULERS)
    if len(prompts) != len(seeds):
        raise ValueError(f"prompts and seeds: expected one each an image, got {len(prompts)} and {len(seeds)}")
    if steps < 1 or batch_size < 1 or guidance_scale < 1:
        raise ValueError(
            f"steps, batch_size and guidance_scale: expected at least 1, got {steps}, {batch_size}, {guidance_scale}"
        )
    step = side_unit(pipeline)
    if height < step or width < step or height % step or width % step:
        raise ValueError(f"height and width: expected multiples of {step} for this model, got {height} x {width}")


def side_unit(pipeline: Any) -> int:
    """Sides must be multiples of this: pixels of one latent, and of 8, which diffusers asks for."""
    return math.lcm(8, int(pipeline.vae_scale_factor))
