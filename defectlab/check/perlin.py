"""Exercises of the chapter on pasting."""

from __future__ import annotations

import numpy as np

from defectlab.check.exercise import Exercise, Mistake
from defectlab.experiments.pasting import fade, noise_deviation

_MIDDLE = np.array(0.5)

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
        ),
        praise="A jump of the second derivative shows as creases along the lattice once the noise shades a surface.",
    ),
    Exercise(
        name="perlin.middle",
        title="The middle of a cell",
        level="medium",
        minutes=15,
        expected=lambda: float(noise_deviation(_MIDDLE, _MIDDLE)) ** 2,
        hint="Four corners of equal weight, each at the same squared distance; gradients are independent.",
        mistakes=(
            Mistake(1 / 16, "The noise is multiplied by the root of two; its variance by two.", "scale is cosmetic"),
            Mistake(
                0.5,
                "Independent terms add their variances, with the squares of their weights.",
                "weights of a mean sum to one, so do variances",
            ),
        ),
        praise="A deviation of about a third: a threshold of one half is one and a half deviations out.",
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
        name="perlin.label",
        title="Which pixels are labelled?",
        level="medium",
        minutes=10,
        expected=lambda: "changed",
        hint="A segmenter is asked to find what can be seen. Answer 'drawn' or 'changed'.",
        mistakes=(
            Mistake(
                "drawn",
                "A pixel of the mask whose source equals the image looks exactly as before. Is it a defect?",
                "the mask is the truth",
            ),
        ),
        praise="The labels then say what an eye could find, at least in principle.",
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
