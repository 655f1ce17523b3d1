"""Notes on exercises for a teacher: the answer, and of each known mistake the answer that shows it, and the reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from defectlab.check import Exercise, Mistake

BY_RULE = "any answer of this kind"


def notes_on(exercise: Exercise, with_answer: bool = True) -> str:
    """What a teacher wants to know of an exercise: minutes, the answer, what people answer, and what to say then.

    Args:
        exercise: of which.
        with_answer: whether the right answer is printed; the slides, which are given away, do without.
    """
    head = f"> **For the teacher.** {exercise.level.capitalize()}, {exercise.minutes} minutes."
    if exercise.expected is not None and with_answer:
        head += f" Expected: `{written(exercise.expected())}`."
    if with_answer:
        head += f" {'A good answer: ' if exercise.is_open else ''}{exercise.praise}"
    columns = ["What they take to be true", "What to say"]
    columns = columns if exercise.is_open else ["Answer", *columns]
    rows = [[*([] if exercise.is_open else [answers]), *told] for told, answers in _told(exercise).items()]
    lines = [columns, ["---" for _ in columns], *([_cell(text) for text in row] for row in rows)]
    return "\n".join([head, ">", *(f"> | {' | '.join(line)} |" for line in lines)])


def written(answer: Any) -> str:
    """An answer as one would type it, numbers to four digits.

    Args:
        answer: number, word, or several of either.
    """
    if isinstance(answer, str):
        return f'"{answer}"'
    if np.ndim(answer):
        return f"[{', '.join(written(value) for value in answer)}]"
    return f"{float(answer):.4g}" if abs(float(answer)) < 1e4 or answer != int(answer) else f"{int(answer)}"


def _told(exercise: Exercise) -> Mapping[tuple[str, str], str]:
    """The answers that show a mistake, by what is believed and what is said then."""
    found: dict[tuple[str, str], list[str]] = {}
    for mistake in exercise.mistakes:
        found.setdefault((mistake.belief, mistake.hint), []).append(_answer(mistake))
    return {told: ", ".join(answers) for told, answers in found.items()}


def _answer(mistake: Mistake) -> str:
    if mistake.shown is None:
        return BY_RULE
    return f"`{written(mistake.shown)}`{' and the like' if callable(mistake.answer) else ''}"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
