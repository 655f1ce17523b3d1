"""From what a text-to-image model gives to the tall images of a surface: a rule that In&Out leaves open.

The paper samples squares of 512 and trains on images of 200 x 600; how the one becomes the other is not stated.

| rule | generated at | then | keeps a defect's shape | keeps all of the image |
|---|---|---|---|---|
| `native` | the aspect of the target, the area of the square | resized | yes, but for the rounding of sides | yes |
| `stretch` | the square | resized | no: a third as wide at 200 x 600 | yes |
| `crop` | the square | cut around its centre to the aspect, resized | yes | no: a third of it at 200 x 600 |

`native` is the default. The release trains in buckets that keep the aspect (256 x 832 for 200 x 600), so the model saw
defects in their shape on tall images, and only here are they generated, labelled and seen by the classifier so. Under
`stretch` a crack of 45 degrees comes out at 72, and under `crop` a defect may lie in what is cut off while its image
stays labelled defective. What speaks against `native` is that Stable Diffusion was pretrained on squares.
"""

from __future__ import annotations

import math

import numpy as np

from defectlab.choices import unknown_choice
from defectlab.data.images import resize_image

RULES = ("native", "stretch", "crop")

Size = tuple[int, int]


def require_rule(rule: str) -> None:
    """Refuses a rule that is none of `RULES`.

    Raises:
        ValueError: with the rules there are.
    """
    if rule not in RULES:
        raise unknown_choice("square_to_tall", rule, RULES)


def generated_size(rule: str, target: Size, side: int, step: int) -> Size:
    """Height and width to generate at.

    Args:
        rule: of `RULES`.
        target: height and width of the images wanted.
        side: of the square; ``native`` keeps its area as near as ``step`` allows.
        step: sides of generated images are multiples of it.

    Raises:
        ValueError: if the rule is unknown, or the square is smaller than a step or no multiple of it.
    """
    require_rule(rule)
    if side < step or side % step:
        raise ValueError(f"side: expected a multiple of {step}, the step of the model's sizes, got {side}")
    if rule != "native":
        return side, side
    height, width = target
    # sides of the rectangle with the square's area and the target's aspect
    exact = side * math.sqrt(height / width), side * math.sqrt(width / height)
    return _rounded(exact[0], step), _rounded(exact[1], step)


def to_target(image: np.ndarray, target: Size, rule: str) -> np.ndarray:
    """A generated image brought to the size of the surface.

    Args:
        image: uint8, shape ``(H, W, 3)``, of `generated_size`.
        target: height and width of the result.
        rule: of `RULES`.

    Returns:
        uint8, shape ``(*target, 3)``.
    """
    require_rule(rule)
    return resize_image(_cut_to_aspect(image, target) if rule == "crop" else image, target)


def _cut_to_aspect(image: np.ndarray, target: Size) -> np.ndarray:
    """The largest part around the centre with the aspect of the target."""
    height, width = image.shape[:2]
    scale = min(height / target[0], width / target[1])
    part = max(1, round(target[0] * scale)), max(1, round(target[1] * scale))
    top, left = (height - part[0]) // 2, (width - part[1]) // 2
    return np.ascontiguousarray(image[top : top + part[0], left : left + part[1]])


def _rounded(length: float, step: int) -> int:
    return max(step, round(length / step) * step)
