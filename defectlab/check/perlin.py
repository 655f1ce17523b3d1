"""Exercises of the chapter on pasting."""

from __future__ import annotations

import numpy as np

from defectlab.check.exercise import Exercise, Mistake
from defectlab.experiments.pasting import fade, noise_deviation, noise_of_a_cell
from defectlab.synthesis.blend import blend

_MIDDLE, _EDGE = np.array(0.5), np.array(0.0)
_TOWARDS = np.pi / 4 * np.array([[1, 7], [3, 5]])
"""Directions from the four corners of a cell to its middle; down is zero, across a quarter turn."""


def _variances() -> list[float]:
    return [float(noise_deviation(_MIDDLE, _MIDDLE)) ** 2, float(noise_deviation(_EDGE, _MIDDLE)) ** 2]


def _slopes() -> list[float]:
    return [float(noise_of_a_cell(angles, _MIDDLE, _MIDDLE)) for angles in (np.zeros((2, 2)), _TOWARDS)]


def _pasted(opacity: float, *sources: int) -> np.ndarray:
    """What a pixel of 100 becomes under each source, as the package blends."""
    row = np.repeat(np.array(sources, np.uint8)[None, :, None], 3, axis=2)
    mask = np.ones(row.shape[:2], bool)
    return blend(np.full_like(row, 100), row, mask, opacity)[0, :, 0].astype(int)


def _labels() -> list[int]:
    moved = np.abs(_pasted(0.15, 100, 103, 98, 120, 250) - 100)
    return [len(moved), int((moved > 0).sum()), int((moved > 10).sum())]


def _near(value: object, wanted: float) -> bool:
    return bool(np.isclose(float(value), wanted, rtol=1e-2, atol=1e-4))  # type: ignore[arg-type]


EXERCISES = (
    Exercise(
        name="perlin.fade",
        title="Why a quintic?",
        level="easy",
        minutes=10,
        expected=lambda: [float(fade(np.array(0.25))), 0.0],
        hint="Put one quarter into the curve, then differentiate it twice and put in zero.",
        mistakes=(
            Mistake(
                [3 * 0.25**2 - 2 * 0.25**3, 6.0],
                "That is the older, cubic curve. Its second derivative does not vanish at the lattice.",
                "any smooth step will do",
            ),
            Mistake([0.25, 0.0], "A line has a kink at every lattice point.", "linear blending"),
            Mistake(
                lambda a: _near(a[0], float(fade(np.array(0.25)))),
                "The value is right. For the second derivative: has any of its terms no factor t?",
                "a polynomial bends everywhere",
                example=[float(fade(np.array(0.25))), 1.0],
            ),
            Mistake(
                lambda a: _near(a[1], 0),
                "The second derivative is right. Put one quarter into each of the three terms, with its own power.",
                "at one quarter the curve is at one quarter",
                example=[0.2, 0.0],
            ),
        ),
        praise="A jump of the second derivative shows as creases along the lattice once the noise shades a surface.",
    ),
    Exercise(
        name="perlin.middle",
        title="The middle of a cell",
        level="medium",
        minutes=15,
        expected=_variances,
        hint="Which corners have a weight there, and how far are they? Gradients are independent.",
        mistakes=(
            Mistake(
                lambda a: _near(a[0], 8**-0.5) or _near(a[1], 8**-0.5),
                "That is a standard deviation. Asked is the variance.",
                "variance and deviation are one",
                example=[8**-0.5, 8**-0.5],
            ),
            Mistake(
                lambda a: _near(a[0], 1 / 4),
                "Of a unit vector of random direction, which share of the square has one component?",
                "a prediction has the square of its distance as variance",
                example=[1 / 4, 1 / 4],
            ),
            Mistake(
                lambda a: _near(a[0], 1 / 32),
                "That is the part of one corner. How many corners are there?",
                "the mean of four alike is one of them",
                example=[1 / 32, 1 / 16],
            ),
            Mistake(
                lambda a: _near(a[0], 1 / 16),
                "The noise is multiplied by the root of two; its variance by two.",
                "scale is cosmetic",
                example=[1 / 16, 1 / 16],
            ),
            Mistake(
                lambda a: _near(a[0], 0.5),
                "Independent terms add their variances, with the squares of their weights.",
                "weights of a mean sum to one, so do variances",
                example=[0.5, 0.5],
            ),
            Mistake(
                lambda a: _near(a[0], 1 / 8),
                "The middle is right. On the edge two corners have no weight; the others are half a side away.",
                "the middle of a cell is the noisiest place",
                example=[1 / 8, 1 / 4],
            ),
        ),
        praise="Twice the same. Its root is about a third: a threshold of one half is the root of two deviations out.",
    ),
    Exercise(
        name="perlin.slopes",
        title="Four slopes",
        level="easy",
        minutes=10,
        expected=_slopes,
        hint="Write down the way from each corner to the middle, with its signs, and multiply it with the slope.",
        mistakes=(
            Mistake(
                lambda a: not _near(a[0], 0),
                "Equal slopes: what do two opposite corners predict, with which signs?",
                "slopes that point the same way add up",
                example=[1, 1],
            ),
            Mistake(
                [0, 0.5**0.5], "The equation of the noise has a factor before the sum.", "the noise is a plain mean"
            ),
            Mistake(
                [0, 2**0.5],
                "A slope has length one; how long is the way from a corner to the middle?",
                "a prediction is its slope",
            ),
            Mistake(
                [0, 4], "The four predictions are weighted; what is the sum of the weights?", "predictions are summed"
            ),
        ),
        praise="What exceeds a high threshold are hills: places to which several slopes point.",
    ),
    Exercise(
        name="perlin.blend",
        title="Three tenths of a texture",
        level="easy",
        minutes=5,
        expected=lambda: 130,
        tolerance=1e-6,
        hint="Image plus opacity times the difference.",
        mistakes=(
            Mistake(
                170,
                "You weighed the image with the opacity. It is the weight of the source.",
                "opacity is transparency",
            ),
            Mistake(60, "That is the part of the source alone; the image shows through.", "blending is scaling"),
        ),
        praise="DRAEM writes the same blend with beta, one minus the opacity: read which is meant.",
    ),
    Exercise(
        name="perlin.cut",
        title="A little brighter, a little darker",
        level="easy",
        minutes=5,
        expected=lambda: _pasted(0.3, 103, 97).tolist(),
        tolerance=1e-6,
        hint="Image plus opacity times the difference, in real numbers; then the fraction of the result is cut off.",
        mistakes=(
            Mistake([101, 99], "The fraction is cut off, not rounded.", "bytes are rounded"),
            Mistake(
                [100, 100],
                "Cut the fraction off the result, not off what is added to the image.",
                "small changes vanish whatever their sign",
            ),
            Mistake([100.9, 99.1], "A pixel is a byte: what becomes of the fraction?", "images are real numbers"),
            Mistake([103, 97], "That is an opacity of one.", "pasting replaces"),
        ),
        praise="Only the darker one is labelled as changed: the sign decides, though both are as far from the image.",
    ),
    Exercise(
        name="perlin.label",
        title="Drawn, changed, visible",
        level="medium",
        minutes=10,
        expected=_labels,
        tolerance=1e-6,
        hint="Blend each pixel, cut the fraction off, and count: all, those that are not 100, those more than 10 away.",
        mistakes=(
            Mistake(
                [5, 5, 1],
                "A pixel whose source equals the image looks exactly as before. Has it changed?",
                "the mask is the truth",
            ),
            Mistake([5, 4, 1], "Cut off the fraction of each result, then compare.", "any difference is a change"),
            Mistake([5, 2, 1], "The fraction is cut off, not rounded. Look at the darker source.", "bytes are rounded"),
            Mistake(
                lambda a: _near(a[2], 2),
                "The sources differ by more than that; the opacity makes the change smaller.",
                "the change is the difference of source and image",
                example=[5, 3, 2],
            ),
        ),
        praise="One pixel in five can be seen here, and three are labelled: a label is not what an eye sees.",
    ),
    Exercise(
        name="perlin.prior",
        title="A prior for your masks",
        level="hard",
        minutes=60,
        expected=None,
        hint="Say for each number of your law where it comes from, and what a mask is that the law must never draw.",
        mistakes=(
            Mistake(None, "Ask which real defects were looked at.", "a law fitted to real defects saw no real defects"),
            Mistake(None, "Ask for a mask that would fail the test.", "a property test repeats the code"),
        ),
        praise="Each number has a source that is not the test set.",
    ),
)
