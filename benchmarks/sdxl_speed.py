"""SDXL inpainting: the released script's loop beside ours, images a second, same machine, same run.

Weights are random, for speed does not depend on them. On a GPU the models have the sizes of SDXL (2.6 billion
parameters in the UNet, fp16, 1024 x 1024); without one the tiny pipeline of the tests shows that the script runs and
says nothing about SDXL.

    python benchmarks/sdxl_speed.py --batch-size 8 --repeats 2 --json sdxl_speed.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from defectlab.devices import describe, peak_memory, pick_device
from defectlab.synthesis.diag import DiagSettings
from defectlab.synthesis.inpainting import inpaint
from defectlab.synthesis.pipelines import faster_scheduler, speed_up

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "synthesis"))
import tiny_sdxl  # the tests' helper, from their folder

SETTINGS = DiagSettings.released()


@dataclass(frozen=True)
class Row:
    """One way to make images.

    Attributes:
        way: what was timed.
        steps: of the noise schedule.
        images_per_second: after a first batch that is not timed.
        ratio: to the released loop.
        peak_gib: memory, in GiB.
    """

    way: str
    steps: int
    images_per_second: float
    ratio: float
    peak_gib: float


def main() -> None:
    """Time all ways and print a table."""
    options = parse()
    device = pick_device(options.device)
    side = options.canvas or (1024 if device.type == "cuda" else 64)
    pipeline: Any = build_sdxl(device) if device.type == "cuda" else tiny_sdxl.build_tiny_sdxl()
    pipeline.set_progress_bar_config(disable=True)
    images, masks = pairs(options.batch_size * options.repeats, side)
    print(
        f"{describe(device)}; torch {torch.__version__}; {side} x {side}; batches of {options.batch_size}", flush=True
    )

    rows: list[Row] = []

    def time_it(way: str, steps: int, make: Callable[[int], None], size: int) -> None:
        make(0)  # warm-up, compilation
        synchronise(device)
        with peak_memory(device) as peak:
            start = time.perf_counter()
            for first in range(0, len(images), size):
                make(first)
            synchronise(device)
        speed = len(images) / (time.perf_counter() - start)
        rows.append(Row(way, steps, speed, speed / (rows[0].images_per_second if rows else speed), peak.gib))
        print(
            f"{way:<52}{steps:>4} steps {speed:>9.3f} images/s {rows[-1].ratio:>6.2f} x {peak.gib:>6.1f} GiB",
            flush=True,
        )

    def released(first: int) -> None:
        one(pipeline, images[first], masks[first], first, options.steps)

    def ours(steps: int) -> Callable[[int], None]:
        return lambda first: batch(pipeline, images, masks, first, options.batch_size, steps)

    time_it("released loop: one image a call", options.steps, released, 1)
    time_it("ours: batched", options.steps, ours(options.steps), options.batch_size)
    speed_up(pipeline, compiled=not options.no_compile)
    kind = "channels-last" if options.no_compile else "channels-last, compiled"
    time_it(f"ours: batched, {kind}", options.steps, ours(options.steps), options.batch_size)
    pipeline.scheduler = faster_scheduler(pipeline.scheduler)
    time_it(f"ours: batched, {kind}, DPM-Solver++", options.fast_steps, ours(options.fast_steps), options.batch_size)
    if options.json:
        report = {"device": str(describe(device)), "torch": torch.__version__, "side": side, **vars(options)}
        options.json.write_text(json.dumps({**report, "json": "", "rows": [asdict(row) for row in rows]}, indent=2))


def one(pipeline: Any, image: Image.Image, mask: Image.Image, seed: int, steps: int) -> None:
    """One image as the released script makes it."""
    pipeline(
        prompt=SETTINGS.prompts[0],
        negative_prompt=SETTINGS.negative_prompt,
        image=image,
        mask_image=mask,
        width=image.width,
        height=image.height,
        guidance_scale=SETTINGS.guidance_scale,
        num_inference_steps=steps,
        strength=SETTINGS.strength,
        padding_mask_crop=SETTINGS.padding_mask_crop,
        generator=torch.Generator().manual_seed(seed),
    )


def batch(pipeline: Any, images: list, masks: list, first: int, size: int, steps: int) -> None:
    """A batch as `defectlab.synthesis.diag.Diag` makes it."""
    chosen = slice(first, first + size)
    inpaint(
        pipeline,
        images[chosen],
        masks[chosen],
        [SETTINGS.prompts[0]] * size,
        list(range(first, first + size)),
        negative_prompt=SETTINGS.negative_prompt,
        padding_mask_crop=SETTINGS.padding_mask_crop,
        guidance_scale=SETTINGS.guidance_scale,
        num_inference_steps=steps,
        strength=SETTINGS.strength,
    )


def build_sdxl(device: torch.device) -> StableDiffusionXLInpaintPipeline:
    """SDXL inpainting in its true sizes, random weights, half precision, made on the device."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with device:
            unet = UNet2DConditionModel(
                sample_size=128,
                in_channels=9,
                block_out_channels=(320, 640, 1280),
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                attention_head_dim=(5, 10, 20),
                transformer_layers_per_block=(1, 2, 10),
                use_linear_projection=True,
                cross_attention_dim=2048,
                addition_embed_type="text_time",
                addition_time_embed_dim=256,
                projection_class_embeddings_input_dim=2816,
            )
            vae = AutoencoderKL(
                block_out_channels=(128, 256, 512, 512),
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                layers_per_block=2,
                sample_size=1024,
                scaling_factor=0.13025,
                force_upcast=True,
            )
            small = CLIPTextConfig(
                hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
            )
            large = CLIPTextConfig(
                hidden_size=1280,
                intermediate_size=5120,
                num_hidden_layers=32,
                num_attention_heads=20,
                projection_dim=1280,
                hidden_act="gelu",
            )
            encoders = CLIPTextModel(small), CLIPTextModelWithProjection(large)
    finally:
        torch.set_default_dtype(before)
    return StableDiffusionXLInpaintPipeline(
        vae=vae,
        text_encoder=encoders[0],
        text_encoder_2=encoders[1],
        tokenizer=tiny_sdxl.build_tokenizer(),
        tokenizer_2=tiny_sdxl.build_tokenizer(),
        unet=unet,
        scheduler=EulerDiscreteScheduler(**tiny_sdxl.SCHEDULE),
        add_watermarker=False,
    )


def pairs(n: int, side: int) -> tuple[list[Image.Image], list[Image.Image]]:
    """Random images and masks of one square each."""
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in range(n)]
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : side // 2, side // 4 : side // 2] = 255
    return images, [Image.fromarray(mask)] * n


def synchronise(device: torch.device) -> None:
    """Wait for the device, so that the clock sees all work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def parse() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2, help="batches that are timed")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--fast-steps", type=int, default=12)
    parser.add_argument("--canvas", type=int, help="side in pixels (default: 1024 on a GPU, 64 without)")
    parser.add_argument("--no-compile", action="store_true", help="channels-last only")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
