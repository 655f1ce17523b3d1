"""Blocks: what can stand on a slide, with its height, from Markdown and from the outputs of a notebook."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from defectlab.teaching.slides.chapters import Cell
from defectlab.teaching.slides.prose import said_first, sentences

Kind = Literal["heading", "text", "formula", "list", "code", "table", "figure", "box", "break"]
WIDTH = 84  # characters of a line
LONGER = 520  # characters of a paragraph on a slide that has room
ROWS, COLUMNS = 9, 8  # of a table that a room can read
LONGEST = 14  # lines of code that a room can read
FORMULA = re.compile(r"\\\\(?:\[[^]]*\])?|\\begin")


@dataclass(frozen=True)
class Block:
    """Something that stands on a slide.

    Attributes:
        kind: what it is.
        html: as it is shown.
        lines: height, in lines of text.
        whole: HTML of all that the source says, where that is more.
        beyond: HTML of what the source says beyond that, for the person who speaks.
        level: of a heading.
        longer: the block where there is room: with more sentences of a paragraph, or all of a box.
    """

    kind: Kind
    html: str
    lines: float = 1.0
    whole: str = ""
    beyond: str = ""
    level: int = 0
    longer: Block | None = None


def of_text(text: str, md: MarkdownIt) -> Iterator[Block]:
    """Blocks of Markdown that needs nothing of the book to be read."""
    for group in _top_level(md.parse(text)):
        yield from _block(group, md)


def of_outputs(cell: Cell, md: MarkdownIt, number: int = 0) -> Iterator[Block]:
    """Blocks of what a cell of code shows: its figure, a small table, a few lines of text or of source.

    Args:
        cell: of code.
        md: renderer.
        number: of the figure.
    """
    if not cell.outputs and number:
        text = f"Figure {number}. {_caption(cell.code)} It is there once the book was built on this machine."
        yield Block("box", f"<blockquote><p>{html.escape(text)}</p></blockquote>", 3)
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            yield _figure(data["image/png"], output["metadata"].get("image/png", {}), number)
        elif "text/markdown" in data and "```python" in data["text/markdown"]:
            yield from of_text(data["text/markdown"], md)
        elif 'class="defectlab-table"' in data.get("text/html", ""):
            yield from _table(data["text/html"])
        elif output.output_type == "stream" and output.get("name", "stdout") == "stdout":
            lines = output.text.strip().splitlines()
            if 0 < len(lines) <= 6 and max(map(len, lines)) < WIDTH:
                yield Block("code", f"<pre>{html.escape(chr(10).join(lines))}</pre>", len(lines) * 0.9 + 0.6)


def _caption(code: str) -> str:
    """The caption that a cell gives its figure, which may be written as several strings."""
    found = re.search(r'caption=((?:\s*"[^"]*")+)', code)
    return "".join(re.findall(r'"([^"]*)"', found[1])) if found else ""


def _top_level(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    group: list[Token] = []
    depth = 0
    for token in tokens:
        group.append(token)
        depth += token.nesting
        if depth == 0:
            yield group
            group = []


def _block(group: list[Token], md: MarkdownIt) -> Iterator[Block]:
    first = group[0]
    whole = md.renderer.render(group, md.options, {})
    if first.type == "heading_open":
        yield Block("heading", md.renderInline(group[1].content), level=int(first.tag[1]))
    elif first.type == "paragraph_open":
        yield _paragraph(group[1].content, whole, md)
    elif first.type in ("math_block", "amsmath"):
        yield Block("formula", f'<div class="formula">{whole}</div>', 2.9 + 1.5 * len(FORMULA.findall(first.content)))
    elif first.type in ("bullet_list_open", "ordered_list_open", "dl_open"):
        yield _list(group, whole, md)
    elif first.type in ("fence", "code_block"):
        yield _code(first.content)
    elif first.type == "table_open":
        rows = sum(token.type == "tr_open" for token in group)
        yield Block("table", whole, 1.2 * rows + 0.5)
    elif first.type == "blockquote_open":
        said = [token.content for token in group if token.type == "inline"]
        shown = "".join(f"<p>{md.renderInline(said_first(text))}</p>" for text in said[:3])
        full = Block("box", whole, sum(map(_lines, said)) + 0.6 * len(said) + 1.5)
        short = Block("box", f"<blockquote>{shown}</blockquote>", sum(map(_lines, map(said_first, said[:3]))) + 1.5)
        yield full if short.html == _flat(whole) else replace(short, whole=whole, beyond=whole, longer=full)


def _paragraph(content: str, whole: str, md: MarkdownIt) -> Block:
    shown, longer = said_first(content), said_first(content, LONGER)
    short, more = (_said(content, said, whole, md) for said in (shown, longer))
    return replace(short, longer=more if longer != shown else None)


def _said(content: str, said: str, whole: str, md: MarkdownIt) -> Block:
    """A paragraph of which some sentences are shown; the others are left to the person who speaks."""
    rest = " ".join(part for part in sentences(content) if part not in sentences(said))
    beyond = f"<p>{md.renderInline(rest)}</p>" if rest else ""
    return Block("text", f"<p>{md.renderInline(said)}</p>", _lines(said) + 0.6, whole if rest else "", beyond)


def _flat(markup: str) -> str:
    return re.sub(r">\s+<", "><", markup.strip())


def _list(group: list[Token], whole: str, md: MarkdownIt) -> Block:
    items = [token.content for token in group if token.type == "inline"]
    shown = [said_first(item) for item in items]
    for token, text in zip([token for token in group if token.type == "inline"], shown, strict=True):
        token.content, token.children = text, md.parseInline(text)[0].children
    short = md.renderer.render(group, md.options, {})
    more = whole if short != whole else ""
    return Block("list", short, sum(_lines(text) + 0.25 for text in shown), more, more)


def _code(source: str) -> Block:
    lines = source.rstrip().splitlines()
    shown = lines if len(lines) <= LONGEST else [*lines[: LONGEST - 1], "..."]
    whole = f"<pre>{html.escape(source.rstrip())}</pre>" if len(lines) > LONGEST else ""
    return Block(
        "code", f"<pre><code>{html.escape(chr(10).join(shown))}</code></pre>", 0.72 * len(shown) + 1, whole, whole
    )


def _table(source: str) -> Iterator[Block]:
    """A table where a room can read it, else where to find it."""
    rows, columns = source.count("<tr>"), source.split("</tr>", 1)[0].count("<th")
    table, caption = (
        re.search(pattern, source, flags=re.S) for pattern in ("<table>.*?</table>", "<caption>(.*?)</caption>")
    )
    if not table or "where each value comes from" in source:
        return
    if rows <= ROWS and columns <= COLUMNS:
        yield Block("table", table[0], 1.25 * rows + 1.5)
    elif caption:
        yield Block("table", f'<p class="elsewhere">Table on the page: {caption[1]}</p>', 1.6)


def _figure(png: str, about: Any, number: int) -> Block:
    caption, alt = str(about.get("caption", "")), html.escape(str(about.get("alt", "")), quote=True)
    image = f'<img src="data:image/png;base64,{"".join(png.split())}" alt="{alt}">'
    text = f"<figcaption>Figure {number}. {html.escape(caption)}</figcaption>" if caption else ""
    return Block("figure", f"<figure>{image}{text}</figure>", 13)


def _lines(text: str) -> int:
    seen = re.sub(r"\\[a-zA-Z]+|[_^{}$*`]", " ", text).replace("  ", " ")
    return max(1, math.ceil(len(seen) / WIDTH))
