"""Exercises of the chapter on inpainting."""

from __future__ import annotations

from defectlab.check.exercise import Exercise, Mistake

EXERCISES = (
    Exercise(
        name="inpainting.steps",
        title="The step that is not run",
        level="easy",
        minutes=5,
        expected=lambda: [29, 15],
        tolerance=1e-6,
        hint="The number of steps is the strength times those asked for, rounded down.",
        mistakes=(
            Mistake([30, 15], "Just below one is below one: it is rounded down.", "rounding is to the nearest"),
            Mistake([30, 30], "Strength shortens the walk.", "strength is opacity"),
        ),
        praise="And it starts from the noised input instead of pure noise: a trace of the normal image stays.",
    ),
    Exercise(
        name="inpainting.conditional",
        title="What the missing number should be",
        level="easy",
        minutes=10,
        expected=lambda: [1.2, 0.6],
        hint="The conditional density of two normal numbers is normal: slope times the known one, and what is left of "
        "the variance. Give mean and deviation.",
        mistakes=(
            Mistake([1.2, 0.36], "That is the variance; a deviation was asked for.", "variance and deviation"),
            Mistake(
                [1.2, 1.0],
                "Knowing the first number makes the second less uncertain.",
                "the marginal is the conditional",
            ),
        ),
        praise="Replacement alone misses both; resampling brings them back.",
    ),
    Exercise(
        name="inpainting.guidance",
        title="Three times the difference",
        level="medium",
        minutes=10,
        expected=lambda: [0.8, 0.2],
        hint="Untold plus weight times the difference; the weight may be one, or none.",
        mistakes=(
            Mistake(
                lambda a: abs(float(a[0]) - 1.1) < 1e-6,
                "You added the weighted difference to what the words say; it starts from what is said without them.",
                "guidance adds to the condition",
                example=[1.0 + 0.1, 0.2],
            ),
            Mistake([0.6, 0.0], "A weight multiplies the difference, not the whole.", "guidance scales the noise"),
        ),
        praise="Beyond one this is extrapolation: a direction that no training image ever asked for.",
    ),
    Exercise(
        name="inpainting.squeeze",
        title="What the stretch does",
        level="medium",
        minutes=10,
        expected=lambda: 632 / 224,
        tolerance=0.01,
        hint="Both sides end at the same length. By how much was each stretched?",
        mistakes=(
            Mistake(224 / 632, "The other way round: taller, not wider, on the way back.", "ratio and its inverse"),
            Mistake(
                1024 / 224,
                "That is the stretch of one side; the other side is stretched as well.",
                "one factor is the distortion",
            ),
        ),
        praise="A round pore comes back as a tall ellipse, and a shallow scratch as a steep one.",
    ),
    Exercise(
        name="inpainting.prompt",
        title="A prompt of your own",
        level="hard",
        minutes=30,
        expected=None,
        hint="Write the order down first, then let the paired interval decide, and report it either way.",
        mistakes=(
            Mistake(None, "Ask how many descriptions were tried.", "the best of several prompts is a result"),
            Mistake(None, "Ask what the detector sees of it.", "what looks right to a person helps a detector"),
        ),
        praise="The prediction is older than the run.",
    ),
)
