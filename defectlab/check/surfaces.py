"""Exercises of the chapter on data."""

from __future__ import annotations

from math import comb

from defectlab.check.exercise import Exercise, Mistake

_RATE = 246 / 2331


def _a_sibling_in_training() -> float:
    # of the 47 other photographs 38 are in training; the chance that all three siblings are among the other 9
    return 1 - comb(9, 3) / comb(47, 3)


EXERCISES = (
    Exercise(
        name="surfaces.empty-batch",
        title="A batch without a defect",
        level="easy",
        minutes=5,
        expected=lambda: (1 - _RATE) ** 32,
        tolerance=0.02,
        hint="Every image of the batch has to be normal, one independent of the other.",
        mistakes=(
            Mistake(_RATE**32, "That is a batch of defects alone.", "and, or, not"),
            Mistake(
                (1 - 246 / 2085) ** 32,
                "The base rate is a share of all images, normal and defective.",
                "base rate is the odds",
            ),
            Mistake(1 - (1 - _RATE) ** 32, "That is the chance that there is at least one.", "complement"),
        ),
        praise="Rare enough to go unseen, frequent enough to matter: hence balanced batches.",
    ),
    Exercise(
        name="surfaces.thin-scratch",
        title="The scratch that vanished",
        level="medium",
        minutes=10,
        expected=lambda: [1 / 4, 0.0, 1.0],
        hint="Which rows does each way look at, and what is left of a single white one among four?",
        mistakes=(
            Mistake(
                [1 / 16, 0, 1],
                "The line runs along the image: only its row has to be met.",
                "sampling in two directions always squares the chance",
            ),
            Mistake(
                [1 / 4, 1, 1],
                "The average of one white and three black rows is one quarter; is that above one half?",
                "averages keep everything",
            ),
            Mistake([1, 0, 1], "Nearest keeps one row of four and throws the others away.", "nearest keeps lines"),
        ),
        praise="An image that is labelled defective and whose mask is empty teaches the opposite of what it shows.",
    ),
    Exercise(
        name="surfaces.siblings",
        title="Photographs of one part",
        level="hard",
        minutes=20,
        expected=_a_sibling_in_training,
        tolerance=2e-3,
        hint="Fix one test image. Where must its three siblings lie if none is in training? Count the ways.",
        mistakes=(
            Mistake(
                0.8,
                "That is the chance that one given sibling is in training. There are three.",
                "one sibling is enough to count",
            ),
            Mistake(
                1 - 0.2**3,
                "Close: but the test set has ten places, one is taken, and siblings cannot share one.",
                "drawing with replacement",
            ),
        ),
        praise="A random split of photographs is no split of parts: nearly every test part was seen in training.",
    ),
    Exercise(
        name="surfaces.datasheet",
        title="Write the datasheet",
        level="medium",
        minutes=30,
        expected=None,
        hint="Go through your page as somebody who was not there: what could they not find out?",
        mistakes=(
            Mistake(None, "Ask who decided what a defect is, and what happened to doubtful parts.", "labels are facts"),
            Mistake(None, "Ask for counts of objects, not of photographs.", "photographs are independent"),
        ),
        praise="The page says what is missing and what the images must not be used for.",
    ),
)
