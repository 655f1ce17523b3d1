"""DIAG: a frozen, text-conditioned diffusion model inpaints described defects into normal images, without training.

Source: Girella et al. 2024, section III-B; settings of the released script ``generate_augmented_images.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from defectlab.choices import unknown_choice
from defectlab.data.base import SurfaceDataset
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.inpainting import canvas_of, inpaint, paste, stretch, stretch_mask, unstretch
from defectlab.synthesis.masks import MaskSource
from defectlab.synthesis.memseg import fingerprint, require_normals
from defectlab.synthesis.pipelines import model_source, scheduler_name
from defectlab.synthesis.store import collect
from defectlab.synthesis.triplets import ORDERS, Triplet, draw_triplet

COMPOSITINGS = ("exact", "released")
LABELS = ("mask", "changed")


@dataclass(frozen=True)
class DiagSettings:
    """Settings of DIAG; the defaults are those of the released script.

    Attributes:
        prompts: descriptions of defects.
        negative_prompt: what the image should not look like, or ``None``.
        num_inference_steps: steps of the noise schedule, at least 1.
        guidance_scale: weight of the text; 1 is no guidance.
        strength: share of the schedule that is run, in (0, 1]; 1 starts from pure noise.
        padding_mask_crop: pixels of the canvas around the mask that are inpainted with it; ``None`` for all of it.
        canvas: side of the square that image and mask are stretched to, a multiple of 8; ``None`` for the size of
            the image. The stretch of 224 x 632 to 1024 x 1024 is anisotropic: texture comes back squeezed 2.8 times
            across.
        order: of the prompts, ``"paper"`` or ``"random"``; see `defectlab.synthesis.triplets.prompt_of`.
        compositing: ``"exact"`` pastes inside the mask at the size of the image, all other pixels are bit-exact;
            ``"released"`` returns the whole canvas shrunk back, so that every pixel is resampled twice.
        label: ``"mask"`` labels the mask asked for, as the paper does; ``"changed"`` its pixels that really changed.
        changed_above: grey levels, of 255, that a channel must differ by to count as changed, at least 0.
        batch_size: images made at a time; no result depends on it.
    """

    prompts: tuple[str, ...] = ("white marks on the wall", "copper metal scratches")
    negative_prompt: str | None = "smooth, plain, black, dark, shadow"
    num_inference_steps: int = 30
    guidance_scale: float = 20.0
    strength: float = 0.99
    padding_mask_crop: int | None = 2
    canvas: int | None = 1024
    order: str = "paper"
    compositing: str = "exact"
    label: str = "mask"
    changed_above: int = 10
    batch_size: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompts", (self.prompts,) if isinstance(self.prompts, str) else tuple(self.prompts))
        if not self.prompts or not all(isinstance(prompt, str) and prompt.strip() for prompt in self.prompts):
            raise ValueError(f"prompts: expected at least one description, none empty, got {self.prompts!r}")
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength: expected a value in (0, 1], got {self.strength}")
        if self.effective_steps < 1:
            raise ValueError(
                f"num_inference_steps x strength: expected at least one whole step, got "
                f"int({self.num_inference_steps} x {self.strength}) = {self.effective_steps}"
            )
        if self.guidance_scale < 1:
            raise ValueError(f"guidance_scale: expected at least 1 (no guidance), got {self.guidance_scale}")
        if self.canvas is not None and (self.canvas < 8 or self.canvas % 8):
            raise ValueError(f"canvas: expected a positive multiple of 8 or None, got {self.canvas}")
        for name in ("padding_mask_crop", "changed_above"):
            if (value := getattr(self, name)) is not None and value < 0:
                raise ValueError(f"{name}: expected at least 0, got {value}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {self.batch_size}")
        self._require_choices()

    def _require_choices(self) -> None:
        for name, known in (("order", ORDERS), ("compositing", COMPOSITINGS), ("label", LABELS)):
            if getattr(self, name) not in known:
                raise unknown_choice(name, getattr(self, name), known)

    @classmethod
    def released(cls, **changes: Any) -> Self:
        """The released script: SDXL inpainting, whole canvas shrunk back, one image at a time."""
        return cls(**{"compositing": "released", **changes})

    @classmethod
    def pocket(cls, **changes: Any) -> Self:
        """For the small shipped model: images at their own size, few steps, less guidance, fresh noise."""
        preset: dict[str, Any] = {
            "prompts": ("a crack", "a scratch"),
            "negative_prompt": None,
            "num_inference_steps": 8,
            "guidance_scale": 4.0,
            "strength": 1.0,
            "canvas": None,
            "batch_size": 8,
        }
        return cls(**{**preset, **changes})

    @property
    def effective_steps(self) -> int:
        """Steps that are really run: the first ones are left out where ``strength`` is below 1."""
        return min(int(self.num_inference_steps * self.strength), self.num_inference_steps)


class Diag(Synthesizer):
    """Inpaints described defects into normal images by a frozen diffusion model.

    Args:
        pipeline: from `defectlab.synthesis.pipelines.load_inpainting`, or any diffusers inpainting pipeline.
        masks: where regions come from. Masks of real positives are what the paper uses, and why its zero-shot
            regime is not truly zero-shot: no defective image is seen, but the shape and place of real defects is.
        settings: by default those of the paper, with pixels outside the mask bit-exact.
        changes: single settings to change, such as ``prompts=("a crack",)``.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    name = "diag"

    def __init__(self, pipeline: Any, masks: MaskSource, settings: DiagSettings | None = None, **changes: Any) -> None:
        for change in changes:
            if change not in (known := [field.name for field in fields(DiagSettings)]):
                raise unknown_choice("setting of DIAG", change, known)
        self.pipeline = pipeline
        self.masks = masks
        self.settings = replace(settings or DiagSettings(), **changes)

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Makes ``n`` defective images; see `Synthesizer.synthesize`.

        With ``order="paper"`` and several prompts the prompt of an image depends on ``n``.

        Raises:
            ValueError: if there is no normal image, if a defective one is among them, or if ``seed`` is negative.
        """
        require_normals(normals, seed)
        chosen = self.settings

        def make(indices: Sequence[int]) -> list[Synthetic]:
            drawn = [draw_triplet(normals, self.masks, chosen.prompts, i, n, seed, chosen.order) for i in indices]
            return self._make(drawn, seed)

        stored = self._stored(normals, n, seed)
        return collect(make, n, name=self.name, settings=stored, out=out, batch_size=chosen.batch_size)

    def _make(self, triplets: Sequence[Triplet], seed: int) -> list[Synthetic]:
        """The images of some triplets, inpainted in one batch."""
        chosen = self.settings
        size = canvas_of(self.pipeline, triplets[0].mask.shape[:2], chosen.canvas)
        results = inpaint(
            self.pipeline,
            [stretch(triplet.image, size) for triplet in triplets],
            [stretch_mask(triplet.mask, size) for triplet in triplets],
            [triplet.prompt for triplet in triplets],
            [triplet.noise_seed for triplet in triplets],
            negative_prompt=chosen.negative_prompt,
            padding_mask_crop=chosen.padding_mask_crop,
            num_inference_steps=chosen.num_inference_steps,
            guidance_scale=chosen.guidance_scale,
            strength=chosen.strength,
        )
        return [self._finish(triplet, result, seed) for triplet, result in zip(triplets, results, strict=True)]

    def _finish(self, triplet: Triplet, result: Any, seed: int) -> Synthetic:
        """Composites one result and writes its record."""
        if self.settings.compositing == "exact":
            image = paste(result, triplet.image, triplet.mask)
        else:
            image = unstretch(result, triplet.mask.shape)
        moved = changed_pixels(triplet.image, image, self.settings.changed_above) & triplet.mask
        label = moved if self.settings.label == "changed" else triplet.mask
        share = float(moved.sum() / triplet.mask.sum())
        return Synthetic(image, label, self._record(triplet, seed) | {"changed": round(share, 6)})

    def _record(self, triplet: Triplet, seed: int) -> dict[str, Any]:
        chosen, source = self.settings, model_source(self.pipeline)
        return {
            "method": self.name,
            "seed": seed,
            "index": triplet.index,
            "source": triplet.source,
            "mask_id": triplet.mask_id,
            "area": round(float(triplet.mask.mean()), 6),
            "prompt": triplet.prompt,
            "negative_prompt": chosen.negative_prompt,
            "guidance_scale": chosen.guidance_scale,
            "strength": chosen.strength,
            "steps": chosen.num_inference_steps,
            "effective_steps": chosen.effective_steps,
            "scheduler": scheduler_name(self.pipeline),
            "model": source.name,
            "revision": source.revision,
            "noise_seed": triplet.noise_seed,
        }

    def _stored(self, normals: SurfaceDataset, n: int, seed: int) -> dict[str, Any]:
        """All that the images depend on."""
        settings = {key: value for key, value in asdict(self.settings).items() if key != "batch_size"}
        source = model_source(self.pipeline)
        stored = {
            "seed": seed,
            **settings,
            "masks": repr(self.masks),
            "normals": fingerprint(normals),
            "model": source.name,
            "revision": source.revision,
            "scheduler": scheduler_name(self.pipeline),
            "dtype": str(getattr(self.pipeline, "dtype", "")),
        }
        if self.settings.order == "paper" and len(self.settings.prompts) > 1:
            stored["n"] = n
        return stored


def changed_pixels(before: np.ndarray, after: np.ndarray, above: int) -> np.ndarray:
    """Pixels of which a channel differs by more than ``above`` grey levels; uint8 ``(H, W, 3)`` to bool ``(H, W)``."""
    return np.any(np.abs(before.astype(np.int16) - after.astype(np.int16)) > above, axis=2)
