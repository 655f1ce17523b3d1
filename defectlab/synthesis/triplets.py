"""The triplets of DIAG: a normal image, a description of a defect, a region; drawn for each image by itself.

Source: DIAG, section III-B. The released script seeds one Python generator for the whole run and draws mask, then
normal image, one behind the other, so that an image depends on all before it. Here image ``i`` has a generator of
its own, seeded by ``(seed, i)``: a set may be cut, made longer or resumed, and its images stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defectlab.choices import unknown_choice

if TYPE_CHECKING:
    from defectlab.data.base import SurfaceDataset
    from defectlab.synthesis.masks import MaskSource

ORDERS = ("paper", "random")
TRIPLET_STREAM, NOISE_STREAM = 0, 1  # two independent streams of random numbers an image


@dataclass(frozen=True)
class Triplet:
    """What one synthetic image is made from.

    Attributes:
        index: of the image in its set.
        image: the normal image, uint8, shape ``(H, W, 3)``.
        source: id of the normal image in its data set.
        prompt: description of the defect.
        mask: bool, shape ``(H, W)``, true where the defect goes; never empty.
        mask_id: says which mask it is.
        noise_seed: seed of the generator of the diffusion noise, in [0, 2^63).
    """

    index: int
    image: np.ndarray
    source: str
    prompt: str
    mask: np.ndarray
    mask_id: str
    noise_seed: int


def draw_triplet(
    normals: SurfaceDataset, masks: MaskSource, prompts: Sequence[str], index: int, n: int, seed: int, order: str
) -> Triplet:
    """The triplet ``(i_n, d_a, m_a)`` of one image, a function of its arguments alone.

    Normal image and mask do not depend on the order of the prompts, and the normal image not on the masks, so
    that sets which differ in one of them can be compared image by image.

    Args:
        normals: normal images.
        masks: where masks come from.
        prompts: descriptions of defects.
        index: of the image, at least 0.
        n: size of the set; matters for ``order="paper"`` alone.
        seed: of the set.
        order: see `prompt_of`.

    Raises:
        ValueError: if the mask is empty or of another size than the image.
    """
    rng = np.random.default_rng([seed, index, TRIPLET_STREAM])
    chosen = int(rng.integers(len(normals)))
    prompt = prompt_of(prompts, index, n, order, rng)
    sample = normals[chosen]
    image = (sample.image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    height, width = image.shape[:2]
    mask, mask_id = masks.draw(rng, height, width)
    if mask.shape != (height, width) or not mask.any():
        what = "an empty mask" if mask.shape == (height, width) else f"a mask of {mask.shape}"
        raise ValueError(f"mask {mask_id!r} for image {index}: expected a defect in {(height, width)}, got {what}")
    return Triplet(index, image, normals.records[chosen].id, prompt, mask, mask_id, noise_seed(seed, index))


def prompt_of(prompts: Sequence[str], index: int, n: int, order: str, rng: np.random.Generator) -> str:
    """The description of one image.

    ``"paper"``: the prompts one behind the other, ``n / len(prompts)`` images each, as the released script makes
    them; the prompt of image 45 then depends on ``n``. ``"random"``: one prompt drawn for each image.

    Raises:
        ValueError: if the order is not one of these.
    """
    drawn = int(rng.random() * len(prompts))  # one number in either order, so that the mask that follows is the same
    if order not in ORDERS:
        raise unknown_choice("order of prompts", order, ORDERS)
    return prompts[index * len(prompts) // n if order == "paper" else drawn]


def noise_seed(seed: int, index: int) -> int:
    """Seed of the diffusion noise of one image, for ``torch.Generator().manual_seed``."""
    state = np.random.SeedSequence([seed, index, NOISE_STREAM]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
