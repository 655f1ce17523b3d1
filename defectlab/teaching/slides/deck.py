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
from defectlab.teaching.slides.chapters import Cell, Source, numbered, read
from defectlab.teaching.slides.prose import goals, renderer, spoken
from defectlab.teaching.slides.speaking import EXERCISE, Slide, with_teacher_notes
from defectlab.teaching.versions import CLOSED, OPENED

ROOM = 14.5  # lines that a slide holds below its title
ABOVE_FIGURE = 4.5  # lines above a figure that is still large enough
BROKEN = -1  # level of a block that a tag put on a slide of its own
SHORT = 2.6  # lines of a sentence that is no slide of its own
SQUEEZED = 1.5  # lines that a slide takes beyond its room to spare one: the script makes it a little smaller
LEFT_OUT = ("References",)


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


def make_deck(root: Path, name: str, pages: Sequence[str], works: Mapping[str, tuple[str, str]], place: int) -> Deck:
    """The deck of a chapter.

    Args:
        root: checkout.
        name: short name of the chapter.
        pages: that it is made from, the first with the goals.
        works: forms of the works of the bibliography.
        place: number of the chapter.

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
        title = blocks[0].html if slides else numbered(blocks[0].html, place)
        slides.append(Slide(title, _goals(source, md), kind))
        slides += _spread(blocks[1:], blocks[0].html)
    title = re.sub(r"<[^>]+>|\\\(|\\\)", "", slides[0].title)
    profiles = {source.name: source.profile for source in sources if any(cell.code for cell in source.cells)}
    taught = with_teacher_notes(slides, name, pages, md)
    return Deck(name, html.unescape(title), (*taught, _closing(pages, profiles)), profiles)


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
    places: dict[str, int] = {}
    for head, held in _with_short_ones(_parts(blocks, title)):
        places[head] = places.get(head, 0) + 1
        yield _slide(head, places[head], held)


def _parts(blocks: Iterable[Block], title: str) -> Iterator[tuple[str, list[Block]]]:
    """What stands on each slide, with its heading."""
    held, is_broken = list[Block](), False
    for group in _groups(blocks):
        begins = group[0].kind in ("heading", "break")
        if held and (begins or not _fits(held, group)):
            yield title, held
            held = []
        if group[0].kind == "heading":
            title = group[0].html
        shown = [block for block in group if block.kind not in ("heading", "break")]
        held += [replace(block, level=BROKEN) for block in shown] if is_broken else shown
        is_broken = group[0].kind == "break"
    if held:
        yield title, held


def _with_short_ones(parts: Iterable[tuple[str, list[Block]]]) -> list[tuple[str, list[Block]]]:
    """The parts, where a single short sentence goes to the slide before it; if full, its last block comes over."""
    made: list[tuple[str, list[Block]]] = []
    for head, held in parts:
        if made and _is_short(held) and not head.startswith(EXERCISE) and not made[-1][0].startswith(EXERCISE):
            before, above = made[-1]
            figures = any(block.kind == "figure" for block in above)
            lines = sum(block.lines for block in [*above, *held] if block.kind != "figure")
            if lines <= (ABOVE_FIGURE if figures else ROOM) + SQUEEZED:
                own = held[0] if head == before else replace(held[0], html=_led(head, held[0].html))
                made[-1] = (before, [*above, own])
                continue
            if head == before and _ends_loosely(above):
                made[-1], held = (before, above[:-1]), [above[-1], *held]
        made.append((head, held))
    return made


def _is_short(held: Sequence[Block]) -> bool:
    only = held[0]
    return len(held) == 1 and only.kind == "text" and only.lines <= SHORT and not only.longer and only.level != BROKEN


def _ends_loosely(held: Sequence[Block]) -> bool:
    """Whether the last block can leave the others: text or a list that nothing before it leads to."""
    return len(held) > 1 and held[-1].kind in ("text", "list", "box") and not _belongs(held[-2], held[-1])


def _led(head: str, paragraph: str) -> str:
    return paragraph.replace("<p>", f"<p><strong>{head}.</strong> ", 1)


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
        return Slide(title + more, "\n".join(block.whole or block.html for block in blocks), "exercise")
    blocks = _with_more(blocks)
    notes = "\n".join(block.beyond for block in blocks if block.beyond)
    return Slide(title + more, "\n".join(block.html for block in blocks), "plain", notes)


def _with_more(blocks: Sequence[Block]) -> Sequence[Block]:
    """The blocks, with more sentences of each paragraph where the slide has room for all of them."""
    longer = [block.longer or block for block in blocks]
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
