"""Plans of a class: what is done in each part of the hour, from `plans.toml`, the one place that holds them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from defectlab.check import PAPERS, exercises

Kind = Literal["question", "board", "figure", "exercise", "homework"]
SAID = {
    "question": "Question",
    "board": "At the board",
    "figure": "Predict, then show",
    "exercise": "Exercise in class",
    "homework": "Homework",
}
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {
    **{word: place for place, word in enumerate(WORDS, start=1)},
    **dict.fromkeys(("a", "an"), 1),
    "forty-five": 45,
    "sixty": 60,
    "seventy-five": 75,
    "ninety": 90,
}
STATED = re.compile(r"^(?:(\w+) classes of )?([\w-]+)(?: to \w+)? (hours?|minutes?)\b", re.I)


@dataclass(frozen=True)
class Line:
    """One part of a class.

    Attributes:
        minutes: that it takes; 0 for homework and for nothing else.
        kind: what sort of part.
        at: heading of the section that it belongs to.
        what: what is done, Markdown.
        exercises: names of those that `check` knows.
    """

    minutes: int
    kind: Kind
    at: str
    what: str
    exercises: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind: expected one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        if (self.minutes == 0) != (self.kind == "homework") or self.minutes < 0:
            raise ValueError(f"minutes: expected some in class and 0 for homework, got {self.minutes} ({self.kind})")
        if not self.at.strip() or not self.what.strip():
            raise ValueError("expected a section and what is done in each line of a plan")


@cache
def plans() -> dict[str, tuple[Line, ...]]:
    """The plan of each page that is taught, by its name with hyphens, as ``"in-and-out"``."""
    stated = tomllib.loads(files(__package__).joinpath("plans.toml").read_text(encoding="utf-8"))
    return {name: tuple(_line(name, row) for row in rows) for name, rows in stated.items()}


def plan_of(page: str) -> tuple[Line, ...]:
    """The plan of a page such as ``"notebooks/perlin"``; nothing for the notebook of a paper, which goes with its page.

    Args:
        page: place in the table of contents.
    """
    folder, _, name = page.rpartition("/")
    goes_with = folder == "notebooks" and (name in PAPERS)
    return () if goes_with else plans().get(name.replace("_", "-"), ())


def class_minutes(stated: str) -> int:
    """Minutes of a class, from what a chapter says of its time: the least of a range.

    Args:
        stated: such as ``"Two classes of ninety minutes. The laptop profile ..."``.

    Raises:
        ValueError: if it begins with no time.
    """
    found = STATED.match(stated.strip())
    if not found or found[2].lower() not in NUMBERS:
        raise ValueError(f"expected a time such as 'an hour' or 'ninety minutes' at the beginning of {stated[:60]!r}")
    unit = 60 if found[3].lower().startswith("hour") else 1
    return NUMBERS[(found[1] or "one").lower()] * NUMBERS[found[2].lower()] * unit


def table(plan: Sequence[Line]) -> str:
    """A plan as a table of Markdown, with the minutes since the class began."""
    lines = ["| From | Minutes | What | Section |", "|---|---|---|---|"]
    begun = 0
    for line in plan:
        times = f"{begun} | {line.minutes}" if line.minutes else " | "
        lines.append(f"| {times} | **{SAID[line.kind]}.** {_cell(spoken(line))} | {_cell(line.at)} |")
        begun += line.minutes
    return "\n".join(lines)


def spoken(line: Line) -> str:
    """What is done, with the titles, names and minutes of the exercises."""
    known = exercises()
    named = (f"*{known[name].title}* (`{name}`, {known[name].minutes} minutes)" for name in line.exercises)
    return " ".join(part for part in ("; ".join(named) + "." if line.exercises else "", line.what) if part)


def _line(name: str, row: dict[str, object]) -> Line:
    try:
        return Line(**(row | {"exercises": tuple(row.get("exercises", ()))}))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"plan of {name}: {error}") from error


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
