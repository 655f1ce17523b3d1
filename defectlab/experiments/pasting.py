"""What Perlin masks look like in numbers, and what a pasted texture really changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from defectlab.data import load_dataset
from defectlab.data.surfaces import texture
from defectlab.synthesis.blend import blend, changed
from defectlab.synthesis.perlin import Perlin, draw_angles, perlin_noise


def fade(t: np.ndarray) -> np.ndarray:
    """The curve that Perlin's noise is blended along: 0 to 1, flat and unbent at both ends."""
    return t**3 * (t * (6 * t - 15) + 10)  # Eq. fade


def noise_of_a_cell(angles: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Perlin noise in one cell as the equations say it, corner by corner; `perlin_noise` gives the same, faster.

    Args:
        angles: directions of the slopes at the corners in radians, shape ``(2, 2)``; zero points down.
        u: offset down from the upper left corner, in [0, 1].
        v: offset across from there, in [0, 1].

    Source: Perlin 1985, with the fade of Perlin 2002 and the scale of DRAEM's released code.
    """
    noise = np.zeros(np.broadcast(u, v).shape)
    for i in (0, 1):
        for j in (0, 1):
            down, across = np.cos(angles[i, j]), np.sin(angles[i, j])
            prediction = down * (u - i) + across * (v - j)  # Eq. corner
            weight = np.abs(1 - i - fade(u)) * np.abs(1 - j - fade(v))
            noise += np.sqrt(2) * weight * prediction  # Eq. noise
    return noise


def noise_deviation(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Standard deviation of Perlin noise at offsets in a cell, from its four corners.

    Args:
        u: offset down, in [0, 1].
        v: offset across, in [0, 1].
    """
    variance = np.zeros(np.broadcast(u, v).shape)
    for i in (0, 1):
        for j in (0, 1):
            weight = np.abs(1 - i - fade(u)) * np.abs(1 - j - fade(v))
            variance += weight**2 * ((u - i) ** 2 + (v - j) ** 2)  # Eq. variance: 2 times one half
    return np.sqrt(variance)


def deviation_along_diagonal(n: int, seed: int, points: int = 33) -> pd.DataFrame:
    """Deviation of the noise from corner to corner of a cell: columns ``offset, deviation, kind``.

    Args:
        n: cells that are drawn.
        seed: of the gradients.
        points: offsets, both corners included.
    """
    rng = np.random.default_rng(seed)
    side = points - 1
    drawn = np.stack([np.diagonal(perlin_noise(draw_angles(rng, (1, 1)), side, side)) for _ in range(n)])
    offset = np.arange(side) / side
    measured = pd.DataFrame({"offset": offset, "deviation": drawn.std(0), "kind": "measured"})
    derived = pd.DataFrame({"offset": offset, "deviation": noise_deviation(offset, offset), "kind": "derived"})
    return pd.concat([measured, derived], ignore_index=True)


def cells_above(threshold: float, n: int, seed: int, side: int = 32) -> float:
    """Share of ``n`` random cells of ``side`` pixels in which the noise exceeds a threshold somewhere."""
    rng = np.random.default_rng(seed)
    return float(np.mean([perlin_noise(draw_angles(rng, (1, 1)), side, side).max() > threshold for _ in range(n)]))


def mask_law(law: Perlin, n: int, size: tuple[int, int], seed: int) -> pd.DataFrame:
    """Masks drawn from a law, one line each.

    Args:
        law: of the masks; it is made to keep empty ones.
        n: masks.
        size: ``(height, width)``.
        seed: of the draws.

    Returns:
        Columns ``cells_down, cells_across, area`` (share of the image), ``empty``.
    """
    rng = np.random.default_rng(seed)
    honest = replace(law, allow_empty=True)
    drawn = [honest.draw(rng, *size) for _ in range(n)]
    rows = [(*mask.cells, float(mask.mask.mean()), not mask.mask.any()) for mask in drawn]
    return pd.DataFrame(rows, columns=["cells_down", "cells_across", "area", "empty"])


def empty_by_lattice(masks: pd.DataFrame) -> pd.DataFrame:
    """Share of empty masks with the number drawn, one line for each number of cells down; a dash where none was drawn.

    Args:
        masks: from `mask_law`.

    Returns:
        Columns ``cells down`` and one for each number of cells across, text such as ``"0.25 of 8"``.
    """
    counts = sorted({*masks["cells_down"], *masks["cells_across"]})
    rows: list[dict[str, Any]] = []
    for down in counts:
        line = masks[masks["cells_down"] == down]
        found = {f"{across} across": line.loc[line["cells_across"] == across, "empty"] for across in counts}
        cells = {name: f"{empty.mean():.2f} of {len(empty)}" if len(empty) else "–" for name, empty in found.items()}
        rows.append({"cells down": down, **cells})
    return pd.DataFrame(rows)


def area_quantiles(drawn: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How large masks are, empty ones left out.

    Args:
        drawn: masks of each law from `mask_law`, by the name that is shown.

    Returns:
        Columns ``law, masks, 5 %, median, 95 %`` (shares of the image), ``95 % over 5 %``, as text with two digits;
        dashes where all masks are empty.
    """
    rows = []
    for name, masks in drawn.items():
        kept = masks.loc[~masks["empty"], "area"].to_numpy()
        low, middle, high = np.quantile(kept, [0.05, 0.5, 0.95]) if len(kept) else [np.nan] * 3
        shown = [f"{value:.2g}" if len(kept) else "–" for value in (low, middle, high, high / low)]
        rows.append((name, len(kept), *shown))
    return pd.DataFrame(rows, columns=["law", "masks", "5 %", "median", "95 %", "95 % over 5 %"])


def areas(masks: pd.DataFrame, name: str) -> pd.DataFrame:
    """Cumulative share of the masks that are not empty by their area: columns ``area, share, law``."""
    values = np.sort(masks.loc[~masks["empty"], "area"].to_numpy())
    return pd.DataFrame({"area": values, "share": np.arange(1, len(values) + 1) / len(values), "law": name})


def place_of_masks(law: Perlin, n: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """How often each pixel is in a mask, brightest where most often: uint8 ``(height, width, 3)``."""
    rng = np.random.default_rng(seed)
    share = np.mean([law.draw(rng, *size).mask for _ in range(n)], axis=0)
    return as_picture(share / share.max() * 2 - 1)


def as_picture(noise: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] as grey, uint8 ``(height, width, 3)``."""
    level = np.clip((noise + 1) * 127.5, 0, 255).round().astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def lattices(cells: Sequence[int], side: int, seed: int) -> list[np.ndarray]:
    """Noise of different fineness, each in [-1, 1], ``(side, side)``."""
    rng = np.random.default_rng(seed)
    return [perlin_noise(draw_angles(rng, (count, count)), side, side) for count in cells]


def ingredients(size: tuple[int, int], law: Perlin, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A normal image and a foreign texture, uint8 ``(height, width, 3)``, and a mask, bool ``(height, width)``."""
    rng = np.random.default_rng(seed)
    normal = load_dataset("surfaces", "train", size=size, scale=0.01, seed=seed)[0].image
    pixels = (normal * 255).round().byte().permute(1, 2, 0).numpy()
    return pixels, texture(rng, *size), law.draw(rng, *size).mask


def visible(
    opacities: Sequence[float], levels: Sequence[int], size: tuple[int, int], law: Perlin, n: int, seed: int
) -> pd.DataFrame:
    """Share of the pixels of a mask that really changed, by opacity.

    Args:
        opacities: of the pasted texture.
        levels: a pixel counts as changed where a channel differs by more than so many grey levels.
        size: ``(height, width)``.
        law: of the masks.
        n: images.
        seed: of the first image; the others have the following.

    Returns:
        Columns ``opacity, share, by more than``.
    """
    made = [ingredients(size, law, seed + i) for i in range(n)]
    rows: list[tuple[Any, ...]] = []
    for opacity in opacities:
        pairs = [(pixels, blend(pixels, source, mask, opacity), mask) for pixels, source, mask in made]
        for level in levels:
            shares = [float(_moved(before, after, level)[mask].mean()) for before, after, mask in pairs]
            rows.append((opacity, float(np.mean(shares)), f"{level} grey levels"))
    return pd.DataFrame(rows, columns=["opacity", "share", "by more than"])


def grain(size: tuple[int, int], n: int, seed: int) -> float:
    """Standard deviation of the noise of a camera on normal images, in grey levels.

    Taken from neighbours down a column: where the surface is smooth they differ by their two grains alone, whose
    variances add. Texture of the surface counts as grain, as it does for an eye that looks for a faint defect.
    """
    normal = [ingredients(size, Perlin(threshold=0), seed + i)[0].astype(float) for i in range(n)]
    return float(np.mean([np.diff(pixels, axis=0).std() for pixels in normal]) / np.sqrt(2))


def shift_of_cutting(opacities: Sequence[float], size: tuple[int, int], law: Perlin, n: int, seed: int) -> pd.DataFrame:
    """How far pasted pixels lie from the blend in real numbers, where fractions are cut off and where they are rounded.

    Args:
        opacities: of the pasted texture.
        size: ``(height, width)``.
        law: of the masks.
        n: images.
        seed: of the first image; the others have the following.

    Returns:
        Columns ``opacity, shift, fractions``: mean over the pixels of the masks, in grey levels.
    """
    made = [ingredients(size, law, seed + i) for i in range(n)]
    rows = []
    for opacity in opacities:
        exact = [pixels[mask] + opacity * (source[mask] - pixels[mask].astype(float)) for pixels, source, mask in made]
        kept = [blend(pixels, source, mask, opacity)[mask] for pixels, source, mask in made]
        wanted = np.concatenate(exact)
        rows.append((opacity, float((np.concatenate(kept) - wanted).mean()), "cut off, as MemSeg does"))
        rows.append((opacity, float((np.round(wanted) - wanted).mean()), "rounded"))
    return pd.DataFrame(rows, columns=["opacity", "shift", "fractions"])


def outside_is_untouched(pixels: np.ndarray, source: np.ndarray, mask: np.ndarray, opacity: float) -> bool:
    """True where no pixel outside the mask differs after blending, to the bit."""
    return not (changed(pixels, blend(pixels, source, mask, opacity)) & ~mask).any()


def _moved(before: np.ndarray, after: np.ndarray, level: int) -> np.ndarray:
    return (np.abs(before.astype(int) - after) > level).any(-1)
