"""What the person who speaks sees beside a slide: lines of the plan of the class, and what people answer."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt

from defectlab.check import CHAPTERS, Exercise, exercises
from defectlab.teaching.notes import notes_on
from defectlab.teaching.plans import SAID, Line, plan_of, spoken, table

EXERCISE = "Exercise"


@dataclass(frozen=True)
class Slide:
    """One slide.

    Attributes:
        title: HTML of its heading.
        body: HTML below it.
        kind: ``"opening"``, ``"part"``, ``"plain"``, ``"exercise"`` or ``"closing"``.
        notes: HTML of what the source says beyond it.
        teacher: HTML of what the plan of the class says of it, and of what people answer.
    """

    title: str
    body: str = ""
    kind: str = "plain"
    notes: str = ""
    teacher: str = ""


def with_teacher_notes(slides: Sequence[Slide], chapter: str, pages: Sequence[str], md: MarkdownIt) -> list[Slide]:
    """The slides, each with the lines of the plan that belong to it and the known mistakes of its exercise.

    Args:
        slides: of the chapter, from its opening on.
        chapter: short name.
        pages: of the chapter.
        md: renderer.
    """
    checked = chapter.replace("-", "_")
    known = exercises(checked) if checked in CHAPTERS else {}
    lines = [line for page in pages for line in plan_of(page)]
    places = _places(slides, lines, known)
    said: list[list[str]] = [[] for _ in slides]
    said[0] += [table(plan_of(page)) for page in pages if plan_of(page)]
    for line, its_places in zip(lines, places, strict=True):
        minutes = f", {line.minutes} minutes" if line.minutes else ""
        for place in its_places:
            said[place].append(f"**{SAID[line.kind]}{minutes}.** {spoken(line)}")
    for place, name in _asked(slides, known).items():
        said[place].append(notes_on(known[name], with_answer=False))
    return [replace(slide, teacher=md.render("\n\n".join(told))) for slide, told in zip(slides, said, strict=True)]


def _places(slides: Sequence[Slide], lines: Sequence[Line], known: Mapping[str, Exercise]) -> list[list[int]]:
    """The slides of each line of a plan: those of its exercises, else that of its section; the opening has them all."""
    asked = {name: place for place, name in reversed(_asked(slides, known).items())}  # the first slide of each
    heads: dict[str, int] = {}
    for place, slide in enumerate(slides):
        heads.setdefault(plain_title(slide.title), place)
    first = next((place for place, slide in enumerate(slides) if slide.kind == "exercise"), 0)
    found = [[asked[name] for name in line.exercises if name in asked] for line in lines]
    places = [its or [heads.get(line.at, first)] for its, line in zip(found, lines, strict=True)]
    return [[place for place in its if place] for its in places]


def _asked(slides: Sequence[Slide], known: Mapping[str, Exercise]) -> dict[int, str]:
    """The checked exercise that begins on each slide."""
    found = {place: re.search(r"<code>([\w.-]+)</code>", slide.body) for place, slide in enumerate(slides)}
    return {
        place: name[1]
        for place, name in found.items()
        if name and name[1] in known and slides[place].kind == "exercise"
    }


def plain_title(title: str) -> str:
    """Heading of a slide as the source writes it, without its place in a run of slides."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r' <span class="more">.*', "", title)))
