"""`PocketPipeline`: the shipped model behind the call of a diffusers inpainting pipeline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from defectlab.data.surfaces.defects import BROWN
from defectlab.data.surfaces.noise import Field
from defectlab.data.surfaces.render import amplitude, peak_of
from defectlab.synthesis.pocket.crops import Crop, cut, put_back
from defectlab.synthesis.pocket.haar import haar
from defectlab.synthesis.pocket.network import WordEncoder
from defectlab.synthesis.pocket.normalise import UNIT
from defectlab.synthesis.pocket.requests import Generators, Request, read_requests, require_settings
from defectlab.synthesis.pocket.scales import Scales
from defectlab.synthesis.pocket.storage import SHIPPED, read_model
from defectlab.synthesis.pocket.words import DEFECTS, POLARITIES

LABEL_ABOVE = 10 / 255
"""Change of a pixel, of full scale 1, that labels it defective."""
TINTS = {"stain": BROWN, "corrosion": BROWN}


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

    def __init__(self, unet: Any, words: WordEncoder, scheduler: Any, scales: Scales) -> None:
        self.unet, self.words, self.scheduler, self.scales = unet.eval(), words.eval(), scheduler, scales
        self.device = torch.device("cpu")
        self.dtype = torch.float32
        self.model_source: object = None  # `pipelines.load_inpainting` says here which weights these are

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None) -> Self:
        """The model of a folder that `training` wrote, or the shipped one for ``None``.

        Raises:
            FileNotFoundError: if the folder holds no ``config.json`` and ``model.safetensors``.
            ValueError: if they are not of a model of `pocket`.
        """
        return cls(*read_model(SHIPPED if folder is None else Path(folder)))

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
        guidance_scale: float = 4.0,
        strength: float = 1.0,
        padding_mask_crop: int | None = None,
        generator: Generators = None,
        severity: float | Sequence[float] | None = None,
        guided_share: float = 0.5,
        output_type: str = "pil",
        width: int | None = None,
        height: int | None = None,
    ) -> PocketOutput:
        """Puts a described defect inside the mask of each image.

        Args:
            prompt: words that name a defect, see `words`; one for all images or one each.
            image: normal images, PIL of any mode and size.
            mask_image: where the defect may be; pixels of 128 and more count.
            negative_prompt: a defect to steer away from; words without a defect, and ``good``, have no effect.
            num_inference_steps: steps of the sampler, at least 1; more than 8 change little.
            guidance_scale: weight of the words; 1 is none and takes a third less time.
            strength: (0, 1]; below 1 starts from a noised empty layer, which makes fainter defects; only at 1 is the
                contrast calibrated to the severity.
            padding_mask_crop: pixels around the mask that the network sees; ``None`` for 30 % of its longer side.
            generator: CPU generators, one for all in turn or one each; that of torch where ``None``.
            severity: 0 hardly visible to 1 obvious; drawn from the range of the words where ``None``.
            guided_share: share of the steps, from the noisiest on, in which the words have that weight, [0, 1]. What
                the defect is, is settled there; later guidance costs time and exaggerates contrast (Kynkäänniemi
                et al. 2024).
            output_type: ``"pil"`` or ``"np"``.
            width: taken for the sake of diffusers' call; a result has the size of its image.
            height: likewise.

        Raises:
            UnknownPromptError: if a prompt names no known defect.
            ValueError: if a mask is empty, sizes or numbers differ, or a setting is out of range.
        """
        require_settings(num_inference_steps, guidance_scale, strength, padding_mask_crop, guided_share, output_type)
        requests = read_requests(prompt, image, mask_image, negative_prompt, generator, severity)
        crops = [cut(_luminance(request.pixels), request.mask, padding_mask_crop) for request in requests]
        # kernels round differently for batches of different size: on the CPU each image goes through alone
        together = 1 if self.device.type == "cpu" else len(requests)
        sampling = (num_inference_steps, guidance_scale, strength, guided_share)
        results, labels = [], []
        for first in range(0, len(requests), together):
            part = slice(first, first + together)
            layers = self._denoise(requests[part], crops[part], *sampling)
            for request, crop, layer in zip(requests[part], crops[part], layers, strict=True):
                # the network gives the shape, the severity its contrast
                shape = calibrate(layer * crop.mask) if strength == 1 else layer
                contrast = np.float32(contrast_of(request.meaning.defect, request.severity))
                change = put_back(shape * contrast, crop, request.mask)
                results.append(_add(request.pixels, change, TINTS.get(request.meaning.defect), request.mask))
                labels.append(np.abs(change) > LABEL_ABOVE)
        images: list[Any] = [Image.fromarray(result) for result in results] if output_type == "pil" else results
        return PocketOutput(images, labels, [request.severity for request in requests])

    def _denoise(
        self,
        requests: list[Request],
        crops: list[Crop],
        steps: int,
        guidance: float,
        strength: float,
        guided_share: float,
    ) -> list[Field]:
        """Layers of shape ``(128, 128)``, about 1 where they are strongest."""
        condition = self._condition(crops)
        said = self._tokens([(request.meaning.defect, request.meaning.polarity) for request in requests])
        avoided = self._tokens([(request.avoided, "any") for request in requests])
        self.scheduler.set_timesteps(steps)
        timesteps = self.scheduler.timesteps[steps - max(1, int(steps * strength)) :]
        x = noise = torch.cat([request.noise for request in requests])
        if strength < 1:  # as diffusers does: start from the noised input, here the empty layer
            x = self.scheduler.add_noise(torch.zeros_like(noise), noise, timesteps[:1].repeat(len(noise)))
        guided = math.ceil(guided_share * len(timesteps)) if guidance > 1 else 0
        for i, t in enumerate(timesteps):
            if i < guided:
                both = self._velocity(x.repeat(2, 1, 1, 1), condition.repeat(2, 1, 1, 1), t, torch.cat([avoided, said]))
                empty, wanted = both.chunk(2)
                velocity = empty + guidance * (wanted - empty)  # Ho and Salimans 2022, Eq. 6
            else:
                velocity = self._velocity(x, condition, t, said)
            x = self.scheduler.step(velocity, t, x).prev_sample
        classes = torch.tensor([DEFECTS.index(request.meaning.defect) for request in requests])
        return list(self.scales.layers(x, classes)[:, 0].numpy())

    def _velocity(self, x: Tensor, condition: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        inputs = torch.cat([x.to(self.device), condition], dim=1)
        return self.unet(inputs, t, encoder_hidden_states=tokens).sample.cpu()

    def _condition(self, crops: list[Crop]) -> Tensor:
        """Masks and normal crops as the network sees them, ``(n, 32, 32, 32)``."""
        mask = haar(torch.from_numpy(np.stack([crop.mask for crop in crops]))[:, None])
        seen = haar(torch.from_numpy(np.stack([crop.seen.crop for crop in crops]))[:, None])
        return torch.cat([mask, seen * self.scales.crop.view(1, -1, 1, 1)], dim=1).to(self.device)

    def _tokens(self, said: Sequence[tuple[str | None, str]]) -> Tensor:
        classes = [len(DEFECTS) if defect is None else DEFECTS.index(defect) for defect, _ in said]
        polarities = [POLARITIES.index(polarity) for _, polarity in said]
        return self.words(torch.tensor(classes, device=self.device), torch.tensor(polarities, device=self.device))


def calibrate(layer: Field) -> Field:
    """A layer brought to the contrast that the training's layers have, 1 where they are strongest.

    Few steps shrink what is uncertain towards its mean, guidance stretches it; so severity would mean less for a dent
    than for a stain. The factor is held between 0.5 and 3: a layer that is almost empty stays so.
    """
    strong = np.abs(layer)
    peak = peak_of(strong, strong[strong > 0.3 * strong.max()])
    return layer * np.float32(np.clip(1 / max(peak, 1e-3), 0.5, 3))


def contrast_of(defect: str, severity: float) -> float:
    """Contrast of a defect in the network's units of the crop; ``good`` has none."""
    return 0.0 if defect == "good" else amplitude(defect, severity) / UNIT


def _luminance(pixels: np.ndarray) -> Field:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def _add(pixels: np.ndarray, change: Field, tint: tuple[float, float, float] | None, mask: np.ndarray) -> np.ndarray:
    """The image with the layer in each channel; a coloured image takes the colour of rust and dirt along."""
    colour = np.ones(3, np.float32)
    if tint is not None:
        spread = np.ptp(pixels.reshape(-1, 3).mean(0)) / 255  # a grey camera sees no colour
        # a dark change takes most of the channel that the tint has least of, hence the reversed order; 1.06 is about
        # the mean of the reversed tint times 1.5, so that the luminance keeps the change that was asked for
        colour = 1 + np.clip(4 * spread, 0, 1) * (np.array(tint, np.float32)[::-1] * 1.5 - 1.06) * 0.8
    changed = np.clip(pixels + 255 * change[..., None] * colour + 0.5, 0, 255).astype(np.uint8)
    return np.where((mask & (np.abs(change) > 0.5 / 255))[..., None], changed, pixels)
