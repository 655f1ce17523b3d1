"""`defectlab fine-tune`: teach a Stable Diffusion model your surface, as an adapter that diffusers loads."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from defectlab.data.base import SurfaceDataset
    from defectlab.synthesis.dreambooth.settings import DreamBoothSettings

PRESETS = ("laptop", "paper", "released", "smoke")
REGIMES = ("zero_shot", "few_shot", "full_shot")
SHOTS = {"zero_shot": 50, "few_shot": 5, "full_shot": None}  # images of the paper
EXAMPLES = """examples:
  defectlab fine-tune --images photos --out adapter                          # 50 normal images, pocket-sd, minutes
  defectlab fine-tune --images photos --out adapter --regime few_shot --show 4 --prompts "skt background"
  defectlab fine-tune --images photos --out adapter --base sd15 --preset paper
  accelerate launch -m defectlab fine-tune --images photos --out adapter --base sd15 --preset paper   # many GPUs
the adapter elsewhere: pipeline.load_lora_weights("adapter")
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``fine-tune`` to the command line."""
    parser = subparsers.add_parser(
        "fine-tune",
        help="teach a Stable Diffusion model your surface",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="FOLDER", help="good/, perhaps defect/, or images alone")
    add("--out", type=Path, required=True, metavar="FOLDER", help="for the adapter; the same command goes on there")
    add("--base", default="pocket-sd", metavar="pocket-sd|sd15|FOLDER|HUB", help="model (default: pocket-sd)")
    add("--preset", choices=PRESETS, default="laptop", help="settings to start from (default: laptop)")
    add("--regime", choices=REGIMES, default="zero_shot", help="learn 50 normal images, 5 defective ones, or all those")
    add("--n", type=int, help="images to learn from, drawn by --image-seed (default: as --regime says)")
    add("--image-seed", type=int, default=0, help="of that draw (default: 0)")
    add("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="bring all images to this size first")
    add("--regularisation-folder", type=Path, metavar="FOLDER", help="images of the class, shared by fine-tunings")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    _add_settings(parser.add_argument_group("settings", "in place of those of the preset"))
    shown = parser.add_argument_group("look at it", "images with the adapter merged, in OUT/shown")
    shown.add_argument("--show", type=int, default=0, metavar="N", help="images of each prompt (default: none)")
    shown.add_argument("--prompts", nargs="+", metavar="TEXT", help="default: the instance prompt, and it cracked")
    shown.add_argument("--steps", type=int, default=20, help="of the sampler (default: 20)")
    shown.add_argument("--guidance", type=float, default=3.0, help="weight of the text (default: 3)")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Fine-tunes, or goes on, and says where things are.

    Raises:
        ValueError: if an option is wrong, before anything is trained.
        OSError: if images or a model are not there.
    """
    settings = settings_of(arguments)
    instances = instances_of(arguments)
    from defectlab.synthesis.dreambooth.finetuning import finetune
    from defectlab.synthesis.text_to_image import load_text_to_image

    pipeline = load_text_to_image(arguments.base, arguments.device)
    print(f"{arguments.base}: {len(instances)} images as {settings.instance_prompt!r}", flush=True)
    adapter = finetune(pipeline, instances, settings, arguments.out, arguments.device, arguments.regularisation_folder)
    record = adapter.record
    print(f"{record['steps']} steps of {record['optimiser']} in {record['seconds']:.0f} s, loss {record['loss']:.4f}")
    print(f"  {arguments.out}  {adapter.parameters:,} parameters, fingerprint {adapter.fingerprint}")
    if arguments.show:
        _show(arguments, pipeline, adapter, settings)
    return 0


def settings_of(arguments: argparse.Namespace) -> DreamBoothSettings:
    """The preset with what was given on the command line in its place.

    Raises:
        ValueError: if a setting is out of range.
    """
    from defectlab.synthesis.dreambooth.settings import DreamBoothSettings

    released = arguments.preset == "released"  # it has one configuration for all regimes
    preset = (
        DreamBoothSettings.released() if released else getattr(DreamBoothSettings, arguments.preset)(arguments.regime)
    )
    given: dict[str, Any] = {
        field.name: getattr(arguments, field.name)
        for field in fields(DreamBoothSettings)
        if getattr(arguments, field.name, None) is not None
    }
    if "epochs" in given and preset.schedule_epochs is not None:
        given["schedule_epochs"] = max(preset.schedule_epochs, given["epochs"])
    return replace(preset, **given)


def instances_of(arguments: argparse.Namespace) -> SurfaceDataset:
    """The images that the regime learns from; a folder of images alone is learnt from in every regime.

    Raises:
        ValueError: if the folder has fewer than asked for.
    """
    import numpy as np

    from defectlab.data import load_dataset
    from defectlab.data.photos import has_layout, plain_folder

    size = tuple(arguments.size) if arguments.size else None
    zero = arguments.regime == "zero_shot"
    found: SurfaceDataset
    if has_layout(arguments.images):
        everything = load_dataset("folder", split="all", root=arguments.images, size=size)
        found, what = everything.subset(normal=zero, defective=not zero), "the normal" if zero else "the defective"
    else:
        found, what = plain_folder(arguments.images, size), "all"
    wanted = SHOTS[arguments.regime] if arguments.n is None else arguments.n
    if wanted is None or (arguments.n is None and zero and 0 < len(found) < wanted):
        wanted = len(found)  # fewer normal images than the paper's 50 are fewer, not an error
    if wanted < 1 or wanted > len(found):
        raise ValueError(f"--n: expected 1 to {len(found)}, {what} images of {arguments.images}, got {wanted}")
    chosen = np.random.default_rng(arguments.image_seed).choice(len(found), wanted, replace=False)
    return found.subset(indices=chosen.tolist())


def _add_settings(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--instance-prompt", metavar="TEXT", help="identifier token and class, such as 'skt background'")
    add("--class-prompt", metavar="TEXT", help="class, such as 'background'")
    add("--epochs", type=int, help="passes over all images")
    add("--max-steps", type=int, help="no more optimiser steps than these")
    add("--batch-size", type=int, help="images a step")
    add("--lr", type=float, help="learning rate of the UNet")
    add("--text-lr", type=float, help="learning rate of the text encoder")
    add("--seed", type=int, help="of adapters, order and noise")
    add("--mixed-precision", choices=("no", "bf16", "fp16"), help="precision to compute in")
    add("--merge-ratio", type=float, help="how much of the adapter is merged for --show, 0 to 1")
    add("--regularisation", choices=("subset", "ordinary", "none"), help="how images of the class are used")


def _show(arguments: argparse.Namespace, pipeline: Any, adapter: Any, settings: DreamBoothSettings) -> None:
    from PIL import Image

    from defectlab.files import atomic_path, slug
    from defectlab.synthesis.dreambooth.merging import merged
    from defectlab.synthesis.dreambooth.sampling import generate

    prompts = arguments.prompts or [settings.instance_prompt, f"{settings.instance_prompt} cracked"]
    side = settings.resolution // settings.side_step * settings.side_step
    with merged(pipeline, adapter, settings.merge_ratio):
        for prompt in prompts:
            images = generate(
                pipeline,
                [prompt] * arguments.show,
                list(range(arguments.show)),
                height=side,
                width=side,
                steps=arguments.steps,
                guidance_scale=arguments.guidance,
                clip_skip=settings.sampling_clip_skip,
            )
            for i, image in enumerate(images):
                with atomic_path(arguments.out / "shown" / f"{slug(prompt)}-{i}.png") as partial:
                    Image.fromarray(image).save(partial)
    print(f"  {arguments.out / 'shown'}  {len(prompts)} prompts, merge ratio {settings.merge_ratio:g}")
