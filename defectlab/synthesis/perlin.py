"""Perlin noise of any size, and the binary masks that DRAEM and MemSeg cut out of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SQRT_2 = np.float32(np.sqrt(2))


@dataclass(frozen=True)
class PerlinMask:
    """A mask with the draw that made it.

    Attributes:
        mask: bool, shape ``(H, W)``.
        cells: number of lattice cells along the height and along the width.
        rotation: degrees the noise was turned by.
        draws: how many draws it took to find a mask that is not empty; 1 where the first would do.
    """

    mask: np.ndarray
    cells: tuple[int, int]
    rotation: float
    draws: int


@dataclass(frozen=True)
class Perlin:
    """The law that Perlin masks are drawn from; the defaults are DRAEM's and MemSeg's.

    A mask with no pixel is drawn again in full (lattice, angles and rotation), so that masks follow DRAEM's law on
    condition that they are not empty. DRAEM keeps the empty ones and calls the image normal; others keep them and
    call the image defective.

    The rotation leaves zeros where the turned noise does not reach, as in the released code: corners of a square
    image, and more of an elongated one, get fewer defects than its centre.

    Attributes:
        exponents: range of the exponents ``e`` of the number of cells ``2**e``, upper bound exclusive; drawn
            independently for height and width.
        threshold: the mask is where the noise is above it.
        rotation: the noise is turned by an angle uniform in ``[-rotation, rotation]``, in degrees.
        allow_empty: return an empty mask instead of drawing again.
        max_draws: draws before giving up.

    Source: Zavrtanik et al. 2021 (DRAEM), section 3.3, with the constants of its released code.
    """

    exponents: tuple[int, int] = (0, 6)
    threshold: float = 0.5
    rotation: float = 90.0
    allow_empty: bool = False
    max_draws: int = 1000

    def __post_init__(self) -> None:
        low, high = self.exponents
        if not 0 <= low < high <= 12:
            raise ValueError(f"exponents must satisfy 0 <= low < high <= 12, got {self.exponents}")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must lie in [0, 1), noise does not exceed 1, got {self.threshold}")
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation must lie in [0, 180] degrees, got {self.rotation}")
        if self.max_draws < 1:
            raise ValueError(f"max_draws must be at least 1, got {self.max_draws}")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> PerlinMask:
        """Draws one mask of shape ``(height, width)``.

        Raises:
            ValueError: if the size is not positive.
            RuntimeError: if ``max_draws`` masks were empty one behind the other, as on an image of few pixels.
        """
        if height < 1 or width < 1:
            raise ValueError(f"a mask needs a positive size, got height {height} and width {width}")
        for draws in range(1, self.max_draws + 1):
            exponents = rng.integers(*self.exponents, size=2)
            cells = (1 << int(exponents[0]), 1 << int(exponents[1]))
            noise = perlin_noise(draw_angles(rng, cells), height, width)
            rotation = float(rng.uniform(-self.rotation, self.rotation))
            mask = rotate(noise, rotation) > self.threshold
            if self.allow_empty or mask.any():
                return PerlinMask(mask, cells, rotation, draws)
        raise RuntimeError(
            f"{self.max_draws} Perlin masks of {height} x {width} were empty: use a larger image (32 pixels a side "
            f"are enough) or a threshold below {self.threshold}"
        )


def draw_angles(rng: np.random.Generator, cells: tuple[int, int]) -> np.ndarray:
    """Directions of the lattice's gradients, float32 radians in [0, 2 pi), shape ``(cells_y + 1, cells_x + 1)``."""
    return rng.random((cells[0] + 1, cells[1] + 1), dtype=np.float32) * np.float32(2 * np.pi)


def perlin_noise(angles: np.ndarray, height: int, width: int) -> np.ndarray:
    """Perlin noise for given gradient directions.

    The classical formula: at a pixel, the dot products of the four surrounding unit gradients with the offsets from
    their lattice points, blended bilinearly with faded weights, times the square root of 2. A side that the number
    of cells does not divide is made on the next multiple and cropped.

    Blending along the height leaves one affine function of the column offset for each row and lattice column; what
    remains along the width is a product of a ``(height * cells_x, 4)`` with a ``(4, cell width)`` matrix.

    Args:
        angles: radians, shape ``(cells_y + 1, cells_x + 1)``.
        height: rows of the noise.
        width: columns of the noise.

    Returns:
        float32, shape ``(height, width)``, about [-1, 1], 0 at lattice points.

    Source: Perlin 1985 (random gradients), Perlin 2002 (the fade of degree five); the scale is that of DRAEM's
    released code.
    """
    cells_y, cells_x = angles.shape[0] - 1, angles.shape[1] - 1
    y, fade_y = (part[:, None] for part in _cell(height, cells_y))
    x, fade_x = _cell(width, cells_x)
    angles = angles[:, None].astype(np.float32, copy=False)
    gradient_y, gradient_x = SQRT_2 * np.cos(angles), SQRT_2 * np.sin(angles)
    # along the height: a row's noise near lattice column j is constant[j] + slope[j] * (x - j)
    constant = (1 - fade_y) * y * gradient_y[:-1] + fade_y * (y - 1) * gradient_y[1:]
    slope = (1 - fade_y) * gradient_x[:-1] + fade_y * gradient_x[1:]
    lines = np.stack([constant, slope], axis=-1).reshape(-1, cells_x + 1, 2)[:height]
    # along the width, with the fade f: (1 - f) (constant[j] + slope[j] x) + f (constant[j+1] + slope[j+1] (x - 1))
    rows = np.concatenate([lines[:, :-1], lines[:, 1:]], axis=-1).reshape(-1, 4)
    columns = np.stack([1 - fade_x, (1 - fade_x) * x, fade_x, fade_x * (x - 1)])
    return (rows @ columns).reshape(height, -1)[:, :width]


def rotate(noise: np.ndarray, degrees: float) -> np.ndarray:
    """The noise turned clockwise about the centre of the image, bilinear, zero where nothing was."""
    height, width = noise.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    return cv2.warpAffine(noise, turn, (width, height), flags=cv2.INTER_LINEAR)


def _cell(side: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of the pixels of one cell from its lattice point, in [0, 1), and the fade there; float32."""
    length = -(-side // cells)
    t = np.arange(length) / length
    fade = t**3 * (t * (6 * t - 15) + 10)  # 6 t^5 - 15 t^4 + 10 t^3, in double: it cancels near 1
    return t.astype(np.float32), fade.astype(np.float32)
