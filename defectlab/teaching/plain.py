"""Markdown of the book as plain Jupyter shows it: directives, roles and labels written out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^```\{([\w:-]+)\} ?(.*?)\n((?::[\w-]+:[^\n]*\n)*)(.*?)^```$", re.M | re.S)
LABELLED = re.compile(r"\$\$\s*\(([\w-]+)\)")
FIGURE = re.compile(r'name="(fig-[\w-]+)"')
CITED = re.compile(r"\{cite\w*\}`([^`]+)`")
EXERCISE = re.compile(r"\{exercise-start\} ([^\n]*)\n:label: (\S+)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)]+)\)")
CODE = re.compile(r"(^ *```\w*\n.*?^ *```$)", re.M | re.S)
HEADS = {"note": "Note", "warning": "Warning", "tip": "Tip"}


@dataclass(frozen=True)
class References:
    """What the numbers and names of a notebook are.

    Attributes:
        equations: number of each label.
        figures: number of each label.
        works: for each key without prefix, its short form and its full one.
        links: for each file name that links may point to, where it lies now; other links lose their target.
        exercises: title of each label.
    """

    equations: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, int] = field(default_factory=dict)
    works: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    exercises: Mapping[str, str] = field(default_factory=dict)


def number(pattern: re.Pattern[str], texts: Sequence[str]) -> dict[str, int]:
    """Labels in order of their first appearance, counted from 1."""
    found = [label for text in texts for label in pattern.findall(text)]
    return {label: place for place, label in enumerate(dict.fromkeys(found), start=1)}


def plain(text: str, known: References) -> str:
    """A Markdown cell without anything that only the book understands.

    Args:
        text: source of the cell.
        known: numbers of equations and figures, works that are cited.

    Raises:
        ValueError: for a directive, a label or a work that is not known: better than a cell that nobody can read.
    """
    parts = CODE.split(FENCE.sub(lambda found: _directive(found, known), text))
    parts[::2] = [_prose(part, known) for part in parts[::2]]  # the odd ones are blocks of code
    return re.sub(r"\n{3,}", "\n\n", "".join(parts)).strip()


def _prose(text: str, known: References) -> str:
    text = LABELLED.sub(lambda found: rf"\tag{{{_of(known.equations, found[1], 'equation')}}} $$", text)
    text = re.sub(r"\{eq\}`([\w-]+)`", lambda found: f"Eq. ({_of(known.equations, found[1], 'equation')})", text)
    text = re.sub(r"\{numref\}`([\w-]+)`", lambda found: f"Figure {_of(known.figures, found[1], 'figure')}", text)
    text = CITED.sub(lambda found: "(" + "; ".join(_work(key, known)[0] for key in found[1].split(",")) + ")", text)
    text = re.sub(r"\{(?:ref|doc)\}`([^`<]+?)\s*<[^`>]+>`", r"\1", text)  # leads to another page
    text = re.sub(r"\{ref\}`(ex-[\w-]+)`", lambda found: _exercise(found[1], known), text)
    return LINK.sub(lambda found: _link(found[1], found[2], known), text)


def works(bibliography: Path) -> dict[str, tuple[str, str]]:
    """Short and full form of each entry of a BibTeX file: ``Perlin 2002``, and authors, year, title."""
    from pybtex.database import parse_file  # with the packages of the book
    from pybtex.richtext import Text

    found = {}
    for key, entry in parse_file(str(bibliography)).entries.items():
        people = [str(Text.from_latex(" ".join(person.last_names))) for person in entry.persons.get("author", [])]
        year = entry.fields.get("year", "undated")
        short = f"{people[0]} et al." if len(people) > 2 else " and ".join(people)
        title = str(Text.from_latex(entry.fields["title"]))
        found[key] = (f"{short} {year}", f"{', '.join(people)} ({year}). *{title}.*")
    return found


def cited(texts: Sequence[str]) -> list[str]:
    """Keys that are cited, without prefix, in order."""
    keys = [key.strip() for text in texts for group in CITED.findall(text) for key in group.split(",")]
    return list(dict.fromkeys(_without_prefix(key) for key in keys))


def _directive(found: re.Match[str], known: References) -> str:
    name, title, options, body = found.groups()
    inside = body.strip()
    shown: dict[str, Callable[[], str]] = {
        "admonition": lambda: _quoted(title, inside),
        "exercise-start": lambda: f"### Exercise: {title}",
        "exercise-end": lambda: "",
        "solution-start": lambda: "**Solution**\n",
        "solution-end": lambda: "",
        "prf:algorithm": lambda: f"**{title}**\n\n{inside}",
        "list-table": lambda: _table(title, inside, ":header-rows: 1" in options),
        "bibliography": lambda: "\n".join(f"- {full}" for _, full in known.works.values()),
    }
    if name in HEADS:
        return _quoted(HEADS[name], inside)
    if name not in shown:
        raise ValueError(f"no plain form of the directive {name!r}; there are: {', '.join([*shown, *HEADS])}")
    return shown[name]()


def _quoted(head: str, body: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in [f"**{head}**", "", *body.splitlines()])


def _table(title: str, body: str, headed: bool) -> str:
    """A ``list-table`` as a table of plain Markdown, which always has a head: an empty one where the page has none."""
    rows = [re.split(r"^ {2}- ", row, flags=re.M) for row in re.split(r"^\* - ", body, flags=re.M)[1:]]
    cells = [[" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in rows]
    lines = cells if headed else [["" for _ in cells[0]], *cells]
    lines.insert(1, ["---" for _ in lines[0]])
    return "\n".join([f"*{title}*", "", *(f"| {' | '.join(line)} |" for line in lines)])


def _of(numbers: Mapping[str, int], label: str, what: str) -> int:
    if label not in numbers:
        raise ValueError(f"no {what} {label!r} in this notebook; there are: {', '.join(numbers) or 'none'}")
    return numbers[label]


def _work(key: str, known: References) -> tuple[str, str]:
    name = _without_prefix(key.strip())
    if name not in known.works:
        raise ValueError(f"no work {name!r} in the bibliography")
    return known.works[name]


def _without_prefix(key: str) -> str:
    return re.sub(r"^[a-z]{2,3}-", "", key)


def _exercise(label: str, known: References) -> str:
    return f"the exercise *{known.exercises[label]}*" if label in known.exercises else "the exercise"


def _link(text: str, target: str, known: References) -> str:
    if target.startswith(("http", "#")):
        return f"[{text}]({target})"
    moved = known.links.get(target.split("#")[0].rsplit("/", 1)[-1])
    return f"[{text}]({moved})" if moved else text
