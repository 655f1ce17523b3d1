"""Hints for the exercises of the book: ``check("measuring.base-rate", answer)`` works offline and tells no solution.

The exercises of a chapter, with the mistakes that people make, are in the module of its name.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Any

from defectlab.check.exercise import Exercise, Mistake, Verdict, judge

WRITTEN = ("why",)
"""Chapters without a notebook."""
PAPERS = ("diag", "in_and_out", "ddpm_moco", "student_teacher")
"""Chapters of a page and a notebook, with exercises in both."""
CHAPTERS = (
    *("why", "surfaces", "measuring", "baseline"),
    *("perlin", "diffusion", "inpainting"),
    *(*PAPERS, "comparison"),
    *("fidelity", "helping", "leaks"),
)
"""Chapters that have exercises, in the order of the book."""
NOTEBOOKS = tuple(name for name in CHAPTERS if name not in (*WRITTEN, *PAPERS))
"""Chapters that are one notebook."""

__all__ = [
    "CHAPTERS",
    "NOTEBOOKS",
    "PAPERS",
    "WRITTEN",
    "Exercise",
    "Mistake",
    "Verdict",
    "check",
    "exercises",
    "judge",
]


def exercises(chapter: str | None = None) -> dict[str, Exercise]:
    """Exercises by name, of one chapter or of all, in the order of the book.

    Raises:
        ValueError: if the chapter has none.
    """
    if chapter is not None and chapter not in CHAPTERS:
        raise ValueError(f"no exercises of {chapter!r}; chapters: {', '.join(CHAPTERS)}")
    modules = [import_module(f"defectlab.check.{name}") for name in ([chapter] if chapter else CHAPTERS)]
    return {exercise.name: exercise for module in modules for exercise in module.EXERCISES}


def check(name: str, answer: Any = ...) -> Verdict:
    """Says whether an answer is right, and if not, where to look.

    Args:
        name: of the exercise, ``"chapter.exercise"``; it stands beside its title in the book.
        answer: number or word, or a list of them in the order of the question.

    Raises:
        ValueError: if there is no such exercise; the nearest is suggested.
    """
    chapter = name.split(".")[0]
    known = exercises(chapter if chapter in CHAPTERS else None)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
        raise ValueError(f"no exercise {name!r}{hint}")
    return judge(known[name], answer)
