"""`PocketPipeline`: the shipped model behind the call of a diffusers inpainting pipeline."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from defectlab.data.surfaces.defects import BROWN
from defectlab.data.surfaces.noise import Field
from defectlab.data.surfaces.render import amplitude
from defectlab.synthesis.pocket.crops import Crop, cut, put_back
from defectlab.synthesis.pocket.haar import CHANNELS, haar
from defectlab.synthesis.pocket.network import SIDE, WordEncoder
from defectlab.synthesis.pocket.normalise import UNIT
from defectlab.synthesis.pocket.scales import Scales
from defectlab.synthesis.pocket.words import DEFECTS, POLARITIES, Meaning, UnknownPromptError, understand

SHIPPED = Path(__file__).parent / "weights" / "layer"
LABEL_ABOVE = 10 / 255
"""Change of a pixel, of full scale 1, that labels it defective."""
TINTS = {"stain": BROWN, "corrosion": BROWN}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PocketOutput:
    """What a call gives back.

    Attributes:
        images: one image of the input's size each; PIL, or uint8 ``(H, W, 3)`` for ``output_type="np"``.
        labels: bool ``(H, W)`` each, pixels that changed by more than ten grey levels.
        severities: severity that each image was asked for, [0, 1].
    """

    images: list[Any]
    labels: list[np.ndarray]
    severities: list[float]


class PocketPipeline:
    """Diffuses a defect layer onto normal images.

    The network sees the normal crop, the mask and the words, and denoises only what the defect adds; the texture
    under it stays the image's own, and pixels outside the mask stay as they are, to the bit.

    Args:
        unet: the U-Net.
        words: the encoder of the words.
        scheduler: noise schedule and sampler; another one of diffusers with the same schedule may be set.
        scales: factors of layers and crops.
    """

    def __init__(self, unet: UNet2DConditionModel, words: WordEncoder, scheduler: Any, scales: Scales) -> None:
        self.unet, self.words, self.scheduler, self.scales = unet.eval(), words.eval(), scheduler, scales
        self.device = torch.device("cpu")
        self.dtype = torch.float32

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None) -> Self:
        """The model of a folder that `training` wrote, or the shipped one for ``None``.

        Raises:
            FileNotFoundError: if the folder holds no ``config.json`` and ``model.safetensors``.
        """
        folder = SHIPPED if folder is None else Path(folder)
        for name in ("config.json", "model.safetensors"):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"{folder} holds no {name}: expected a model that `defectlab pocket train --out FOLDER` wrote"
                )
        config = json.loads((folder / "config.json").read_text())
        weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
        unet, words = UNet2DConditionModel.from_config(config["unet"]), WordEncoder()
        unet.load_state_dict({k.removeprefix("unet."): v for k, v in weights.items() if k.startswith("unet.")})
        words.load_state_dict({k.removeprefix("words."): v for k, v in weights.items() if k.startswith("words.")})
        scheduler = DDIMScheduler.from_config(config["scheduler"])
        return cls(unet, words, scheduler, Scales.from_lists(config["scales"]))

    def to(self, device: str | torch.device) -> Self:
        """Moves the network; noise is drawn on the CPU all the same, so that results do not depend on the device."""
        self.device = torch.device(device)
        self.unet.to(self.device)
        self.words.to(self.device)
        return self

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | Sequence[Image.Image],
        mask_image: Image.Image | Sequence[Image.Image],
        negative_prompt: str | Sequence[str] | None = None,
        num_inference_steps: int = 8,
        guidance_scale: float = 2.0,
        strength: float = 1.0,
        padding_mask_crop: int | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        severity: float | Sequence[float] | None = None,
        output_type: str = "pil",
        **ignored: Any,
    ) -> PocketOutput:
        """Puts a described defect inside the mask of each image.

        Args:
            prompt: words that name a defect, see `words`; one for all images or one each.
            image: normal images, PIL of any mode and size.
            mask_image: where the defect may be; pixels of 128 and more count.
            negative_prompt: a defect to steer away from; words without a defect, and ``good``, have no effect.
            num_inference_steps: steps of the sampler, at least 1; more than 8 change little.
            guidance_scale: weight of the words; 1 is none and twice as fast.
            strength: (0, 1]; below 1 starts from a noised empty layer, which makes fainter defects.
            padding_mask_crop: pixels around the mask that the network sees; ``None`` for 30 % of its longer side.
            generator: CPU generators, one for all or one each (then an image does not depend on the batch).
            severity: 0 hardly visible to 1 obvious; drawn from the range of the words where ``None``.
            output_type: ``"pil"`` or ``"np"``.
            ignored: further arguments of diffusers pipelines (sizes, for example); they have no effect.

        Raises:
            UnknownPromptError: if a prompt names no known defect.
            ValueError: if a mask is empty, sizes differ, or a setting is out of range.
        """
        images, masks = _listed(image), _listed(mask_image)
        n = len(images)
        meanings = [understand(text) for text in _repeated(prompt, n)]
        avoided = [_avoided(text) for text in _repeated(negative_prompt or "", n)]
        generators = _generators(generator, n)
        _require(images, masks, num_inference_steps, strength, guidance_scale)
        pixels = [np.asarray(picture.convert("RGB")) for picture in images]
        regions = [np.asarray(mask.convert("L")) >= 128 for mask in masks]
        crops = [cut(_luminance(p), region, padding_mask_crop) for p, region in zip(pixels, regions, strict=True)]
        severities = _severities(severity, meanings, generators)
        noise = torch.cat([_noise(g) for g in generators])
        layers = self._denoise(crops, meanings, avoided, noise, num_inference_steps, guidance_scale, strength)
        results, labels = [], []
        for i, (picture, region, crop, meaning) in enumerate(zip(pixels, regions, crops, meanings, strict=True)):
            # the network gives the shape, the severity its contrast
            change = put_back(layers[i] * np.float32(contrast_of(meaning.defect, severities[i])), crop, region)
            results.append(_add(picture, change, TINTS.get(meaning.defect), region))
            labels.append(np.abs(change) > LABEL_ABOVE)
        if output_type == "pil":
            results = [Image.fromarray(result) for result in results]
        return PocketOutput(results, labels, severities)

    def _denoise(
        self,
        crops: list[Crop],
        meanings: list[Meaning],
        avoided: list[str | None],
        noise: Tensor,
        steps: int,
        guidance: float,
        strength: float,
    ) -> list[Field]:
        """Layers of shape ``(128, 128)``, about 1 where they are strongest."""
        mask = haar(torch.from_numpy(np.stack([crop.mask for crop in crops]))[:, None])
        crop = haar(torch.from_numpy(np.stack([crop.seen.crop for crop in crops]))[:, None]) * self.scales.crop.view(
            1, -1, 1, 1
        )
        condition = torch.cat([mask, crop], dim=1).to(self.device)
        tokens = self._tokens([m.defect for m in meanings], [m.polarity for m in meanings])
        if guidance > 1:
            tokens = torch.cat([self._tokens(avoided, ["any"] * len(crops)), tokens])
            condition = condition.repeat(2, 1, 1, 1)
        self.scheduler.set_timesteps(steps)
        timesteps = self.scheduler.timesteps[steps - max(1, int(steps * strength)) :]
        x = noise
        if strength < 1:  # as diffusers does: start from the noised input, here the empty layer
            x = self.scheduler.add_noise(torch.zeros_like(noise), noise, timesteps[:1].repeat(len(noise)))
        for t in timesteps:
            inputs = (x.repeat(2, 1, 1, 1) if guidance > 1 else x).to(self.device)
            velocity = self.unet(torch.cat([inputs, condition], dim=1), t, encoder_hidden_states=tokens).sample.cpu()
            if guidance > 1:
                empty, said = velocity.chunk(2)
                velocity = empty + guidance * (said - empty)  # Ho and Salimans 2022, Eq. 6
            x = self.scheduler.step(velocity, t, x).prev_sample
        classes = torch.tensor([DEFECTS.index(m.defect) for m in meanings])
        return list(self.scales.layers(x, classes)[:, 0].numpy())

    def _tokens(self, defects: Sequence[str | None], polarities: Sequence[str]) -> Tensor:
        classes = [len(DEFECTS) if defect is None else DEFECTS.index(defect) for defect in defects]
        return self.words(
            torch.tensor(classes, device=self.device),
            torch.tensor([POLARITIES.index(p) for p in polarities], device=self.device),
        )


def contrast_of(defect: str, severity: float) -> float:
    """Contrast of a defect in the network's units of the crop; ``good`` has none."""
    return 0.0 if defect == "good" else amplitude(defect, severity) / UNIT


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) else [value]


def _repeated(value: str | Sequence[str], n: int) -> list[str]:
    texts = [value] * n if isinstance(value, str) else list(value)
    if len(texts) != n:
        raise ValueError(f"expected one prompt or one for each of the {n} images, got {len(texts)}")
    return texts


def _avoided(text: str) -> str | None:
    """The defect that a negative prompt names; guidance away from ``good`` blows up, so it counts as empty."""
    try:
        defect = understand(text).defect if text.strip() else "good"
    except UnknownPromptError:
        log.info("pocket reads no defect in the negative prompt %r and takes it as empty", text)
        return None
    return None if defect == "good" else defect


def _generators(generator: torch.Generator | Sequence[torch.Generator] | None, n: int) -> list[torch.Generator]:
    if generator is None:
        return [torch.Generator().manual_seed(torch.seed() + i) for i in range(n)]
    if isinstance(generator, torch.Generator):
        return [generator] * n
    if len(generator) != n:
        raise ValueError(f"expected one generator or one for each of the {n} images, got {len(generator)}")
    return list(generator)


def _require(images: list[Image.Image], masks: list[Image.Image], steps: int, strength: float, guidance: float) -> None:
    if len(images) != len(masks):
        raise ValueError(f"expected a mask for each of the {len(images)} images, got {len(masks)}")
    for i, (picture, mask) in enumerate(zip(images, masks, strict=True)):
        if picture.size != mask.size:
            raise ValueError(f"image {i} is {picture.size} (width, height), its mask {mask.size}; they must be equal")
        if np.asarray(mask.convert("L")).max() < 128:
            raise ValueError(f"mask {i} is empty (no pixel of 128 or more): a defect needs a place")
    if steps < 1 or not 0 < strength <= 1 or guidance < 1:
        raise ValueError(
            "expected num_inference_steps >= 1, strength in (0, 1] and guidance_scale >= 1, "
            f"got {steps}, {strength} and {guidance}"
        )


def _severities(
    asked: float | Sequence[float] | None, meanings: list[Meaning], generators: list[torch.Generator]
) -> list[float]:
    if asked is not None:
        values = [float(asked)] * len(meanings) if isinstance(asked, int | float) else [float(v) for v in asked]
        if len(values) != len(meanings) or not all(0 <= v <= 1 for v in values):
            raise ValueError(f"severity: expected one value in [0, 1], or one for each image, got {asked}")
        return values
    draws = [float(torch.rand((), generator=g)) for g in generators]
    return [low + (high - low) * u for (low, high), u in zip((m.severity for m in meanings), draws, strict=True)]


def _noise(generator: torch.Generator) -> Tensor:
    return torch.randn(1, CHANNELS, SIDE // 4, SIDE // 4, generator=generator)


def _luminance(pixels: np.ndarray) -> Field:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def _add(pixels: np.ndarray, change: Field, tint: tuple[float, float, float] | None, mask: np.ndarray) -> np.ndarray:
    """The image with the layer in each channel; a coloured image takes the colour of rust and dirt along."""
    colour = np.ones(3, np.float32)
    if tint is not None:
        spread = np.ptp(pixels.reshape(-1, 3).mean(0)) / 255  # a grey camera sees no colour
        colour = 1 + np.clip(4 * spread, 0, 1) * (np.array(tint, np.float32)[::-1] * 1.5 - 1.06) * 0.8
    changed = np.clip(pixels + 255 * change[..., None] * colour + 0.5, 0, 255).astype(np.uint8)
    return np.where((mask & (np.abs(change) > 0.5 / 255))[..., None], changed, pixels)
