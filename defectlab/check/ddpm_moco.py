"""Exercises of the chapter on DDPM-MoCo and of its notebook."""

from __future__ import annotations

import math

from defectlab.check.exercise import Exercise, Mistake

ORIGINAL, MEAN_LOGIT, LITERAL = 0.345738, 0.538484, 0.576490
"""Losses of the example by hand; a test computes them with the code of the losses."""
QUEUE, BATCH, MOMENTUM, IMAGES = 16384, 32, 0.999, 16000
STEPS = QUEUE // BATCH

EXERCISES = (
    Exercise(
        name="ddpm_moco.jump",
        title="Jump or step",
        level="easy",
        minutes=10,
        expected=lambda: "printed",
        hint="Put the noised image and the true noise into both formulas and look which terms cancel.",
        mistakes=(
            Mistake(
                "step",
                "A step goes to the level before, and there the image is still noisy.",
                "a reverse step removes all noise",
            ),
        ),
        praise="The printed formula is the jump, at every level; sampling needs the step.",
    ),
    Exercise(
        name="ddpm_moco.losses",
        title="Three losses by hand",
        level="easy",
        minutes=20,
        expected=lambda: [ORIGINAL, MEAN_LOGIT, LITERAL],
        tolerance=0.005,
        hint="Divide every product by the temperature before the exponential. Then ask over what each loss averages.",
        mistakes=(
            Mistake(
                [ORIGINAL, LITERAL, MEAN_LOGIT], "The mean of the logits comes before the literal one.", "same thing"
            ),
            Mistake(
                [ORIGINAL, ORIGINAL, ORIGINAL],
                "Only the original one pairs each query with its own key.",
                "the three are one loss",
            ),
        ),
        praise="Only the original loss changes when the keys are exchanged: the others know of no pairs.",
    ),
    Exercise(
        name="ddpm_moco.age",
        title="How old is a key?",
        level="medium",
        minutes=10,
        expected=lambda: [STEPS, 1 - MOMENTUM**STEPS, STEPS * BATCH / IMAGES],
        tolerance=0.03,
        hint="A batch enters and the oldest leaves. Each step keeps the share of the momentum.",
        mistakes=(
            Mistake(
                lambda a: float(a[0]) == QUEUE,
                "A whole batch enters at each step.",
                "one key enters at a step",
                example=[QUEUE, 0.4, 1.024],
            ),
            Mistake(
                lambda a: abs(float(a[1]) - MOMENTUM**STEPS) < 0.01,
                "That is what is left of the old weights. What was replaced?",
                "kept and replaced are exchanged",
                example=[STEPS, MOMENTUM**STEPS, 1.024],
            ),
            Mistake(
                lambda a: abs(float(a[1]) - (1 - MOMENTUM) * STEPS) < 0.01,
                "The shares multiply, they do not add.",
                "a thousandth a step adds up",
                example=[STEPS, (1 - MOMENTUM) * STEPS, 1.024],
            ),
        ),
        praise="When an image comes again its last key is still in the queue, as a negative.",
    ),
    Exercise(
        name="ddpm_moco.spread",
        title="When spreading pays",
        level="hard",
        minutes=40,
        expected=lambda: [16, math.log(4)],
        tolerance=0.01,
        hint="Weigh the gain from the mean of a batch against a spread queue. For corners, count whom a batch meets.",
        mistakes=(
            Mistake(
                lambda a: float(a[0]) == 32,
                "At that batch the mean of the keys is too short: simulate it.",
                "spreading always pays",
                example=[32, math.log(4)],
            ),
            Mistake(
                lambda a: float(a[0]) == 8,
                "There is a larger one below the border. Put the dimension and the temperature in.",
                "only tiny batches spread",
                example=[8, math.log(4)],
            ),
            Mistake(
                lambda a: float(a[0]) == 16 and abs(float(a[1]) - math.log2(4)) < 0.01,
                "The loss is in natural units.",
                "bits and nats are exchanged",
                example=[16, math.log2(4)],
            ),
        ),
        praise="At usual batches the best that the loss can do is one point, unless the batches are sorted by class.",
    ),
    Exercise(
        name="ddpm_moco.score",
        title="A score that has a ceiling",
        level="medium",
        minutes=10,
        expected=lambda: [4, 1, 1],
        tolerance=0.005,
        hint="Write the marginal down first; the score is the exponential of the mean divergence from it.",
        mistakes=(
            Mistake([math.log(4), 0, 0], "The score is the exponential of that.", "the score is the divergence"),
            Mistake([4, 1, 4], "With one class the marginal is as sure as each prediction.", "sure predictions score"),
            Mistake([1, 4, 1], "Unsure predictions all equal their marginal.", "variety is uncertainty"),
        ),
        praise="The number of classes is the ceiling, and one class cannot score.",
    ),
    Exercise(
        name="ddpm_moco.single-class",
        title="Batches of one class",
        level="easy",
        minutes=30,
        expected=None,
        hint="Ask what the mean of a batch is when the batch is one class, and who chose the batches.",
        mistakes=(
            Mistake(None, "Ask who sorted the images into batches.", "it still learns without labels"),
            Mistake(None, "Ask for the value of that measure at the first epoch.", "a change is a mend"),
        ),
        praise="The label is in the batch, and said to be.",
    ),
    Exercise(
        name="ddpm_moco.group",
        title="Nothing left of the batch",
        level="medium",
        minutes=30,
        expected=None,
        hint="Which loss needs to know that two images came in one batch, and where could the network read it?",
        mistakes=(
            Mistake(None, "Ask what the seed alone changes.", "any change comes from the normalisation"),
            Mistake(None, "Ask at which learning rate each was trained.", "a norm can be exchanged and nothing else"),
        ),
        praise="A prediction for each loss, made before the run, with what would refute it.",
    ),
    Exercise(
        name="ddpm_moco.test-on-generated",
        title="A test made by the generator",
        level="hard",
        minutes=60,
        expected=None,
        hint="Training and test images now come from one generator. What would a generator of a single image score?",
        mistakes=(
            Mistake(None, "Ask what a test on generated images measures.", "the higher number is the better model"),
            Mistake(None, "Ask what the paper says of its test split, word by word.", "agreement shows the protocol"),
        ),
        praise="Likeness to the paper's table is a hint, and what would be needed for more is named.",
    ),
)
