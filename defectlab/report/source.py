"""Shows the lines of the package that carry out an equation, so that a reader sees both on one page."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defectlab.provenance import PACKAGE


@dataclass(frozen=True)
class SourceLines:
    """Lines of a module.

    Attributes:
        file: below the checkout, such as ``"defectlab/evaluation/ranking.py"``.
        first: number of the first line, from 1.
        code: the lines, without common indentation.
    """

    file: str
    first: int
    code: str

    def __str__(self) -> str:
        last = self.first + self.code.count("\n")
        return f"{self.file}, {f'lines {self.first} to {last}' if last > self.first else f'line {self.first}'}"

    def _repr_markdown_(self) -> str:
        return f"`{self.file}`, {str(self).split(', ', 1)[1]}:\n\n```python\n{self.code}\n```"


def source_lines(thing: Callable[..., Any] | type, words: str, before: int = 0, after: int = 0) -> SourceLines:
    """The line of a function or class that holds some words, with its neighbours.

    Args:
        thing: function, method or class of the package.
        words: text of the line, such as the number of an equation; exactly one line holds it.
        before: further lines above it.
        after: further lines below it.

    Raises:
        ValueError: if no line or more than one holds the words: the page would show the wrong code.
    """
    lines, start = inspect.getsourcelines(thing)
    found = [number for number, line in enumerate(lines) if words in line]
    if len(found) != 1:
        raise ValueError(f"{thing.__qualname__}: expected one line with {words!r}, found {len(found)}")
    first, last = max(found[0] - before, 0), min(found[0] + after, len(lines) - 1)
    file = Path(inspect.getsourcefile(thing) or "").resolve().relative_to(PACKAGE.parent).as_posix()
    code = textwrap.dedent("".join(lines[first : last + 1])).rstrip()
    return SourceLines(file, max(start, 1) + first, code)
