"""What an exercise expects, what people often answer instead, and what is said then."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

NUMBER = re.compile(r"\s*[-+]?[\d.]+(e[-+]?\d+)?\s*(([*/]|\*\*)\s*[-+]?[\d.]+(e[-+]?\d+)?\s*)*", re.I)
"""Text that is a number in Python, or a product or quotient of some, once its quotes are gone."""
Level = Literal["easy", "medium", "hard"]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that has a reason.

    Attributes:
        answer: the wrong answer, or a function that tells whether an answer is of this kind.
        hint: what to look at; never the right answer.
        belief: what somebody who answers so takes to be true, for the teacher.
        example: one such answer where `answer` is a function, for the teacher too.
    """

    answer: Any
    hint: str
    belief: str = ""
    example: Any = None

    @property
    def shown(self) -> Any:
        """A wrong answer of this kind; `None` where no one answer is."""
        return self.example if callable(self.answer) else self.answer


@dataclass(frozen=True)
class Exercise:
    """One checked exercise.

    Attributes:
        name: ``"chapter.exercise"``, as a notebook calls it.
        title: as in the book.
        level: ``"easy"``, ``"medium"`` or ``"hard"``.
        minutes: for somebody who read the chapter.
        expected: gives the right answer: a number, a word, or several of either in order; `None` for an exercise to
            discuss, which has no one answer.
        hint: where to look when nothing better is known of a wrong answer.
        mistakes: wrong answers with reasons, the most telling first.
        tolerance: relative distance at which a number still is right.
        praise: what the right answer shows.
    """

    name: str
    title: str
    level: Level
    minutes: int
    expected: Callable[[], Any] | None
    hint: str
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-3
    praise: str = ""

    def __post_init__(self) -> None:
        if self.name.count(".") != 1:
            raise ValueError(f"name: expected 'chapter.exercise', got {self.name!r}")
        if self.level not in get_args(Level):
            raise ValueError(f"{self.name}: level must be one of {', '.join(get_args(Level))}, got {self.level!r}")
        if self.minutes < 1 or not self.hint.strip():
            raise ValueError(f"{self.name}: expected minutes of at least 1 and a hint")

    @property
    def is_open(self) -> bool:
        """True for an exercise to discuss: its solution says what a good answer contains."""
        return self.expected is None

    @property
    def chapter(self) -> str:
        """The part of the name before the point."""
        return self.name.split(".")[0]


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer.

    Attributes:
        name: of the exercise.
        right: whether the answer is right.
        said: one or two sentences.
        is_open: whether the exercise is one to discuss, so that no answer is right or wrong.
    """

    name: str
    right: bool
    said: str
    is_open: bool = False

    def __str__(self) -> str:
        head = "To discuss." if self.is_open else "✓ Right." if self.right else "✗ Not yet."
        return f"{head} {self.said}".strip()

    def _repr_markdown_(self) -> str:
        head, _, rest = str(self).partition(". ")
        return f"**{head}{'.' if rest else ''}** {rest}"


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Compares an answer with what is expected, and with the mistakes that are known.

    Args:
        exercise: of which.
        answer: number, word, or several of either; ``...`` and ``None`` are no answer.
    """
    if exercise.expected is None:
        return Verdict(exercise.name, False, exercise.hint, is_open=True)
    if answer is None or answer is ...:
        return Verdict(exercise.name, False, "No answer yet: put yours in place of the three dots.")
    expected = exercise.expected()
    if problem := _form_problem(expected, answer):
        return Verdict(exercise.name, False, problem)
    if agrees(expected, answer, exercise.tolerance):
        return Verdict(exercise.name, True, exercise.praise)
    for mistake in exercise.mistakes:
        if _is_of(mistake, answer, exercise.tolerance):
            return Verdict(exercise.name, False, mistake.hint)
    wrong = _wrong_places(expected, answer, exercise.tolerance)
    return Verdict(exercise.name, False, " ".join([*wrong, exercise.hint]))


def agrees(expected: Any, answer: Any, tolerance: float) -> bool:
    """True where words are equal but for case, and numbers closer than the tolerance."""
    ours, theirs = _several(expected), _several(answer)
    if len(ours) != len(theirs):
        return False
    return all(_one_agrees(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))


def _one_agrees(expected: Any, answer: Any, tolerance: float) -> bool:
    if isinstance(expected, str) or isinstance(answer, str):
        return str(expected).strip().casefold() == str(answer).strip().casefold()
    return bool(np.isclose(float(answer), float(expected), rtol=tolerance, atol=tolerance * 1e-3))


def _wrong_places(expected: Any, answer: Any, tolerance: float) -> list[str]:
    """Which of several values are wrong, as a sentence; nothing where none of them is right."""
    ours, theirs = _several(expected), _several(answer)
    pairs = enumerate(zip(ours, theirs, strict=True), start=1)
    wrong = [str(place) for place, (a, b) in pairs if not _one_agrees(a, b, tolerance)]
    if len(wrong) == len(ours):
        return []
    named = f"Values {', '.join(wrong[:-1])} and {wrong[-1]}" if len(wrong) > 1 else f"Value {wrong[0]}"
    return [f"{named} of {len(ours)} {'are' if len(wrong) > 1 else 'is'} not right yet, the rest is."]


def _is_of(mistake: Mistake, answer: Any, tolerance: float) -> bool:
    if callable(mistake.answer):
        return bool(mistake.answer(answer))
    return agrees(mistake.answer, answer, tolerance)


def _several(value: Any) -> Sequence[Any]:
    if isinstance(value, str) or np.ndim(value) == 0:
        return [value]
    return list(value)


def _form_problem(expected: Any, answer: Any) -> str:
    ours, theirs = _several(expected), _several(answer)
    if len(ours) != len(theirs):
        return f"Expected {len(ours)} value{'s' * (len(ours) != 1)}, in the order of the question, got {len(theirs)}."
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, str) != isinstance(b, str):
            cure = f" Write it without quotes: {b.strip()}." if isinstance(b, str) and NUMBER.fullmatch(b) else ""
            return f"Expected {'a word' if isinstance(a, str) else 'a number'}, got {b!r}.{cure}"
    return ""
