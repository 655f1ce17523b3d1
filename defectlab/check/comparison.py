"""Exercises of the chapter that puts the papers side by side."""

from __future__ import annotations

import math

from scipy import stats

from defectlab.check.exercise import Exercise, Mistake

FIRST, SECOND = (71, 64, 69, 60), (68, 60, 67, 57)
"""AP in per cent of two methods that share their seeds."""
DIFFERENCES = tuple(a - b for a, b in zip(FIRST, SECOND, strict=True))


def half_width(values: tuple[int, ...]) -> float:
    """Half of the 95 % t-interval of a mean."""
    n, mean = len(values), sum(values) / len(values)
    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)


def _unpaired() -> float:
    variances = [stats.tvar(values) / len(values) for values in (FIRST, SECOND)]
    return float(stats.t.ppf(0.975, 2 * len(FIRST) - 2)) * math.sqrt(sum(variances))


EXERCISES = (
    Exercise(
        name="comparison.paired",
        title="Pair the seeds",
        level="easy",
        minutes=5,
        expected=lambda: half_width(DIFFERENCES),
        tolerance=0.02,
        hint="Subtract seed by seed first, then take deviation, square root of the number, and Student's quantile.",
        mistakes=(
            Mistake(
                _unpaired(),
                "That treats the two methods as unrelated. What do a good and a bad seed have in common for both?",
                "two samples are compared by their means",
            ),
            Mistake(
                half_width(DIFFERENCES) / float(stats.t.ppf(0.975, 3)) * 1.96,
                "With four seeds the normal quantile is too small.",
                "1.96 serves for any number of seeds",
            ),
            Mistake(2 * half_width(DIFFERENCES), "That is the whole width.", "an interval is its width"),
        ),
        praise="The seeds move both methods together; subtracted, they are gone.",
    ),
    Exercise(
        name="comparison.bootstrap",
        title="Resample three seeds",
        level="medium",
        minutes=10,
        expected=lambda: 1 / 27,
        hint="List what three draws with replacement can give, and which sums are below zero.",
        mistakes=(
            Mistake(1 / 3, "One seed is below zero. How often is the mean of three draws?", "a share of the seeds"),
            Mistake(0.0, "One resample holds the worst seed three times.", "a positive mean stays positive"),
            Mistake(1 / 10, "The ten different resamples are not equally likely.", "order does not matter"),
        ),
        praise="A percentile interval of three seeds has at most ten different means: read Student's beside it.",
    ),
    Exercise(
        name="comparison.order",
        title="Does the order survive?",
        level="medium",
        minutes=10,
        expected=lambda: [1 / 4, 1 / 24],
        hint="If all four are equal, every one of them, and every order of them, is equally likely each time.",
        mistakes=(
            Mistake([1 / 4, 1 / 4], "The first is right. How many orders do four methods have?", "winner is order"),
            Mistake([1 / 16, 1 / 576], "The first set of seeds may turn out as it likes.", "both are to be guessed"),
        ),
        praise="An order is always printed. Whether there is one is told by the intervals.",
    ),
    Exercise(
        name="comparison.budget",
        title="When does a training pay?",
        level="easy",
        minutes=5,
        expected=lambda: 200,
        tolerance=1e-6,
        hint="Set both costs equal: a constant and a pace against a faster constant and a slower pace.",
        mistakes=(
            Mistake(120, "Both make images at some pace: divide by the difference of the paces.", "one side is free"),
            Mistake(300, "Divide by the difference of the paces, not by the faster one.", "one side is free"),
        ),
        praise="Below that number the untrained one is cheaper; the tables say which side a comparison stands on.",
    ),
    Exercise(
        name="comparison.tell-tale",
        title="Where is the tell-tale?",
        level="medium",
        minutes=5,
        expected=lambda: "outside",
        hint="The defect was undone before the classifier looked. Which pixels were left to look at?",
        mistakes=(
            Mistake("inside", "Under the mask the normal image stands again.", "what differs is the defect"),
            Mistake("both", "Under the mask the normal image stands again.", "what differs is the defect"),
        ),
        praise="A detector that learns this has learned the synthesizer, not the defect.",
    ),
    Exercise(
        name="comparison.abstract",
        title="Write the abstract",
        level="hard",
        minutes=30,
        expected=None,
        hint="Put a finger on the cell of the table for each word; what has no cell goes.",
        mistakes=(
            Mistake(None, "Ask on which surfaces, with which detector.", "a result holds wherever it was not tried"),
            Mistake(None, "Ask for the interval before the adjective.", "a higher mean outperforms"),
        ),
        praise="Little is left, and all of it is carried.",
    ),
)
