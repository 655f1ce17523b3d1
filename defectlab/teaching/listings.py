"""Directives of the written pages as Markdown that any program shows: formulas in one form, listings with code."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

_MATH = re.compile(r"^( *)```\{math\}\n(?: *:label: (\S+)\n)?\s*(.*?)^ *```$", re.M | re.S)
_INCLUDED = re.compile(r"^ *```\{literalinclude\} (\S+)\n((?: *:[\w-]+:[^\n]*\n)*) *```$", re.M)


def labelled(text: str) -> str:
    """The page with every labelled formula in the one form ``$$...$$ (label)``."""
    return _MATH.sub(
        lambda found: f"{found[1]}$$\n{found[3].strip()}\n$$" + (f" ({found[2]})" if found[2] else ""), text
    )


def with_listings(text: str, root: Path) -> str:
    """The page with the code that it includes from the package.

    Args:
        text: of a page in ``book``.
        root: checkout.

    Raises:
        ValueError: if the file no longer holds what the page includes.
    """
    return _INCLUDED.sub(lambda found: _included(root, found[1], found[2]), text)


def with_named_algorithms(text: str) -> str:
    """The page with references to algorithms written out; a page has one."""
    return re.sub(r"\{prf:ref\}`[\w-]+`", "the algorithm", text)


def _included(root: Path, target: str, options: str) -> str:
    """The lines that a ``literalinclude`` shows, as a block of code."""
    chosen = (
        yaml.safe_load(re.sub(r"^ *:([\w-]+):", r"\1:", options, flags=re.M)) or {}
    )  # as the page builder reads them
    lines = (root / "book" / target).resolve().read_text(encoding="utf-8").splitlines()
    first, last = 0, len(lines)
    if "pyobject" in chosen:
        first, last = _extent("\n".join(lines), chosen["pyobject"].split("."))
    if "start-at" in chosen:
        first = _line_with(lines, chosen["start-at"], 0)
    if "end-at" in chosen:
        last = _line_with(lines, chosen["end-at"], first) + 1
    name = target.removeprefix("../")
    code = textwrap.dedent("\n".join(lines[first:last]))
    return f"`{name}`, line {first + 1}:\n\n```python\n{code}\n```"


def _line_with(lines: list[str], words: str, start: int) -> int:
    found = [number for number in range(start, len(lines)) if words in lines[number]]
    if not found:
        raise ValueError(f"no line with {words!r} from line {start + 1} on; does the page still include what is there?")
    return found[0]


def _extent(source: str, names: list[str]) -> tuple[int, int]:
    node: Any = ast.parse(source)
    for name in names:
        inner = [child for child in node.body if getattr(child, "name", "") == name]
        if not inner:
            raise ValueError(f"no {'.'.join(names)} in the file that a page includes")
        node = inner[0]
    decorated = [decorator.lineno for decorator in node.decorator_list]
    return min([node.lineno, *decorated]) - 1, int(node.end_lineno)
