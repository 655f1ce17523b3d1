"""Exercises of the chapter on In&Out and of its notebook."""

from __future__ import annotations

import math

from defectlab.check.exercise import Exercise, Mistake
from defectlab.evaluation import Design

LINEAR, CONVOLUTION = 32 * (320 + 320), 4 * (320 * 9 + 320)
"""Weights of the two adapters."""
DEVIATIONS = (0.01, 0.02, 0.06)
INDEPENDENT = math.sqrt(sum(value**2 for value in DEVIATIONS)) / len(DEVIATIONS)


def seeds_needed() -> list[int | None]:
    """Seeds for a gain of two points at a deviation of three: without pairs, and with correlated ones."""
    unpaired, paired = (Design(0.03, 0.03, n_seeds=4, correlation=share) for share in (None, 0.5))
    return [unpaired.seeds_needed(0.02), paired.seeds_needed(0.02)]


EXERCISES = (
    Exercise(
        name="in_and_out.adapter",
        title="Count the adapter",
        level="easy",
        minutes=10,
        expected=lambda: [LINEAR, CONVOLUTION, LINEAR / 320**2, CONVOLUTION / (9 * 320**2)],
        tolerance=0.01,
        hint="An adapter is two thin matrices; for a convolution one of them sees the whole window.",
        mistakes=(
            Mistake(
                lambda a: float(a[0]) == 32 * 320,
                "There is a matrix down and a matrix up.",
                "an adapter is one matrix",
                example=[32 * 320, 12800, 0.1, 0.014],
            ),
            Mistake(
                lambda a: float(a[1]) in (4 * 640, 4 * (320 * 9 + 320 * 9)),
                "The window counts once: on the way down, not on the way up.",
                "a convolution is adapted like a linear layer",
                example=[20480, 4 * 640, 0.2, 0.003],
            ),
        ),
        praise="A fifth of the linear layer, and hardly anything of the convolution.",
    ),
    Exercise(
        name="in_and_out.min-snr",
        title="Which noise counts",
        level="easy",
        minutes=10,
        expected=lambda: [5 / 6, 10 / 11],
        tolerance=0.005,
        hint="Set the ratio of signal to noise, kept share over the rest, equal to the bound, then to twice the bound.",
        mistakes=(
            Mistake([5.0, 10.0], "Those are the ratios. Solve for the share that is kept.", "the ratio is the share"),
            Mistake([1 / 6, 1 / 11], "That is the share of noise.", "signal and noise are exchanged"),
            Mistake([5 / 6, 5 / 7], "The first is right. One half of the weight is twice the ratio.", "half is half"),
        ),
        praise="Nearly clean images, which are many and easy, are held back.",
    ),
    Exercise(
        name="in_and_out.half-merge",
        title="Half of a merge",
        level="medium",
        minutes=15,
        expected=lambda: "no",
        hint="The weights are linear in the ratio. Multiply two corrected layers out.",
        mistakes=(Mistake("yes", "Write down the product of two corrected layers.", "linear weights paint linearly"),),
        praise="Halfway in the weights is not halfway in the images.",
    ),
    Exercise(
        name="in_and_out.average",
        title="An average of standard deviations",
        level="medium",
        minutes=10,
        expected=lambda: [INDEPENDENT, sum(DEVIATIONS) / 3, "upper"],
        tolerance=0.01,
        hint="Variances of independent settings add; divide by the number squared. Full correlation adds deviations.",
        mistakes=(
            Mistake(
                lambda a: abs(float(a[0]) - 3 * INDEPENDENT) < 1e-4,
                "That is the deviation of the sum.",
                "the mean scatters like the sum",
                example=[3 * INDEPENDENT, 0.03, "upper"],
            ),
            Mistake(
                lambda a: abs(float(a[0]) - math.sqrt(3) * INDEPENDENT) < 1e-4,
                "That is the root mean square: divide by the number, not by its root.",
                "deviations are averaged as squares",
                example=[math.sqrt(3) * INDEPENDENT, 0.03, "upper"],
            ),
            Mistake(
                lambda a: str(a[2]).casefold() == "lower",
                "Compute the plain mean of three deviations of the table and look.",
                "papers print the deviation of the average",
                example=[INDEPENDENT, 0.03, "lower"],
            ),
        ),
        praise="The printed deviation is the largest that it can be.",
    ),
    Exercise(
        name="in_and_out.plan",
        title="Plan the next experiment",
        level="medium",
        minutes=15,
        expected=seeds_needed,
        tolerance=0.06,
        hint="`Design(sd, sd, n_seeds, correlation).seeds_needed(gain)`; pairing shrinks the variance of a difference.",
        mistakes=(
            Mistake(
                lambda a: float(a[0]) <= 20,
                "At that number the interval is as wide as the gain. How often would it miss zero?",
                "an expected gain of the interval's size is found each time",
                example=[9, 5],
            ),
            Mistake(
                lambda a: float(a[0]) == float(a[1]),
                "What do two runs of one seed have in common?",
                "pairing changes nothing",
                example=[37, 37],
            ),
            Mistake(lambda a: float(a[0]) < float(a[1]), "Without pairs first.", "order is free", example=[30, 37]),
        ),
        praise="Four seeds were never enough for such a gain.",
    ),
    Exercise(
        name="in_and_out.ratio",
        title="Both ends of the merge",
        level="easy",
        minutes=30,
        expected=None,
        hint="At one end the model never saw the surface, at the other it saw little else.",
        mistakes=(
            Mistake(None, "Ask which figure shows it, and what the other figures say.", "the prettier grid is better"),
            Mistake(None, "Ask what words still change at that end.", "more of the adapter is always better"),
        ),
        praise="Each end is tied to a figure, and the middle is no compromise by default.",
    ),
    Exercise(
        name="in_and_out.released",
        title="Paper or release?",
        level="medium",
        minutes=60,
        expected=None,
        hint="Go through the list of differences; for each line say what it would change in an image before you look.",
        mistakes=(
            Mistake(None, "Ask which line of the list it is.", "any difference in the images is one of the settings"),
            Mistake(None, "Ask for the same picture with another seed.", "two grids of two seeds can be compared"),
        ),
        praise="Lines that can be seen and lines that cannot are told apart.",
    ),
    Exercise(
        name="in_and_out.full-shot",
        title="How many seeds has the gap?",
        level="hard",
        minutes=90,
        expected=None,
        hint="Take the gap and the deviations of the paper's tables, and ask `Design` before the grid.",
        mistakes=(
            Mistake(None, "Ask what was written down before.", "seeds may be added until the interval is clear"),
            Mistake(None, "Ask how large a gap could have hidden.", "an interval with zero in it says equal"),
        ),
        praise="The number of seeds comes from a calculation, and the report keeps to it.",
    ),
)
