"""From the Markdown of the book to what a slide says: directives written out, solutions gone, the first sentence."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from defectlab.teaching.listings import with_listings, with_named_algorithms
from defectlab.teaching.plain import References, plain
from defectlab.teaching.versions import without_solutions

GOALS_BOX = re.compile(r"^```\{admonition\} You will, you need, it takes\n(?::\w+:[^\n]*\n)*(.*?)^```$", re.M | re.S)
_GENERATED = re.compile(r"^ *```\{(?:defectlab-[\w-]+|include|bibliography)\}[^\n]*\n.*?^ *```$", re.M | re.S)
_KEPT = re.compile(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]*`", re.S)
_END = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bEq\.)(?<!\bFig\.)(?<!\bal\.)\s+(?=[A-Z*\"'\x00])")


def renderer() -> MarkdownIt:
    r"""Markdown with tables, lists of definitions and mathematics, which stays as ``\(...\)`` for MathJax."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.use(deflist_plugin).use(dollarmath_plugin, double_inline=True, renderer=_math)
    return made.use(amsmath_plugin, renderer=lambda source: rf"\[{html.escape(source)}\]")


def spoken(text: str, known: References, root: Path) -> str:
    """Markdown that needs nothing of the book to be read.

    Args:
        text: a page, or a cell of a notebook, after `labelled`.
        known: numbers of equations and figures, works that are cited.
        root: checkout, for the code that a page includes.

    Raises:
        ValueError: for a directive, a label or a work that is not known.
    """
    text = with_listings(without_solutions(text), root)
    text = _GENERATED.sub("", GOALS_BOX.sub("", text))
    return plain(with_named_algorithms(text), known)


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


def _math(content: str, options: Mapping[str, Any]) -> str:
    opening, closing = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
    return f"{opening}{html.escape(content.strip())}{closing}"
