"""From the Markdown of the book to what a slide says: directives written out, solutions gone, the first sentence."""

from __future__ import annotations

import ast
import html
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from defectlab.teaching.plain import References, plain
from defectlab.teaching.versions import without_solutions

GOALS_BOX = re.compile(r"^```\{admonition\} You will, you need, it takes\n(?::\w+:[^\n]*\n)*(.*?)^```$", re.M | re.S)
_MATH = re.compile(r"^( *)```\{math\}\n(?: *:label: (\S+)\n)?\s*(.*?)^ *```$", re.M | re.S)
_INCLUDED = re.compile(r"^ *```\{literalinclude\} (\S+)\n((?: *:[\w-]+:[^\n]*\n)*) *```$", re.M)
_GENERATED = re.compile(r"^ *```\{(?:defectlab-[\w-]+|include|bibliography)\}[^\n]*\n.*?^ *```$", re.M | re.S)
_KEPT = re.compile(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]*`", re.S)
_END = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bEq\.)(?<!\bFig\.)(?<!\bal\.)\s+(?=[A-Z*\"'\x00])")


def renderer() -> MarkdownIt:
    r"""Markdown with tables, lists of definitions and mathematics, which stays as ``\(...\)`` for MathJax."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.use(deflist_plugin).use(dollarmath_plugin, double_inline=True, renderer=_math)
    return made.use(amsmath_plugin, renderer=lambda source: rf"\[{html.escape(source)}\]")


def labelled(text: str) -> str:
    """The page with every labelled formula in the one form ``$$...$$ (label)``."""
    return _MATH.sub(
        lambda found: f"{found[1]}$$\n{found[3].strip()}\n$$" + (f" ({found[2]})" if found[2] else ""), text
    )


def spoken(text: str, known: References, root: Path) -> str:
    """Markdown that needs nothing of the book to be read.

    Args:
        text: a page, or a cell of a notebook, after `labelled`.
        known: numbers of equations and figures, works that are cited.
        root: checkout, for the code that a page includes.

    Raises:
        ValueError: for a directive, a label or a work that is not known.
    """
    text = _INCLUDED.sub(lambda found: _included(root, found[1], found[2]), without_solutions(text))
    text = _GENERATED.sub("", GOALS_BOX.sub("", text))
    return plain(re.sub(r"\{prf:ref\}`[\w-]+`", "the algorithm", text), known)


def goals(text: str) -> Mapping[str, str]:
    """The box at the head of a chapter: what one will do, what one needs, what it takes; empty where it has none."""
    box = GOALS_BOX.search(text)
    if not box:
        return {}
    return {
        head: re.sub(r"\s+", " ", said).strip()
        for head, said in re.findall(r"\*\*(.*?)\*\*(.*?)(?=\n\n|\Z)", box[1], re.S)
    }


def sentences(paragraph: str) -> list[str]:
    """Sentences of a paragraph; what stands in mathematics or code does not end one."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\x00{len(kept) - 1}\x00"

    flat = _KEPT.sub(keep, re.sub(r"\s+", " ", paragraph.strip()))
    return [re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found[1])], part) for part in _END.split(flat)]


def said_first(paragraph: str, limit: int = 230) -> str:
    """What a slide shows of a paragraph: its first sentences, at least one, up to a number of characters.

    A paragraph that leads to a formula or a list, and so ends with a colon or without a full stop, shows its last
    sentence too. A title in bold at its head stays with the sentence after it.
    """
    parts = sentences(paragraph)
    taken = 2 if re.fullmatch(r"\*\*[^*]+\*\*", parts[0]) else 1
    while taken < len(parts) and len(" ".join(parts[: taken + 1])) <= limit:
        taken += 1
    shown = parts[:taken]
    if taken < len(parts) and not parts[-1].endswith((".", "?", "!", ".*", ".**")):
        shown.append(parts[-1])
    return " ".join(shown)


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


def _math(content: str, options: Mapping[str, Any]) -> str:
    opening, closing = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
    return f"{opening}{html.escape(content.strip())}{closing}"
