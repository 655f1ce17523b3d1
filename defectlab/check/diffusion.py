"""Exercises of the chapter on diffusion."""

from __future__ import annotations

from defectlab.check.exercise import Exercise, Mistake
from defectlab.synthesis.diffusion.schedule import NoiseSchedule


def _first_half() -> int:
    return int((NoiseSchedule.linear().alpha_bars < 0.5).nonzero()[0]) + 1


EXERCISES = (
    Exercise(
        name="diffusion.clean",
        title="Back in one jump",
        level="easy",
        minutes=5,
        expected=lambda: (1.0 - 0.6 * 0.5) / 0.8,
        hint="Solve the jump for the clean image. Both factors are roots, and their squares add up to one.",
        mistakes=(
            Mistake(
                (1.0 - 0.36 * 0.5) / 0.64,
                "These are variances; the jump scales with their roots.",
                "alpha-bar itself scales the image",
            ),
            Mistake(
                1.0 - 0.6 * 0.5,
                "You took the noise away; the image was made smaller too.",
                "noise is added to the image at full size",
            ),
        ),
        praise="Every sampler begins each step with this estimate.",
    ),
    Exercise(
        name="diffusion.equal-parts",
        title="Half signal, half noise",
        level="easy",
        minutes=10,
        expected=_first_half,
        tolerance=1e-6,
        hint="Look at NoiseSchedule.linear().alpha_bars and find the first value below one half.",
        mistakes=(
            Mistake(
                lambda a: a == _first_half() - 1,
                "The code counts its steps from zero, the text from one.",
                "arrays and equations count alike",
                example=259,
            ),
            Mistake(500, "The betas are linear in t; their product is not.", "half way is half noise"),
        ),
        praise="Much of the schedule is spent on images that hold more noise than signal.",
    ),
    Exercise(
        name="diffusion.gaussian",
        title="The best denoiser of a Gaussian",
        level="medium",
        minutes=20,
        expected=lambda: 0.5**0.5 / (0.5 * 0.25 + 0.5),
        hint="What is the density of x_t? Differentiate its logarithm, then use the formula of Tweedie.",
        mistakes=(
            Mistake(
                0.5**0.5,
                "That is right for data of variance one. Here the data vary less.",
                "the best denoiser does not depend on the data",
            ),
            Mistake(
                -(0.5**0.5) / (0.5 * 0.25 + 0.5),
                "The score points back to the data, the noise away from them: mind the sign.",
                "noise and score are the same",
            ),
            Mistake(
                1 / (0.5 * 0.25 + 0.5),
                "One factor is missing: the score times the deviation of the noise.",
                "noise is the score",
            ),
        ),
        praise="For Gaussian data the best denoiser is a line; all else is learned beyond it.",
    ),
    Exercise(
        name="diffusion.printed",
        title="An equation with a bar too many",
        level="medium",
        minutes=10,
        expected=lambda: "x0",
        hint="Put the noise of the jump into Equation 3 as it is printed, and simplify. Answer 'x0', 'x_t' or 'x_t-1'.",
        mistakes=(
            Mistake(
                "x_t-1",
                "That is what the step should give. Compare its factors with those that are printed.",
                "an equation in print is the one that was run",
            ),
        ),
        praise="As printed, every step jumps to the estimate of the clean image and adds noise to it.",
    ),
    Exercise(
        name="diffusion.steps",
        title="Steps you can spare",
        level="hard",
        minutes=30,
        expected=None,
        hint="Fresh noise forgets earlier mistakes; ask what it costs when one stride covers many levels.",
        mistakes=(
            Mistake(None, "Ask why the order turns at the other end.", "one sampler is better"),
            Mistake(None, "Ask what the error of one stride is made of.", "more steps are always better"),
        ),
        praise="Both ends are explained by the same two effects.",
    ),
)
