"""Exercises of the chapter on why defects need making."""

from __future__ import annotations

from defectlab.check.exercise import Exercise, Mistake

COUNTS = (10, 100, 1000)
KINDS = ((9, 0.1), (100, 0.001))
"""Number of kinds, and the share that each has of the defective parts."""


def unknown(n: int) -> float:
    """Expected share of future defects whose kind is not among ``n`` defective images."""
    return sum(kinds * share * (1 - share) ** n for kinds, share in KINDS)


def needed(deviations: float, variance: float = 0.8 * 0.2 + 0.9 * 0.1, gap: float = 0.1) -> float:
    """Defective test images at which a gap is so many deviations wide."""
    return deviations**2 * variance / gap**2


EXERCISES = (
    Exercise(
        name="why.unseen",
        title="Unknown kinds",
        level="easy",
        minutes=10,
        expected=lambda: [unknown(n) for n in COUNTS],
        tolerance=0.02,
        hint="Each kind counts with its own share, times the chance that none of the images is of that kind.",
        mistakes=(
            Mistake(
                [sum(kinds * (1 - share) ** n for kinds, share in KINDS) for n in COUNTS],
                "That counts unknown kinds. Which share of the parts does each of them have?",
                "a share of kinds is a share of parts",
            ),
            Mistake(
                [0.9 * 0.9**n for n in COUNTS],
                "The frequent kinds are in it. What of the hundred rare ones?",
                "rare kinds may be left out",
            ),
        ),
        praise="The frequent kinds leave the sum fast; the rare ones are still unknown after a thousand images.",
    ),
    Exercise(
        name="why.constant",
        title="The constant classifier",
        level="easy",
        minutes=5,
        expected=lambda: [0.99, 0.0, 0.01],
        tolerance=0.01,
        hint="How many of a hundred parts does it call rightly, how many of the defective ones does it find?",
        mistakes=(
            Mistake(
                [0.99, 0.0, 0.5],
                "One half is the AUROC of chance. What precision has one who flags everything?",
                "chance is always one half",
            ),
            Mistake([0.99, 0.0, 0.0], "AP is of the score, whatever the threshold.", "AP needs a found defect"),
            Mistake([0.01, 0.0, 0.01], "How many of a hundred parts does it call rightly?", "accuracy sees defects"),
        ),
        praise="Accuracy is the wrong question where one class is rare.",
    ),
    Exercise(
        name="why.test-size",
        title="How many test defects?",
        level="medium",
        minutes=10,
        expected=lambda: needed(2),
        tolerance=0.02,
        hint="Variances of two measured recalls add; set the difference to two roots of their sum.",
        mistakes=(
            Mistake(needed(1), "That makes the difference one deviation wide.", "the factor is forgotten"),
            Mistake(needed(2) / 2, "Solved for the number, the factor of two is squared.", "the root is linear"),
            Mistake(needed(2, 0.16), "Both detectors are measured, not one.", "one recall is known"),
            Mistake(needed(2, 0.09), "Both detectors are measured, not one.", "one recall is known"),
        ),
        praise="About as many as KSDD2 has, for a gap that papers would call large.",
    ),
    Exercise(
        name="why.collect",
        title="When to collect",
        level="medium",
        minutes=20,
        expected=None,
        hint="Ask how often defects happen, whether their kinds are known, and what a miss costs.",
        mistakes=(
            Mistake(
                None,
                "Ask what the detector is tested on then.",
                "who generates needs no real defects",
            ),
            Mistake(
                None,
                "Ask for a number: how many defects a week, how many weeks until production.",
                "collecting is always better, or always too slow",
            ),
        ),
        praise="Both plants named, with the fact that would turn each answer round.",
    ),
)
