"""The pages of the table of contents that are notebooks, and whether their stored runs are fresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from defectlab.book.keys import environment_key, notebook_key
from defectlab.files import read_json

STORE = ".book-store"


class BookError(Exception):
    """The book cannot be built; the message says which page and how to mend it."""


@dataclass(frozen=True)
class Page:
    """A page of the book that is a notebook.

    Attributes:
        name: place in the table of contents, such as ``"notebooks/diag"``.
        source: notebook of the checkout, without outputs.
        stored: executed notebook in the store; its key lies beside it.
        parameters: what papermill passes.
        key: hash of all that the outputs depend on.
    """

    name: str
    source: Path
    stored: Path
    parameters: Mapping[str, Any]
    key: str

    @property
    def record(self) -> Path:
        """File with the key of the stored run."""
        return self.stored.with_suffix(".json")

    @property
    def is_fresh(self) -> bool:
        """True where the stored run has today's key."""
        return self.stored.is_file() and self.record.is_file() and read_json(self.record)["key"] == self.key


def notebook_pages(root: Path, profile: str) -> list[Page]:
    """The notebooks among the pages of the table of contents, in its order.

    Args:
        root: checkout, with ``book/_toc.yml``.
        profile: profile of the notebooks.

    Raises:
        BookError: if a page of the table of contents is not there.
    """
    environment = environment_key(root)
    pages = []
    for name in page_names(root):
        source = root / f"{name}.ipynb"
        if source.is_file():
            stored = root / STORE / profile / f"{name}.ipynb"
            parameters = {"profile": profile}
            pages.append(Page(name, source, stored, parameters, notebook_key(source, parameters, environment)))
        elif not (root / f"{name}.md").is_file():
            raise BookError(f"{_toc(root)} names {name}, but neither {name}.md nor {name}.ipynb is in {root}")
    return pages


def page_names(root: Path) -> list[str]:
    """Names of all pages of a checkout's book, such as ``"book/diag"``, in the order of its table of contents."""
    return list(toc_entries(yaml.safe_load(_toc(root).read_text(encoding="utf-8"))))


def toc_entries(toc: Any) -> Iterator[str]:
    """Names of all pages of a table of contents, in its order."""
    if isinstance(toc, Mapping):
        yield from (str(toc[key]) for key in ("root", "file") if key in toc)
        for value in toc.values():
            yield from toc_entries(value)
    elif isinstance(toc, list):
        for value in toc:
            yield from toc_entries(value)


def _toc(root: Path) -> Path:
    return root / "book" / "_toc.yml"
