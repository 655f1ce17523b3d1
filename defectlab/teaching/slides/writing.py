"""Decks as files: one HTML file each, with style and script inside, and MathJax beside them."""

from __future__ import annotations

import html
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from defectlab.files import atomic_path, write_text
from defectlab.teaching.plain import works
from defectlab.teaching.slides.chapters import chapters_with_slides
from defectlab.teaching.slides.deck import Deck, Slide, make_deck

MATHJAX = "book/_extra/mathjax"


def write_slides(out: Path, root: Path, only: Sequence[str] = ()) -> dict[str, Path]:
    """Writes a deck for each chapter.

    Args:
        out: folder of the decks; files of the same names are replaced.
        root: checkout, with the book and, where there is one, its store of executed notebooks.
        only: short names of chapters; all by default.

    Returns:
        The file of each deck, by chapter.

    Raises:
        ValueError: if there is no such chapter, or a page holds what a slide cannot show.
    """
    found = chapters_with_slides(root)
    if unknown := [name for name in only if name not in found]:
        raise ValueError(f"no slides of {', '.join(unknown)}; there are: {', '.join(found)}")
    known = works(root / "book" / "references.bib")
    written = {}
    for place, (name, pages) in enumerate(found.items(), start=1):
        if only and name not in only:
            continue
        written[name] = out / f"{place:02d}-{name}.html"
        write_text(written[name], page(make_deck(root, name, pages, known)))
    for source in sorted((root / MATHJAX).iterdir()):
        with atomic_path(out / "mathjax" / source.name) as partial:
            shutil.copyfile(source, partial)
    return written


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
    notes = f'<div class="notes" role="note" aria-label="Notes" hidden>{slide.notes}</div>' if slide.notes else ""
    return (
        f'<div class="slide {slide.kind}" id="s{place}" role="group" aria-roledescription="slide" '
        f'aria-labelledby="t{place}">'
        f'<{level} id="t{place}">{slide.title}</{level}>\n<div class="body">{slide.body}</div>\n{notes}'
        f'<p class="number" aria-hidden="true">{place}</p></div>'
    )
