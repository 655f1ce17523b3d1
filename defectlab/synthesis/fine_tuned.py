"""Diffusion alone, as In&Out compares it: a model fine-tuned on one surface, then asked for defects by words.

Source: the In&Out paper, sections 4 and 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from defectlab.data.base import SurfaceDataset
from defectlab.files import fingerprint
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.dreambooth import Adapter, DreamBoothSettings, finetune, generate, merged
from defectlab.synthesis.dreambooth.sampling import base_of, side_unit
from defectlab.synthesis.memseg import require_normals
from defectlab.synthesis.sampling import DEFECTS, SamplingSettings
from defectlab.synthesis.store import collect
from defectlab.synthesis.tall import generated_size, to_target
from defectlab.synthesis.triplets import noise_seed

__all__ = ["FineTuned", "SamplingSettings"]

OF_REGULARISATION = (  # settings that the images of the class depend on; fine-tunings equal in them share a set
    "class_prompt",
    "regularisation_steps",
    "regularisation_guidance",
    "regularisation_seed",
    "resolution",
    "side_step",
    "sampling_clip_skip",
)


class FineTuned(Synthesizer):
    """Images of a fine-tuned diffusion model, defective as a whole: where the defect is, is not known.

    Their masks are absent, not empty: a detector that learns from masks refuses them, one that learns from image
    labels takes them.

    Args:
        pipeline: Stable Diffusion, text to image; its weights are the same before and after each call.
        settings: of the fine-tuning.
        sampling: of the generation.
        folder: where adapters are kept, a subfolder for each fine-tuning, and the regularisation images that they
            share. What was finished there serves again.
        device: to fine-tune on: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        ValueError: if a prompt does not hold the instance prompt, for the model then has not learnt what it asks for.
    """

    name = "ddpm"

    def __init__(
        self,
        pipeline: Any,
        settings: DreamBoothSettings,
        sampling: SamplingSettings,
        folder: str | Path,
        device: str = "auto",
    ) -> None:
        if strange := [prompt for prompt in sampling.prompts if settings.instance_prompt not in prompt]:
            raise ValueError(
                f"prompts: {strange[0]!r} does not hold the instance prompt {settings.instance_prompt!r} of the "
                "fine-tuning; put it in front, such as "
                f"{settings.instance_prompt + ' ' + DEFECTS[0]!r}, or fine-tune with another instance prompt"
            )
        self.pipeline = pipeline
        self.settings = settings
        self.sampling = sampling
        self.folder = Path(folder)
        self.device = device
        self.adapter: Adapter | None = None

    def fit(self, dataset: SurfaceDataset) -> Self:
        """Fine-tunes on all images of a data set, or picks up the fine-tuning that was finished or begun before.

        Other images, settings or another model go to a folder of their own.

        Args:
            dataset: normal images (zero-shot) or defective ones, not both.

        Raises:
            ValueError: if there is no image, if normal and defective ones are mixed, or if normal ones are to be
                asked for by the very prompt that they are trained with: what comes out would be normal.
        """
        require_teachable(dataset, self.settings, self.sampling)
        settings, base = asdict(self.settings), base_of(self.pipeline)
        own = fingerprint({"settings": settings, "base": base, "images": _pixels(dataset)})
        shared = fingerprint({"base": base, **{name: settings[name] for name in OF_REGULARISATION}})
        self.adapter = finetune(
            self.pipeline,
            dataset,
            self.settings,
            self.folder / f"adapter-{own}",
            self.device,
            regularisation=self.folder / f"regularisation-{shared}",
        )
        return self

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Makes ``n`` defective images without masks; see `Synthesizer.synthesize`.

        Args:
            normals: only their size is used.
            n: how many images, at least 1.
            seed: seed of the whole set.
            out: folder to store the set in, or ``None``.

        Raises:
            ValueError: if nothing was fine-tuned yet, if ``normals`` is empty or holds defective images, or if the
                side is no size of the model.
        """
        require_normals(normals, seed)
        adapter = self._require_adapter()
        target = _size_of(normals)
        size = generated_size(self.sampling.square_to_tall, target, self.side, side_unit(self.pipeline))
        stored = self._settings(adapter, target, size, seed)
        with ExitStack() as merging:
            # once, and not at all where every image is stored already
            merge_once = cache(
                partial(merging.enter_context, merged(self.pipeline, adapter, self.sampling.merge_ratio))
            )

            def make(indices: Sequence[int]) -> list[Synthetic]:
                merge_once()
                return self._make(indices, size, target, stored)

            return collect(make, n, name=self.name, settings=stored, out=out, batch_size=self.sampling.batch_size)

    @property
    def side(self) -> int:
        """Side of the square in pixels: the one asked for, or that of the model."""
        native = int(self.pipeline.unet.config.sample_size) * int(self.pipeline.vae_scale_factor)
        return self.sampling.side or native

    def _make(
        self, indices: Sequence[int], size: tuple[int, int], target: tuple[int, int], stored: dict[str, Any]
    ) -> list[Synthetic]:
        chosen = self.sampling
        prompts = [chosen.prompts[i % len(chosen.prompts)] for i in indices]
        seeds = [noise_seed(stored["seed"], i) for i in indices]
        made = generate(
            self.pipeline,
            prompts,
            seeds,
            height=size[0],
            width=size[1],
            steps=chosen.steps,
            guidance_scale=chosen.guidance_scale,
            batch_size=chosen.batch_size,
            clip_skip=self.settings.sampling_clip_skip,
        )
        shared = {key: value for key, value in stored.items() if key != "prompts"}
        return [
            Synthetic(
                to_target(image, target, chosen.square_to_tall),
                None,
                {"method": self.name, "index": i, "prompt": prompt, "noise_seed": noise, **shared},
            )
            for image, i, prompt, noise in zip(made, indices, prompts, seeds, strict=True)
        ]

    def _settings(self, adapter: Adapter, target: tuple[int, int], size: tuple[int, int], seed: int) -> dict[str, Any]:
        """All that the images depend on."""
        chosen, base = self.sampling, base_of(self.pipeline)
        return {
            "seed": seed,
            "prompts": chosen.prompts,
            "steps": chosen.steps,
            "guidance_scale": chosen.guidance_scale,
            "merge_ratio": chosen.merge_ratio,
            "adapter": adapter.fingerprint,
            "model": base["name"],
            "revision": base["revision"],
            "clip_skip": self.settings.sampling_clip_skip,
            "scheduler": "ddim",
            "dtype": str(self.pipeline.dtype),
            "square_to_tall": chosen.square_to_tall,
            "generated": f"{size[0]} x {size[1]}",
            "size": f"{target[0]} x {target[1]}",
        }

    def _require_adapter(self) -> Adapter:
        if self.adapter is None:
            raise ValueError(f"{self.name}: call fit(dataset) first, with the images that the model is to learn")
        return self.adapter


def require_teachable(dataset: SurfaceDataset, settings: DreamBoothSettings, sampling: SamplingSettings) -> None:
    """Stops a fine-tuning that cannot lead to defective images; see `FineTuned.fit`.

    Raises:
        ValueError: as said there.
    """
    defective = int(dataset.labels.sum())
    where = f"{dataset.name}/{dataset.split}"
    if not len(dataset):
        raise ValueError(f"fit: expected images to fine-tune on, {where} holds none")
    if 0 < defective < len(dataset):
        raise ValueError(
            f"fit: {where} mixes {len(dataset) - defective} normal and {defective} defective images under one prompt; "
            "pass normal ones and name defects in the prompts, or defective ones"
        )
    if not defective and settings.instance_prompt in sampling.prompts:
        raise ValueError(
            f"fit: {where} holds normal images only, so {settings.instance_prompt!r} comes to mean a normal surface, "
            f"and images made by it would wrongly be labelled defective; name a defect in the prompts, such as "
            f"{settings.instance_prompt + ' ' + DEFECTS[0]!r}, or fine-tune on defective images"
        )


def _size_of(normals: SurfaceDataset) -> tuple[int, int]:
    height, width = normals.size or normals[0].image.shape[1:]
    return int(height), int(width)


def _pixels(dataset: SurfaceDataset) -> str:
    """Digits of the images, in order, whatever their names."""
    digest = hashlib.sha256()
    for i in range(len(dataset)):
        image = (dataset[i].image.numpy() * 255).round().astype(np.uint8)
        digest.update(f"{image.shape}".encode() + image.tobytes())
    return digest.hexdigest()[:12]
