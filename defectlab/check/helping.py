"""Exercises of the chapter on whether synthetic images help."""

from __future__ import annotations

import math

from defectlab.check.exercise import Exercise, Mistake
from defectlab.evaluation.calibration import calibration_error, prior_shift, probability
from defectlab.evaluation.saturation import Saturation

EXERCISES = (
    Exercise(
        name="helping.enough",
        title="How many are enough?",
        level="easy",
        minutes=5,
        expected=lambda: Saturation(1.0, 1.0, 30.0).count_for(0.95),
        tolerance=0.01,
        hint="What is left of the gain after n images? Set it to one twentieth and solve for n.",
        mistakes=(
            Mistake(0.95 * 30, "After c images a share of one minus 1/e is reached, and no more.", "c is the end"),
            Mistake(
                lambda a: abs(abs(float(a)) - abs(30 * math.log(0.95))) < 0.05,
                "That is where five per cent are reached: look which share is left.",
                "what is reached is what is left", example=-30 * math.log(0.95),
            ),
            Mistake(30, "That many reach a share of one minus 1/e.", "c is the end"),
        ),
        praise="Three times the scale: beyond it, more images buy next to nothing.",
    ),
    Exercise(
        name="helping.arrangements",
        title="Two seeds that rise",
        level="medium",
        minutes=10,
        expected=lambda: 1 / 36,
        tolerance=0.01,
        hint="In how many ways can the three values of one seed stand at the three counts? The seeds are independent.",
        mistakes=(
            Mistake(1 / 6, "That is one seed.", "seeds add nothing"),
            Mistake(1 / 3, "That asks for the highest at the end only; and there are two seeds.", "a rise is its end"),
            Mistake(1 / 720, "Values are shuffled within a seed, not between seeds.", "all six are alike"),
        ),
        praise="Three seeds would give one in 216; a seed's own level never enters.",
    ),
    Exercise(
        name="helping.share",
        title="One defect in fifty",
        level="medium",
        minutes=10,
        expected=lambda: float(probability(1.0, shift=prior_shift(0.5, 0.02))),
        tolerance=0.02,
        hint="Add the difference of the two log odds to the logit, then take the sigmoid.",
        mistakes=(
            Mistake(float(probability(1.0)), "That is true where half of the images are defective.", "scores are "
                    "probabilities"),
            Mistake(0.02 * float(probability(1.0)), "Odds are multiplied, not probabilities.", "priors multiply "
                    "probabilities"),
            Mistake(float(probability(1.0, shift=-prior_shift(0.5, 0.02))), "Defects are rarer in the plant. Which "
                    "sign?", "the shift has the other sign"),
        ),
        praise="A score that looked sure is one false alarm after another where defects are rare.",
    ),
    Exercise(
        name="helping.ece",
        title="Four predictions",
        level="easy",
        minutes=10,
        expected=lambda: calibration_error([0, 1, 1, 1], [0.1, 0.4, 0.8, 0.9], bins=2),
        hint="For each bin: the mean probability and the share of defects. Weigh the gaps by the images of the bin.",
        mistakes=(
            Mistake(0.25, "That is the mean distance of each prediction from its label, without bins.", "every image "
                    "is a bin"),
            Mistake(0.105, "That is the Brier score.", "all scores of probabilities are one"),
            Mistake(0.4, "You added the gaps; weigh each by its share of the images.", "gaps add up"),
        ),
        praise="Within a bin errors to both sides cancel: that is why the number of bins belongs beside an ECE.",
    ),
    Exercise(
        name="helping.directions",
        title="Which one learned its synthesizer?",
        level="medium",
        minutes=10,
        expected=lambda: "B",
        hint="Whose classifier finds its own kind of defect and misses the real one, although the two kinds look alike "
        "to somebody who knows real defects?",
        mistakes=(
            Mistake("A", "Its classifier carries over to real defects.", "high numbers are suspicious"),
            Mistake("C", "Its classifier finds real defects better than any other; that others do not recognise its "
                    "images is no harm.", "images that look unreal cannot help"),
        ),
        praise="Find out by undoing the defect, as in the chapter that puts synthesizers side by side.",
    ),
    Exercise(
        name="helping.curriculum",
        title="Plan a curriculum",
        level="hard",
        minutes=30,
        expected=None,
        hint="Write down what is held fixed before you say what is better.",
        mistakes=(
            Mistake(None, "Ask how many steps each arm had.", "more training is a better order"),
            Mistake(None, "Ask on which images the switch was chosen.", "the best moment is found by looking"),
        ),
        praise="The arms differ in one thing, and the plan says which result would end it.",
    ),
)  # fmt: skip
