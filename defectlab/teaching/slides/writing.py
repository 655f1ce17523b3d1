"""Decks as files: one HTML file each, with style and script inside, and MathJax beside them."""

from __future__ import annotations

import html
import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from defectlab.files import atomic_path, write_text
from defectlab.teaching.plain import works
from defectlab.teaching.slides.chapters import chapter_numbers, chapters_with_slides
from defectlab.teaching.slides.deck import Deck, make_deck
from defectlab.teaching.slides.speaking import Slide

MATHJAX = "book/_extra/mathjax"


def write_slides(out: Path, root: Path) -> dict[str, Path]:
    """Writes a deck for each chapter.

    Args:
        out: folder of the decks; files of the same names are replaced.
        root: checkout, with the book and, where there is one, its store of executed notebooks.

    Returns:
        The file of each deck, by chapter.

    Raises:
        ValueError: if a page holds what a slide cannot show.
    """
    known, numbers = works(root / "book" / "references.bib"), chapter_numbers(root)
    found = chapters_with_slides(root)
    write_mathjax(out, root)
    return {name: write_deck(out, root, name, pages, numbers[name], known) for name, pages in found.items()}


def write_deck(
    out: Path, root: Path, name: str, pages: Sequence[str], number: int, known: Mapping[str, tuple[str, str]]
) -> Path:
    """Writes the deck of one chapter.

    Args:
        out: folder of the decks.
        root: checkout.
        name: short name of the chapter.
        pages: that it is made from.
        number: of the chapter.
        known: forms of the works of the bibliography.

    Returns:
        The file.
    """
    path = out / f"{number:02d}-{name}.html"
    write_text(path, page(make_deck(root, name, pages, known, number)))
    return path


def write_mathjax(out: Path, root: Path) -> None:
    """Lays MathJax beside the decks in a folder, so that they need no network."""
    for source in sorted((root / MATHJAX).iterdir()):
        with atomic_path(out / "mathjax" / source.name) as partial:
            shutil.copyfile(source, partial)


def page(deck: Deck) -> str:
    """HTML of a deck, complete but for MathJax."""
    parts = files(__package__)
    template, style, script = (
        (parts / name).read_text(encoding="utf-8") for name in ("deck.html", "slides.css", "slides.js")
    )
    slides = "\n".join(_section(slide, place) for place, slide in enumerate(deck.slides, start=1))
    filled = {"title": html.escape(deck.title), "style": style, "script": script, "slides": slides}
    for name, text in filled.items():
        template = template.replace(f"<!-- {name} -->", text, 1)
    return template


def _section(slide: Slide, place: int) -> str:
    level = "h1" if slide.kind == "opening" and place == 1 else "h2"
    beyond = f"<h3>The page goes on</h3>{slide.notes}" if slide.notes else ""
    told = slide.teacher + beyond
    notes = f'<div class="notes" role="note" aria-label="Notes" hidden>{told}</div>' if told else ""
    return (
        f'<div class="slide {slide.kind}" id="s{place}" role="group" aria-roledescription="slide" '
        f'aria-labelledby="t{place}">'
        f'<{level} id="t{place}">{slide.title}</{level}>\n<div class="body">{slide.body}</div>\n{notes}'
        f'<p class="number" aria-hidden="true">{place}</p></div>'
    )
