"""A deck: blocks spread over slides by the structure of the chapter, as many as a slide can hold."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markdown_it import MarkdownIt

from defectlab.teaching.listings import labelled
from defectlab.teaching.plain import FIGURE, LABELLED, LINK, References, cited, number
from defectlab.teaching.slides.blocks import Block, of_outputs, of_text
from defectlab.teaching.slides.chapters import Cell, Source, read
from defectlab.teaching.slides.prose import goals, renderer, spoken
from defectlab.teaching.versions import CLOSED, OPENED

ROOM = 14.5  # lines that a slide holds below its title
ABOVE_FIGURE = 4.5  # lines above a figure that is still large enough
EXERCISE = "Exercise"
LEFT_OUT = ("References",)


@dataclass(frozen=True)
class Slide:
    """One slide.

    Attributes:
        title: HTML of its heading.
        body: HTML below it.
        kind: ``"opening"``, ``"part"``, ``"plain"``, ``"exercise"`` or ``"closing"``.
        notes: HTML of what the source says beyond it.
    """

    title: str
    body: str = ""
    kind: str = "plain"
    notes: str = ""


@dataclass(frozen=True)
class Deck:
    """The slides of a chapter.

    Attributes:
        name: short name of the chapter.
        title: plain text.
        slides: in order.
        profiles: of the stored runs that figures are from, by page; empty text where no run is stored.
    """

    name: str
    title: str
    slides: tuple[Slide, ...]
    profiles: Mapping[str, str]


def make_deck(root: Path, name: str, pages: Sequence[str], works: Mapping[str, tuple[str, str]]) -> Deck:
    """The deck of a chapter.

    Args:
        root: checkout.
        name: short name of the chapter.
        pages: that it is made from, the first with the goals.
        works: forms of the works of the bibliography.

    Raises:
        ValueError: if a page holds what a slide cannot show; the message names the page.
    """
    md = renderer()
    slides: list[Slide] = []
    sources = [read(root, page) for page in pages]
    for source in sources:
        try:
            blocks = list(_blocks(source, root, works, md))
        except ValueError as error:
            raise ValueError(f"slides of {source.name}: {error}") from error
        kind = "part" if slides else "opening"
        slides.append(Slide(blocks[0].html, _goals(source, md), kind))
        slides += _spread(blocks[1:], blocks[0].html)
    title = re.sub(r"<[^>]+>|\\\(|\\\)", "", slides[0].title)
    profiles = {source.name: source.profile for source in sources if any(cell.code for cell in source.cells)}
    return Deck(name, html.unescape(title), (*slides, _closing(pages, profiles)), profiles)


def _blocks(source: Source, root: Path, works: Mapping[str, tuple[str, str]], md: MarkdownIt) -> Iterator[Block]:
    """Blocks of a page, without its solutions."""
    cells = [replace(cell, text=labelled(cell.text)) for cell in _without_solutions(source.cells)]
    texts = [cell.text for cell in cells if cell.text]
    figures = number(FIGURE, [cell.code for cell in source.cells if cell.code])
    equations = number(LABELLED, [labelled(text) for text in source.texts])
    known = References(equations, figures, {key: works[key] for key in cited(texts) if key in works})
    for cell in cells:
        if "slide" in cell.tags:
            yield Block("break", "")
        if cell.text:
            yield from of_text(spoken(cell.text, known, root), md)
        elif "skip-slide" not in cell.tags:
            label = FIGURE.search(cell.code)
            yield from of_outputs(cell, md, figures[label[1]] if label else 0)


def _without_solutions(cells: Iterable[Cell]) -> Iterator[Cell]:
    inside = False
    for cell in cells:
        opens, closes = cell.text.rfind(OPENED), cell.text.rfind(CLOSED)
        if opens > closes:  # a solution that goes on in the next cells
            yield replace(cell, text=cell.text[:opens])
            inside = True
        elif inside and closes >= 0:
            rest = cell.text[closes + len(CLOSED) :].split("```", 1)
            yield replace(cell, text=rest[1] if len(rest) > 1 else "")
            inside = False
        elif not inside and "skip-slide" not in cell.tags and "solution" not in cell.tags:
            yield cell


def _spread(blocks: Iterable[Block], title: str) -> Iterator[Slide]:
    """Slides of a run of blocks: one begins at each heading and where the last one is full."""
    held, place = list[Block](), 1
    for group in _groups(blocks):
        begins = group[0].kind in ("heading", "break")
        if held and (begins or not _fits(held, group)):
            yield _slide(title, place, held)
            held, place = [], place + 1
        if group[0].kind == "heading":
            title, place = group[0].html, 1
        held += [block for block in group if block.kind not in ("heading", "break")]
    if held:
        yield _slide(title, place, held)


def _fits(held: Sequence[Block], group: Sequence[Block]) -> bool:
    """Whether the slide has room; a figure takes what a few lines above it leave, and ends the slide."""
    height = sum(block.lines for block in held)
    if any(block.kind == "figure" for block in held):
        return False
    if any(block.kind == "figure" for block in group):
        return height <= ABOVE_FIGURE
    return height + sum(block.lines for block in group) <= ROOM


def _groups(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Blocks that stay together: a sentence, the formula, list or code that it leads to, and how it goes on."""
    waiting: list[Block] = []
    skipped = False
    for block in blocks:
        if block.kind == "heading":
            skipped = block.html in LEFT_OUT
        if skipped:
            continue
        if waiting and not _belongs(waiting[-1], block):
            yield waiting
            waiting = []
        waiting.append(block)
    if waiting:
        yield waiting


def _belongs(before: Block, block: Block) -> bool:
    if before.kind == "text" and block.kind in ("formula", "list", "code", "table"):
        return True
    if block.kind == "text":
        goes_on = re.match(r"<p>(?:<em>)?[a-z]", block.html) is not None
        return before.html.endswith(":</p>") or (before.kind == "formula" and goes_on)
    return False


def _slide(title: str, place: int, blocks: Sequence[Block]) -> Slide:
    more = f' <span class="more">({place})</span>' if place > 1 else ""
    if title.startswith(EXERCISE):  # a question has to be there in full
        return Slide(title + more, "\n".join(block.notes or block.html for block in blocks), "exercise")
    blocks = _with_more(blocks)
    notes = "\n".join(block.notes for block in blocks if block.notes)
    return Slide(title + more, "\n".join(block.html for block in blocks), "plain", notes)


def _with_more(blocks: Sequence[Block]) -> Sequence[Block]:
    """The blocks, with more sentences of each paragraph where the slide has room for all of them."""
    longer = [
        replace(block, html=block.longer[0], lines=block.longer[1]) if block.longer else block for block in blocks
    ]
    fits = sum(block.lines for block in longer) <= ROOM and all(block.kind != "figure" for block in blocks)
    return longer if fits else blocks


def _goals(source: Source, md: MarkdownIt) -> str:
    """The box of goals as lists: what one will do a line each, what one needs, what it takes."""
    stated = goals(source.texts[0])
    shown = []
    for head, said in stated.items():
        items = (
            [part.strip(" .") for part in re.split(r";\s+(?:and )?", said)]
            if head == "You will"
            else [said[:1].upper() + said[1:]]
        )
        plain_items = (LINK.sub(r"\1", re.sub(r" ?{cite}`[^`]*`", "", item)) for item in items)
        lines = "".join(f"<li>{md.renderInline(item)}</li>" for item in plain_items)
        shown.append(f'<div class="goal"><p class="head">{html.escape(head)}</p><ul>{lines}</ul></div>')
    return f'<div class="goals">{"".join(shown)}</div>' if shown else ""


def _closing(pages: Sequence[str], profiles: Mapping[str, str]) -> Slide:
    lines = [f"<li>Text, formulas and exercises: {', '.join(f'<code>{page}</code>' for page in pages)}</li>"]
    for page, profile in profiles.items():
        ran = (
            f"a stored run at the {profile} profile" if profile else "no stored run of this code; build the book first"
        )
        smoke = ", which is no result" if profile == "smoke" else ""
        lines.append(f"<li>Figures and tables of <code>{page}</code>: {ran}{smoke}</li>")
    lines.append("<li>Made again by <code>defectlab teach --version slides --out FOLDER</code></li>")
    return Slide("Where these slides come from", f"<ul>{''.join(lines)}</ul>", "closing")
