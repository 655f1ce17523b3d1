"""What is trained on: instances and their mirror images, regularisation images, repeats, buckets, order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.synthesis.dreambooth.buckets import Size, buckets_of, choose_bucket, fit_to_bucket
from defectlab.synthesis.dreambooth.settings import DreamBoothSettings

ORDER_STREAM, NOISE_STREAM = 1, 2  # keep the random numbers of one seed apart


@dataclass(frozen=True, eq=False)
class Example:
    """One image to train on.

    Attributes:
        image: uint8, shape ``(H, W, 3)``, the size of a bucket.
        prompt: its caption.
        weight: of its loss; lambda for the regularisation subset, 1 for all others.
        repeats: how often it is seen in one epoch.
    """

    image: np.ndarray
    prompt: str
    weight: float
    repeats: int

    @property
    def size(self) -> Size:
        """Height and width."""
        height, width = self.image.shape[:2]
        return height, width


def instance_examples(instances: SurfaceDataset, settings: DreamBoothSettings) -> list[Example]:
    """The images of a data set, each with its mirror images where the settings ask for them.

    Raises:
        ValueError: if there is none.
    """
    if not len(instances):
        raise ValueError(f"instances: expected at least one image, {instances.name} has none")
    examples = []
    for sample in instances:  # type: ignore[attr-defined]  # torch's Dataset is iterable by its index
        image = (sample.image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        mirrored = (image, image[:, ::-1], image[::-1]) if settings.flips else (image,)
        examples += [_example(each, settings.instance_prompt, 1.0, settings) for each in mirrored]
    return examples


def regularisation_examples(
    images: Sequence[np.ndarray], instances: Sequence[Example], settings: DreamBoothSettings
) -> list[Example]:
    """Images of the class beside the instances.

    As a subset of their own they are seen as often as the instances in all: images are repeated until their number
    is reached, and left out where there are more, as in the kohya trainer.
    """
    if settings.regularisation == "ordinary":
        return [_example(image, settings.class_prompt, 1.0, settings) for image in images]
    wanted = sum(example.repeats for example in instances)
    examples = []
    for i, image in enumerate(images[:wanted]):
        repeats = wanted // len(images) + (i < wanted % len(images))
        example = _example(image, settings.class_prompt, settings.prior_weight, settings)
        examples.append(replace(example, repeats=repeats))
    return examples


def batches_of_epoch(examples: Sequence[Example], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Positions of the examples of each batch of one epoch; a batch holds images of one size.

    Each bucket ends with a batch of what is left, so that every epoch has `steps_an_epoch` batches.
    """
    rng = np.random.default_rng([seed, ORDER_STREAM, epoch])
    batches: list[list[int]] = []
    for size in sorted({example.size for example in examples}):
        members = [i for i, example in enumerate(examples) if example.size == size for _ in range(example.repeats)]
        order = rng.permutation(members).tolist()
        batches += [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def steps_an_epoch(examples: Sequence[Example], batch_size: int) -> int:
    """Batches of one epoch."""
    seen: dict[Size, int] = {}
    for example in examples:
        seen[example.size] = seen.get(example.size, 0) + example.repeats
    return sum(-(-count // batch_size) for count in seen.values())


def draw_noise(shape: Sequence[int], n_levels: int, seed: int, step: int, place: int) -> tuple[int, Tensor]:
    """Noise level and noise of one place in the batch of one step, whoever computes it.

    Args:
        shape: of the latents of one image.
        n_levels: steps of the noise schedule.
        seed: of the fine-tuning.
        step: optimiser step.
        place: in the batch of all processes.

    Returns:
        A step of the noise schedule, all equally likely, and float32 standard normal noise.
    """
    state = np.random.SeedSequence([seed, NOISE_STREAM, step, place]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
    level = int(torch.randint(n_levels, (1,), generator=generator))
    return level, torch.randn(tuple(shape), generator=generator)


def encode_images(vae: Any, examples: Sequence[Example]) -> list[Tensor]:
    """Latents of the examples, float32 in main memory, each of shape ``(C, h, w)``.

    They are computed once: the mean of the encoder, scaled as the UNet expects; mirror images are images of their
    own. An image at a time, so that they do not depend on the others.
    """
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    latents = []
    with torch.no_grad():
        for example in examples:
            pixels = torch.from_numpy(example.image).permute(2, 0, 1)[None].float() / 127.5 - 1
            mean = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mode()
            latents.append(((mean.float() - shift) * vae.config.scaling_factor)[0].cpu())
    return latents


def hash_examples(examples: Sequence[Example]) -> str:
    """Twelve hexadecimal digits of pixels, captions, weights and repeats."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(f"{example.size} {example.prompt} {example.weight} {example.repeats}\0".encode())
        digest.update(np.ascontiguousarray(example.image).tobytes())
    return digest.hexdigest()[:12]


def _example(image: np.ndarray, prompt: str, weight: float, settings: DreamBoothSettings) -> Example:
    height, width = image.shape[:2]
    bucket = choose_bucket((height, width), buckets_of(settings))
    return Example(fit_to_bucket(image, bucket), prompt, weight, settings.num_repeats)
