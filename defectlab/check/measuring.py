"""Exercises of the chapter on measuring."""

from __future__ import annotations

from defectlab.check.exercise import Exercise, Mistake
from defectlab.evaluation import average_precision
from defectlab.experiments.measuring import best_f_beta

_LABELS, _SCORES = (0, 1, 1, 0), (0.9, 0.8, 0.8, 0.1)


def _both_definitions() -> list[float]:
    return [average_precision(_LABELS, _SCORES, "step"), average_precision(_LABELS, _SCORES, "trapezoid")]


EXERCISES = (
    Exercise(
        name="measuring.base-rate",
        title="What does chance score?",
        level="easy",
        minutes=5,
        expected=lambda: [110 / 1004, (1 + 110 / 1004) / 2],
        hint="With one score for all there is one threshold; write down precision and recall there, then both sums.",
        mistakes=(
            Mistake(
                [0.5, 0.5],
                "One half is the AUROC of chance. AP depends on the base rate; what is it here?",
                "AP of chance is one half, as AUROC is",
            ),
            Mistake(
                [110 / 1004, 110 / 1004],
                "The step is right. Where does the curve of the trapezoid begin?",
                "both definitions agree on tied scores",
            ),
            Mistake(
                [110 / 894, (1 + 110 / 894) / 2],
                "The base rate is a share of all images, not of the normal ones.",
                "base rate is the odds",
            ),
        ),
        praise="A tie is where the two definitions part: the trapezoid pays for a line that no threshold reaches.",
    ),
    Exercise(
        name="measuring.four-scores",
        title="Four scores, one tie",
        level="easy",
        minutes=10,
        expected=_both_definitions,
        hint="There are three thresholds, for two images share one. Tabulate TP and FP at each, strictest first.",
        mistakes=(
            Mistake(
                lambda a: abs(float(a[0]) - 7 / 12) < 1e-2,
                "The tied images enter together: one step, not two.",
                "ties can be put in any order",
                example=[7 / 12, 1 / 3],
            ),
            Mistake(
                lambda a: abs(float(a[0]) - 2 / 3) < 1e-2,
                "The step is right. For the trapezoid, average the "
                "precision at both ends of each gain of recall; one end here has precision zero.",
                "the trapezoid is always the larger",
                example=[2 / 3, 5 / 6],
            ),
        ),
        praise="Here the trapezoid is the lower one: it can err to either side.",
    ),
    Exercise(
        name="measuring.f2-threshold",
        title="F1 or F2?",
        level="medium",
        minutes=15,
        expected=lambda: [best_f_beta(2.0, 0.1, 1)["f_beta"] / 2, best_f_beta(2.0, 0.1, 2)["f_beta"] / 5],
        tolerance=0.02,
        hint="Flagging an image of posterior q pays as long as (1 + beta^2) q exceeds the F that is reached.",
        mistakes=(
            Mistake(
                [0.5, 0.5],
                "One half minimises the number of errors, which is another goal.",
                "a classifier's threshold is one half",
            ),
            Mistake(
                [0.5, 0.2],
                "Divide the best F that is reached by 1 + beta^2, not one by it.",
                "costs alone set the threshold",
            ),
        ),
        praise="The threshold of F-beta depends on how good the detector is; a ratio of costs would not.",
    ),
    Exercise(
        name="measuring.how-many",
        title="How many positives?",
        level="medium",
        minutes=10,
        expected=lambda: 440,
        tolerance=0.05,
        hint="Half the width goes as one over the root of the number of positives.",
        mistakes=(
            Mistake(
                220,
                "Twice the images make the interval narrower by the root of two only.",
                "precision grows in proportion to the data",
            ),
        ),
        praise="Four times the images for half the width: the reason why small test sets cannot order close methods.",
    ),
    Exercise(
        name="measuring.sentence",
        title="Write the sentence",
        level="hard",
        minutes=20,
        expected=None,
        hint="Underline in your sentence: the gap, its interval, seeds, test images, which AP, whence the threshold.",
        mistakes=(
            Mistake(None, "Ask what happens with other test images.", "seeds are the only source of doubt"),
            Mistake(None, "Ask how wide the interval of the difference is.", "the higher mean is the better method"),
        ),
        praise="No word is stronger than the interval.",
    ),
)
