"""Exercises of the chapter on a baseline to be trusted."""

from __future__ import annotations

import math

from scipy import stats

from defectlab.check.exercise import Exercise, Mistake


def half_width(k: int) -> float:
    """Half of the 95 % t-interval of the mean of ``k`` seeds, in deviations."""
    return float(stats.t.ppf(0.975, k - 1)) / math.sqrt(k)


EXERCISES = (
    Exercise(
        name="baseline.statistics",
        title="Where did the statistics stay?",
        level="medium",
        minutes=20,
        expected=lambda: [0.0, 10.0],
        tolerance=0.01,
        hint="In which mode does the layer move its averages, and in which epoch was it in that mode?",
        mistakes=(
            Mistake([10.0, 0.0], "Both are right; the order of the question is another.", "order is free"),
            Mistake(
                [10.0, 10.0],
                "In evaluation mode the layer reads its averages. Does it write them?",
                "a layer that sees data updates its averages",
            ),
            Mistake(
                [5.0, 10.0],
                "That is the mean over both epochs; the second is not seen at all.",
                "the averages are of the whole training",
            ),
        ),
        praise="The averages stay as the first epoch left them, and no error is raised.",
    ),
    Exercise(
        name="baseline.one-line",
        title="One line that finds the bug",
        level="medium",
        minutes=15,
        expected=lambda: [0, 2, 3],
        hint="Compare the mean after each epoch with that after the one before; the first comparison is at epoch two.",
        mistakes=(
            Mistake(
                [0, 2, 0],
                "The third moved in its second epoch and never again. With which epoch did you compare?",
                "whoever is away from the beginning still moves",
            ),
            Mistake(
                [0, 1, 2],
                "Those are the last epochs that moved. At which one does the test fail?",
                "a test fails where something last was right",
            ),
            Mistake([4, 2, 3], "Does the first loop ever stand still?", "every loop ends by standing still"),
        ),
        praise="Against the epoch before, not against the beginning: so the third is found too.",
    ),
    Exercise(
        name="baseline.most-suspicious",
        title="Why the most suspicious places?",
        level="easy",
        minutes=15,
        expected=lambda: 4 / math.sqrt(96),
        tolerance=0.02,
        hint="By how much does the mean over 96 places move, and what is the deviation of such a mean?",
        mistakes=(
            Mistake(4 / 96, "That is how far the mean moves. How wide does it scatter?", "a shift is a separation"),
            Mistake(4.0, "One place in 96 moved; the others are in the mean too.", "the mean keeps what one place has"),
        ),
        praise="Less than half a deviation: a small defect drowns in a mean.",
    ),
    Exercise(
        name="baseline.seeds",
        title="Three seeds or ten",
        level="easy",
        minutes=10,
        expected=lambda: half_width(3) / half_width(10),
        tolerance=0.02,
        hint="Both the root and the quantile change; the quantile of three seeds has two degrees of freedom.",
        mistakes=(
            Mistake(math.sqrt(10 / 3), "That is the root. Student's quantile changes as well.", "only the root counts"),
            Mistake(half_width(10) / half_width(3), "How much *narrower* is it with ten?", "factors are turned round"),
            Mistake(
                math.sqrt(10 / 3) * float(stats.t.ppf(0.975, 3) / stats.t.ppf(0.975, 10)),
                "One degree of freedom is spent on the mean.",
                "as many degrees as seeds",
            ),
        ),
        praise="Most of the gain is that the deviation itself becomes known.",
    ),
    Exercise(
        name="baseline.learning-curve",
        title="A learning curve",
        level="hard",
        minutes=60,
        expected=None,
        hint="Draw the AP of the baseline over the number of real positives, with the interval over seeds at each.",
        mistakes=(
            Mistake(None, "Read across, not up: how many real positives reach the same AP?", "a gain is points of AP"),
            Mistake(
                None,
                "Ask for the curve of the baseline alone; the other one is what is compared with it.",
                "both curves may have synthetic images",
            ),
        ),
        praise="A number of real positives with an interval, not points of AP.",
    ),
)
