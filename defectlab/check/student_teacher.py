"""Exercises of the chapter on the student-teacher paper and of its notebook."""

from __future__ import annotations

import math

import numpy as np

from defectlab.check.exercise import Exercise, Mistake


def growth(strength: float = 0.2) -> float:
    """By how much the deviation of a pixel grows, as a share, with the linear schedule of a thousand steps."""
    left = float(np.prod(1 - np.linspace(1e-4, 0.02, 1000)))
    return math.sqrt(1 + strength * (1 - left)) - 1


def table_counts() -> list[int]:
    """Categories in which the paper's method is beaten, metric by metric, and cells that are not the benchmark's."""
    from defectlab.report.published import cells  # reads the printed tables; only this answer needs them

    printed = cells("student_teacher")
    by_category = printed[printed["table"].isin(["1", "2", "3"]) & (printed["row"] != "Average")]
    beaten = []
    for metric in ("I-AUROC", "P-AUROC", "AUPRO"):
        rows = by_category[by_category["column"] == metric]
        wide = rows.pivot(index="row", columns="method", values="paper")
        beaten.append(int((wide["student_teacher"] < wide.max(axis=1)).sum()))
    return [*beaten, int(printed["benchmark"].notna().sum())]


EXERCISES = (
    Exercise(
        name="student_teacher.blend",
        title="A pixel of the blend",
        level="easy",
        minutes=5,
        expected=lambda: [170, 100, 130],
        tolerance=0.001,
        hint="The opacity is the weight of the abnormal image; DRAEM's is the weight of the normal one.",
        mistakes=(
            Mistake([130, 100, 170], "Which of the two images has the weight in this paper?", "a blend has one form"),
            Mistake([170, 170, 130], "Outside of the mask nothing is blended.", "the blend is of the whole image"),
        ),
        praise="The same letter in two papers, and a much fainter defect.",
    ),
    Exercise(
        name="student_teacher.excess",
        title="How abnormal is P?",
        level="medium",
        minutes=20,
        expected=growth,
        tolerance=0.03,
        hint="Take the excess of the variance at the end, then the root, then what is beyond one.",
        mistakes=(
            Mistake(0.2, "That is the excess of the variance. The deviation is its root.", "a deviation is a variance"),
            Mistake(1 + growth(), "That is the factor. By how much does it grow?", "a factor is a growth"),
            Mistake(math.sqrt(0.2), "One plus the excess is under the root.", "the excess is the variance"),
        ),
        praise="Hardly more than nothing, and it comes from the last steps: fine-grained.",
    ),
    Exercise(
        name="student_teacher.top-k",
        title="Why not the largest pixel?",
        level="easy",
        minutes=10,
        expected=lambda: ["speck", "defect"],
        hint="Compute both scores of both images with two numbers each.",
        mistakes=(
            Mistake(
                ["speck", "speck"], "One hot pixel among a hundred: how much is left in the mean?", "hot stays hot"
            ),
            Mistake(["defect", "defect"], "The largest pixel knows nothing of areas.", "larger areas score higher"),
        ),
        praise="And defects smaller than the count are hard to see: that is its price.",
    ),
    Exercise(
        name="student_teacher.aupro",
        title="AUPRO by hand",
        level="medium",
        minutes=20,
        expected=lambda: [5 / 6, 49 / 50],
        tolerance=0.005,
        hint="Draw the mean share of the two regions over the rate of false alarms up to three tenths, then divide.",
        mistakes=(
            Mistake(
                lambda a: abs(float(a[0]) - 0.25) < 0.002,
                "Divide by the limit of the rate, so that a perfect map has one.",
                "the area is not normalised",
                example=[0.25, 0.98],
            ),
            Mistake(
                lambda a: abs(float(a[0]) - (4 * 0.3 + 0.2) / 5 / 0.3) < 0.002,
                "Each region counts the same, however many pixels it has.",
                "regions are weighed by their pixels",
                example=[(4 * 0.3 + 0.2) / 5 / 0.3, 0.98],
            ),
            Mistake(
                lambda a: abs(float(a[0]) - 0.95) < 0.002,
                "The area ends at three tenths, not at one.",
                "the area goes over all rates",
                example=[0.95, 0.98],
            ),
        ),
        praise="One pixel in five is a small part of the pixels and half of the regions.",
    ),
    Exercise(
        name="student_teacher.table",
        title="Read a table twice",
        level="medium",
        minutes=20,
        expected=table_counts,
        tolerance=1e-6,
        hint="`cells('student_teacher')` has the printed tables; the column `benchmark` is empty where they agree.",
        mistakes=(
            Mistake(
                lambda a: list(map(float, a[:3])) == [0, 0, 0],
                "The averages are highest. Go through the rows.",
                "best on average is best everywhere",
                example=[0, 0, 0, 5],
            ),
            Mistake(
                lambda a: float(a[3]) == 0,
                "Compare with the table of the benchmark.",
                "numbers are copied exactly",
                example=[4, 3, 3, 0],
            ),
        ),
        praise="The same three categories stand in all: the method has a weakness, and the average hides it.",
    ),
    Exercise(
        name="student_teacher.opacity",
        title="Faint defects to learn from",
        level="easy",
        minutes=20,
        expected=None,
        hint="What does the network see of a region whose pixels hardly change, and what does the mask still say?",
        mistakes=(
            Mistake(None, "Ask how one metric can fall while another stays.", "one metric stands for all"),
            Mistake(None, "Ask what the label says where nothing is to be seen.", "fainter defects are harder lessons"),
        ),
        praise="The metric is named with the mechanism that moves it.",
    ),
    Exercise(
        name="student_teacher.texture",
        title="Textures in place of P",
        level="medium",
        minutes=30,
        expected=None,
        hint="Compare at equal masks, opacity and steps; then think of a surface that no texture looks like.",
        mistakes=(
            Mistake(None, "Ask for the interval, and the number of seeds.", "equal means are equal methods"),
            Mistake(None, "Ask for a data set of objects.", "textures and objects behave alike"),
        ),
        praise="What the diffusion model adds is said for this surface, and left open for others.",
    ),
    Exercise(
        name="student_teacher.regimes",
        title="One model or one a category",
        level="hard",
        minutes=90,
        expected=None,
        hint="Write an order down for each category first; then ask which regime each number of the tables is from.",
        mistakes=(
            Mistake(None, "Ask from which regime each baseline's number is.", "numbers of one table are comparable"),
            Mistake(None, "Ask for steps and images of each model.", "one model a category has only advantages"),
        ),
        praise="Budgets are equal, and the comparison with the paper is no stronger than what it states.",
    ),
)
