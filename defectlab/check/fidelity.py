"""Exercises of the chapter on fidelity."""

from __future__ import annotations

from defectlab.check.exercise import Exercise, Mistake
from defectlab.experiments.closeness_lab import expected_frechet

EXERCISES = (
    Exercise(
        name="fidelity.one-dimension",
        title="One feature",
        level="easy",
        minutes=5,
        expected=lambda: 2.0,
        hint="In one dimension the distance is the squared difference of means plus that of the deviations.",
        mistakes=(
            Mistake(10.0, "Variances entered; the formula wants deviations.", "Frechet compares variances"),
            Mistake(2.0**0.5, "FID is the squared distance; no root is taken.", "a distance has a root"),
        ),
        praise="Mean and spread count alike; nothing else of the density counts at all.",
    ),
    Exercise(
        name="fidelity.bias",
        title="The price of few images",
        level="medium",
        minutes=10,
        expected=lambda: expected_frechet(500, 500, 64),
        tolerance=0.02,
        hint="Both samples contribute, each one over its size; means give d, covariances d (d + 1) / 4.",
        mistakes=(
            Mistake(
                0.0,
                "That is the distance of the densities. What is measured is that of two samples.",
                "an estimate of zero is zero",
            ),
            Mistake(
                expected_frechet(500, 1e12, 64), "Only one of the two samples was counted.", "real images are the truth"
            ),
            Mistake(
                2 / 500 * 64,
                "The means are there. The covariances are estimated too, and there are many more of them.",
                "bias comes from the means",
            ),
        ),
        praise="A perfect generator scores this much. Compare FIDs at equal numbers of images only.",
    ),
    Exercise(
        name="fidelity.rank",
        title="More features than images",
        level="easy",
        minutes=5,
        expected=lambda: 109,
        tolerance=1e-6,
        hint="A covariance of n images is a sum of n outer products, of features less their mean.",
        mistakes=(
            Mistake(110, "The mean was estimated from the same images: that costs one.", "rank is the count"),
            Mistake(192, "No: 110 vectors cannot span 192 dimensions.", "a covariance has full rank"),
        ),
        praise="In all other directions the estimated spread is zero, whatever the generator does there.",
    ),
    Exercise(
        name="fidelity.winner",
        title="Who wins by Fréchet?",
        level="medium",
        minutes=5,
        expected=lambda: "copies",
        hint="Look for the lowest value in the column of the Fréchet distance, and ask what that set is.",
        mistakes=(
            Mistake("new and real", "It should win. Look at the column again.", "the best generator scores best"),
        ),
        praise="The distance rewards a copying machine: always print a check for copies beside it.",
    ),
    Exercise(
        name="fidelity.blind",
        title="A blind test",
        level="hard",
        minutes=60,
        expected=None,
        hint="The width that you can bear gives the number of answers. What could people see besides the defect?",
        mistakes=(
            Mistake(None, "Ask how wide the interval is around one half.", "no significant difference means equal"),
            Mistake(None, "Ask for compression, size and order of the images.", "people judge the defect alone"),
            Mistake(
                None,
                "Ask how many people, and how many answers each.",
                "a hundred answers of one person are a hundred people",
            ),
        ),
        praise="A number of answers, a margin written down before, and no tell-tale but the defect.",
    ),
)
