"""Exercises of the chapter on leaks."""

from __future__ import annotations

from defectlab.check.exercise import Exercise, Mistake
from defectlab.experiments.leaking import ap_with_copies, chosen_from

EXERCISES = (
    Exercise(
        name="leaks.coin",
        title="Labels drawn by a coin",
        level="easy",
        minutes=5,
        expected=lambda: ["part", 0.5],
        tolerance=0.02,
        hint="What can be learned from a coin? Which split keeps photographs of one part together?",
        mistakes=(
            Mistake(
                ["photograph", 0.5],
                "The value is right. Which split kept siblings apart from each other?",
                "random is honest",
            ),
            Mistake(
                lambda a: a[0] == "part" and float(a[1]) > 0.9,
                "That is what the other split reports.",
                "high is right",
                example=["part", 0.99],
            ),
        ),
        praise="A result that survives shuffled labels is a leak.",
    ),
    Exercise(
        name="leaks.best-of-many",
        title="The best of fifty",
        level="easy",
        minutes=5,
        expected=lambda: chosen_from(50, 0.02),
        tolerance=0.02,
        hint="Put the number of candidates and the deviation into the bound.",
        mistakes=(
            Mistake(
                lambda a: abs(float(a) - 0.02 * 50**0.5) < 1e-3,
                "It grows with the root of the logarithm, not of the count.",
                "the maximum grows like a sum",
                example=0.02 * 50**0.5,
            ),
            Mistake(
                0.02, "One deviation is what a single one strays; you kept the best of fifty.", "the best is typical"
            ),
        ),
        praise="More than many papers' gaps, and nothing was improved.",
    ),
    Exercise(
        name="leaks.copies",
        title="One in ten was seen",
        level="medium",
        minutes=15,
        expected=lambda: ap_with_copies(0.1, 0.1),
        tolerance=0.03,
        hint="The recognised defects come first, at precision one; then the precision falls towards the base rate.",
        mistakes=(
            Mistake(
                0.19,
                "You added the share to chance on the rest. While the rest is ranked, the recognised defects "
                "still count in the precision.",
                "AP of parts adds up",
            ),
            Mistake(0.1, "That is chance without any copy.", "few copies do not matter"),
        ),
        praise="One copy in ten more than doubles the AP of a detector that knows nothing.",
    ),
    Exercise(
        name="leaks.zero-shot",
        title="Which masks are zero-shot?",
        level="medium",
        minutes=10,
        expected=lambda: "real, training",
        hint="Look for the source that the forest cannot tell from the masks of the test set.",
        mistakes=(
            Mistake(
                "lines",
                "Lines are told from the masks of the test set quite well: they saw none of them.",
                "thin means real",
            ),
        ),
        praise="Such masks hand over size, shape and place of real defects: zero images, not zero-shot.",
    ),
    Exercise(
        name="leaks.audit",
        title="Audit a paper",
        level="hard",
        minutes=60,
        expected=None,
        hint="For each question: the sentence of the paper, or *not said*. What is not said is not yet wrong.",
        mistakes=(
            Mistake(None, "Ask for the sentence.", "what is not stated was done right, or wrong"),
            Mistake(None, "Ask what the authors could answer in one line.", "an audit is an accusation"),
        ),
        praise="Each answer has a place in the text, and the two questions could change the result.",
    ),
)
