"""Which chapters have slides, and what they are made from: cells of text, code and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from defectlab.book import STORE, page_names

GOALS = "```{admonition} You will, you need, it takes"
PROFILES = ("paper", "laptop", "smoke")


@dataclass(frozen=True)
class Cell:
    """A piece of a chapter.

    Attributes:
        text: Markdown; empty for code.
        code: Python; empty for text.
        tags: of the notebook's cell, such as ``"hide-input"``, ``"slide"`` and ``"skip-slide"``.
        outputs: of the stored run, in the form of a notebook; none where no run of this code is stored.
    """

    text: str = ""
    code: str = ""
    tags: frozenset[str] = frozenset()
    outputs: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Source:
    """A page of the book, as it is in the checkout.

    Attributes:
        name: place in the table of contents, such as ``"notebooks/diag"``.
        cells: in order; a Markdown page is one.
        profile: of the stored run that the outputs are from; empty where there is none.
    """

    name: str
    cells: tuple[Cell, ...]
    profile: str = ""

    @property
    def texts(self) -> list[str]:
        """Markdown of all cells."""
        return [cell.text for cell in self.cells if cell.text]


def chapters_with_slides(root: Path) -> dict[str, tuple[str, ...]]:
    """Pages of each chapter that has slides, by its short name, in the order of the book.

    A chapter begins with a page that states its goals; the pages after it, up to the next such page, belong to it when
    they stand below it in the table of contents.

    Args:
        root: checkout.
    """
    found: dict[str, tuple[str, ...]] = {}
    for pages in _chapter_entries(root):
        if GOALS in _opening(root, pages[0]):
            found[Path(pages[0]).name.replace("_", "-")] = tuple(pages)
    return found


def chapter_numbers(root: Path) -> dict[str, int]:
    """The number of each chapter by its short name: its place in the book, counted from 1.

    Args:
        root: checkout.
    """
    return {name: place for place, name in enumerate(chapters_with_slides(root), start=1)}


def numbered(title: str, number: int) -> str:
    """A title with the number of its chapter, as guide, notebooks and slides show it."""
    return f"Chapter {number}. {title}"


def read(root: Path, name: str) -> Source:
    """A page with the outputs of its stored run, of the largest profile that has one.

    Args:
        root: checkout.
        name: of the page.
    """
    page = root / f"{name}.md"
    if page.is_file():
        return Source(name, (Cell(text=page.read_text(encoding="utf-8")),))
    cells = nbformat.read(root / f"{name}.ipynb", as_version=4).cells
    for profile in PROFILES:
        stored = root / STORE / profile / f"{name}.ipynb"
        if stored.is_file():
            outputs = _outputs(cells, nbformat.read(stored, as_version=4).cells)
            if outputs is not None:
                return Source(name, tuple(_cells(cells, outputs)), profile)
    return Source(name, tuple(_cells(cells, {})))


def _outputs(cells: Sequence[Any], stored: Sequence[Any]) -> dict[str, tuple[Any, ...]] | None:
    """Outputs by cell where the stored run is of the same code; `None` where it is of other code."""
    ran = [cell for cell in stored if cell.cell_type == "code" and "injected-parameters" not in _tags(cell)]
    own = [cell for cell in cells if cell.cell_type == "code"]
    if [cell.source for cell in ran] != [cell.source for cell in own]:
        return None
    return {cell.id: tuple(other.outputs) for cell, other in zip(own, ran, strict=True)}


def _cells(cells: Sequence[Any], outputs: dict[str, tuple[Any, ...]]) -> Iterator[Cell]:
    for cell in cells:
        if cell.cell_type == "markdown":
            yield Cell(text=cell.source, tags=_tags(cell))
        else:
            yield Cell(code=cell.source, tags=_tags(cell), outputs=outputs.get(cell.id, ()))


def _tags(cell: Any) -> frozenset[str]:
    return frozenset(cell.metadata.get("tags", []))


def _chapter_entries(root: Path) -> Iterator[list[str]]:
    import yaml

    toc = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc.get("parts", [toc]):
        for chapter in part.get("chapters", []):
            yield [name for name in page_names(root) if name in _names(chapter)]


def _names(chapter: dict[str, Any]) -> list[str]:
    return [chapter["file"], *(section["file"] for section in chapter.get("sections", []))]


def _opening(root: Path, name: str) -> str:
    page = root / f"{name}.md"
    if page.is_file():
        return re.split(r"^## ", page.read_text(encoding="utf-8"), maxsplit=1, flags=re.M)[0]
    cells = nbformat.read(root / f"{name}.ipynb", as_version=4).cells
    return str(cells[0].source) if cells else ""
