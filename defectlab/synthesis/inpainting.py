"""One call that inpaints a batch, whatever the pipeline, and the geometry around it: stretch, crop, paste.

diffusers takes ``padding_mask_crop`` for a single image only. Here the crops are cut beforehand by the pipeline's own
functions, inpainted as one batch and laid over their images by the pipeline's own function, which gives what single
calls give. Each image has a generator of its own, so the noise of an image does not depend on its batch; batched
kernels may round differently, which was seen to move 1 value in 10,000 by 1 grey level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from defectlab.synthesis.pipelines import crops_batches

LATENT_STEP = 8  # pixels a latent of the Stable Diffusion family covers; sides must be multiples of it

Box = tuple[int, int, int, int]


def inpaint(
    pipeline: Any,
    images: Sequence[Image.Image],
    masks: Sequence[Image.Image],
    prompts: Sequence[str],
    noise_seeds: Sequence[int],
    *,
    negative_prompt: str | None,
    padding_mask_crop: int | None,
    **options: Any,
) -> list[Image.Image]:
    """Inpaint a batch of images of one size.

    Args:
        pipeline: called like a diffusers inpainting pipeline.
        images: RGB, one size; for the Stable Diffusion family with sides that 8 divides.
        masks: mode ``L``, 0 to 255, of the size of the images.
        prompts: one an image.
        noise_seeds: one an image.
        negative_prompt: for all images, or ``None``.
        padding_mask_crop: pixels around the bounding box of the mask that are inpainted with it, or ``None`` to
            inpaint the whole image.
        options: ``num_inference_steps``, ``guidance_scale``, ``strength``.

    Returns:
        RGB images of the size of the input. With ``padding_mask_crop`` pixels of mask 0 are those of the input,
        and grey mask values mix input and result.
    """
    arguments: dict[str, Any] = {
        "prompt": list(prompts),
        "negative_prompt": None if negative_prompt is None else [negative_prompt] * len(prompts),
        "generator": [torch.Generator().manual_seed(seed) for seed in noise_seeds],
        "output_type": "pil",
        **options,
    }
    if crops_batches(pipeline):
        arguments |= {"image": list(images), "mask_image": list(masks), "padding_mask_crop": padding_mask_crop}
        return list(pipeline(**arguments).images)
    width, height = images[0].size
    arguments |= {"width": width, "height": height}
    if padding_mask_crop is None:
        return list(pipeline(image=list(images), mask_image=list(masks), **arguments).images)
    boxes = [crop_box(pipeline, mask, padding_mask_crop) for mask in masks]
    crops = [_fill(pipeline.image_processor, image, box) for image, box in zip(images, boxes, strict=True)]
    crop_masks = [_fill(pipeline.mask_processor, mask, box) for mask, box in zip(masks, boxes, strict=True)]
    made = pipeline(image=crops, mask_image=crop_masks, **arguments).images
    overlay = pipeline.image_processor.apply_overlay
    return [overlay(mask, image, out, box) for mask, image, out, box in zip(masks, images, made, boxes, strict=True)]


def crop_box(pipeline: Any, mask: Image.Image, padding: int) -> Box:
    """Left, top, right, bottom of the region around a mask, grown to the shape of the image."""
    return pipeline.mask_processor.get_crop_region(mask, mask.width, mask.height, pad=padding)


def stretch(image: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """An RGB image brought to ``(height, width)``, not keeping its shape; PIL's default filter, bicubic."""
    return Image.fromarray(image).resize(size[::-1])


def stretch_mask(mask: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """A mask brought to ``(height, width)``, mode ``L``.

    Enlarged it has grey borders, as in the released script. Where a side shrinks, each pixel that the mask touches
    is 255, so that a thin defect does not vanish.
    """
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    if size[0] >= mask.shape[0] and size[1] >= mask.shape[1]:
        return plane.resize(size[::-1])
    touched = np.asarray(plane.resize(size[::-1], Image.Resampling.BOX)) > 0
    return Image.fromarray(touched.astype(np.uint8) * 255)


def paste(result: Image.Image, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The result inside the mask, the image bit-exact outside.

    Args:
        result: RGB, any size; brought back to that of the image.
        image: uint8, shape ``(H, W, 3)``.
        mask: bool, shape ``(H, W)``.
    """
    return np.where(mask[..., None], unstretch(result, mask.shape), image)


def unstretch(result: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    """A result brought back to ``(H, W)``, uint8 ``(H, W, 3)``."""
    return np.asarray(result.convert("RGB").resize((shape[1], shape[0])))


def canvas_of(pipeline: Any, shape: tuple[int, int], canvas: int | None) -> tuple[int, int]:
    """Height and width that a pipeline works at: the square canvas, or the size of the image itself.

    The Stable Diffusion family needs sides that 8 divides; the size of the image is rounded up for it.
    """
    if canvas is not None:
        return canvas, canvas
    step = 1 if crops_batches(pipeline) else LATENT_STEP
    return -(-shape[0] // step) * step, -(-shape[1] // step) * step


def _fill(processor: Any, image: Image.Image, box: Box) -> Image.Image:
    """The box of an image, enlarged to the size of the image as diffusers does it."""
    return processor.resize(image.crop(box), height=image.height, width=image.width, resize_mode="fill")
