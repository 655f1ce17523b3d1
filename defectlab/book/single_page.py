"""The whole book as one page, for reading without clicks and for printing: an extension of Sphinx, and its finish.

Sphinx's ``singlehtml`` builder takes the way to write a node from what is registered under its own name, and only where
nothing at all is, from that of ``html``. One extension that registers under both would hide those of all others.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from defectlab.book.pages import BookError
from defectlab.files import write_text

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag
    from sphinx.application import Sphinx

SINGLE = "single.html"
SHARED = ("_images", "_downloads")
_START = re.compile(r"^document-(.+)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the extension with Sphinx."""
    app.connect("builder-inited", _share_writers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_single_page(pages: Path, built: Path, first: str) -> Path:
    """Puts the page of the ``singlehtml`` builder among the pages of the ``html`` builder, whose files it shares.

    Args:
        pages: folder of the ``html`` builder.
        built: folder of the ``singlehtml`` builder.
        first: name of the first page of the table of contents, in whose place that builder writes.

    Returns:
        The page.

    Raises:
        BookError: if a link within the page leads nowhere, or both folders have another file of the same name.
    """
    for path in sorted(built.rglob("*")):
        place = pages / path.relative_to(built)
        if path.is_file() and path.parent.name in SHARED:
            if place.is_file() and place.read_bytes() != path.read_bytes():
                raise BookError(f"{place.name} is another file for the single page than for the others")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    text = (built / f"{first}.html").read_text(encoding="utf-8")  # its paths are those of a page at the root
    write_text(pages / SINGLE, finished(text.replace(f'href="{first}.html#', 'href="#')))
    return pages / SINGLE


def finished(page: str) -> str:
    """The page with every identifier once, so that each link has one target.

    Sections of the same name, such as the exercises, have the same identifier in several chapters. From the second
    chapter on it gets the chapter's name, and so do the links to it within the chapter.

    Args:
        page: HTML of the ``singlehtml`` builder.

    Raises:
        BookError: if a link within the page leads nowhere.
    """
    from bs4 import BeautifulSoup  # with the packages of the book

    soup = BeautifulSoup(page, "html.parser")
    for title in soup.select(".logo__title"):  # the theme asks for a title that this builder does not set
        title.string = soup.title.get_text().strip() if soup.title else ""
    chapter, taken, renamed = "", dict[str, str](), dict[tuple[str, str], str]()
    chapters: list[tuple[Tag, str]] = []
    for tag in soup.find_all(True):
        name = str(tag.get("id") or "")
        if start := _START.match(name):
            chapter = re.sub(r"\W+", "-", start[1])
        if name and name in taken:
            tag["id"] = _free(f"{name}-{chapter}", taken)
            if taken[name] != chapter:
                renamed.setdefault((chapter, name), str(tag["id"]))
        taken.setdefault(str(tag.get("id") or ""), chapter)
        if tag.name == "a" and str(tag.get("href", "")).startswith("#"):
            chapters.append((tag, chapter))
    for link, chapter in chapters:
        target = unquote(str(link["href"])[1:])
        link["href"] = "#" + renamed.get((chapter, target), target)
    _require_targets(soup)
    return str(soup)


def _require_targets(soup: BeautifulSoup) -> None:
    names = {str(tag["id"]) for tag in soup.find_all(id=True)}
    links = {str(link["href"])[1:] for link in soup.find_all("a", href=re.compile("^#."))}
    if lost := sorted(links - names):
        raise BookError(f"the single page has links that lead nowhere: {', '.join(lost[:10])}")


def _free(name: str, taken: Mapping[str, str]) -> str:
    """The name, or the first of it with a number that is not taken; extensions repeat a name within a chapter too."""
    return next(tried for tried in (name, *(f"{name}-{n}" for n in range(2, 10_000))) if tried not in taken)


def _share_writers(app: Sphinx) -> None:
    if app.builder.name == "singlehtml":
        handlers = app.registry.translation_handlers
        handlers["singlehtml"] = {**handlers.get("html", {}), **handlers.get("singlehtml", {})}
