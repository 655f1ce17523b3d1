"""Exercises of the chapter on DIAG and of its notebook."""

from __future__ import annotations

import math

from defectlab.check.exercise import Exercise, Mistake

BASE_RATE = 110 / 1004
KEPT = tuple(1 - 0.09 * t for t in range(11))
"""The products of the schedule of the simulation, from one to a tenth."""

EXERCISES = (
    Exercise(
        name="diag.chance",
        title="What does chance score?",
        level="easy",
        minutes=5,
        expected=lambda: [BASE_RATE, (1 + BASE_RATE) / 2],
        tolerance=0.01,
        hint="One threshold only: everything is flagged. Where does the trapezoid begin?",
        mistakes=(
            Mistake([(1 + BASE_RATE) / 2, BASE_RATE], "Both are right; the step comes first.", "order is free"),
            Mistake([0.5, 0.5], "One half is the AUROC of chance.", "chance is always one half"),
            Mistake(
                [BASE_RATE, BASE_RATE],
                "The first is right. The trapezoid joins the point to recall zero at precision one.",
                "both definitions agree on chance",
            ),
        ),
        praise="More than half for knowing nothing: say which AP a number is.",
    ),
    Exercise(
        name="diag.strength",
        title="The step that is not run",
        level="easy",
        minutes=5,
        expected=lambda: [29, "image"],
        tolerance=1e-6,
        hint="Multiply the steps by the strength and round down; a strength below one leaves something of the input.",
        mistakes=(
            Mistake([30, "noise"], "That is strength one. The script's is a little less.", "all steps are run"),
            Mistake([30, "image"], "The product of steps and strength is rounded down.", "the product is rounded up"),
            Mistake(
                [29, "noise"],
                "With a step left out the walk begins below the highest level. What is noised to that level?",
                "sampling begins in pure noise",
            ),
        ),
        praise="A little of the normal image stays under the mask.",
    ),
    Exercise(
        name="diag.jump",
        title="Noise in one jump",
        level="medium",
        minutes=15,
        expected=lambda: [2 * math.sqrt(KEPT[-1]), 1 - KEPT[-1]],
        tolerance=0.03,
        hint="The mean shrinks with the root of the last product; the variance is what is missing to one.",
        mistakes=(
            Mistake([2 * KEPT[-1], 1 - KEPT[-1]], "The image is scaled by a root.", "variances scale images"),
            Mistake(
                [2 * math.sqrt(KEPT[-1]), math.sqrt(1 - KEPT[-1])],
                "The mean is right. The second is asked as a variance.",
                "a deviation is a variance",
            ),
            Mistake(
                lambda a: abs(float(a[0]) - 2 * math.sqrt(math.prod(KEPT))) < 1e-2,
                "The list holds products already; one step has the ratio of two neighbours.",
                "the schedule lists single steps",
                example=[2 * math.sqrt(math.prod(KEPT)), 0.9],
            ),
        ),
        praise="Ten steps and one jump agree in mean and variance, and for a normal law that is all.",
    ),
    Exercise(
        name="diag.masks",
        title="Is it zero-shot?",
        level="medium",
        minutes=40,
        expected=None,
        hint="Write down the gap that would change your mind, then compute which gap your seeds could show at all.",
        mistakes=(
            Mistake(
                None,
                "Ask what the mask was drawn from, and whether a plant without defects would have it.",
                "no image of a defect means zero-shot",
            ),
            Mistake(None, "Ask for the detectable gap at that number of seeds.", "no difference seen is no difference"),
        ),
        praise="The gap and the number of seeds were written down before the run.",
    ),
    Exercise(
        name="diag.stretch",
        title="What the stretch does",
        level="medium",
        minutes=5,
        expected=lambda: 632 / 224,
        tolerance=0.02,
        hint="Both sides end at the same length: compare the two factors on the way back.",
        mistakes=(
            Mistake(224 / 632, "On the way back the longer side is stretched more.", "the way back squeezes"),
            Mistake(
                1.0,
                "The way there is undone for the photograph, not for what was painted.",
                "there and back is nothing",
            ),
        ),
        praise="A round pore comes back as an ellipse: the geometry of the defects is not the surface's.",
    ),
    Exercise(
        name="diag.regions",
        title="Picture or region?",
        level="easy",
        minutes=30,
        expected=None,
        hint="Hold everything but the masks fixed, and compare differences to MemSeg seed by seed.",
        mistakes=(
            Mistake(None, "Ask which of the two arms had a new source of masks, and which not.", "only DIAG has masks"),
            Mistake(
                None, "Ask for the paired interval of each run before the runs are compared.", "one run orders masks"
            ),
        ),
        praise="The lead is split in two parts, each with its interval.",
    ),
    Exercise(
        name="diag.how-many",
        title="When do more images stop helping?",
        level="medium",
        minutes=60,
        expected=None,
        hint="Which part of the spread falls with the number of images, and which is left however many there are?",
        mistakes=(
            Mistake(
                None,
                "Ask what differs between two seeds besides the synthetic images.",
                "the interval goes to zero with the number of images",
            ),
            Mistake(None, "Ask how many test positives one step of the AP is.", "a plateau means enough diversity"),
        ),
        praise="The floor of the interval is named: training, division and test images.",
    ),
    Exercise(
        name="diag.own-prompts",
        title="An order written down first",
        level="hard",
        minutes=90,
        expected=None,
        hint="One line before the run: which order, by what difference, from how many seeds.",
        mistakes=(
            Mistake(None, "Ask for the date of the note.", "an expectation may be written down afterwards"),
            Mistake(None, "Ask how many prompts were tried in all.", "choosing prompts on the result costs nothing"),
        ),
        praise="The note is older than the run, and the report follows it whichever way it fell.",
    ),
)
