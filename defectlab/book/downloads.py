"""The notebooks that pages offer for download: what any Jupyter shows, and a first cell that installs the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat

from defectlab.book.pages import Page
from defectlab.teaching.plain import works
from defectlab.teaching.versions import version

SOURCES = "_sources"


def write_downloads(root: Path, built: Path, pages: Sequence[Page], repository: str = "") -> list[Path]:
    """Replaces the sources of the notebook pages, which only the book understands, by plain notebooks.

    Args:
        root: checkout.
        built: folder of the built pages.
        pages: notebooks among them.
        repository: address that the first cell installs from; empty for none.

    Returns:
        The files.
    """
    bibliography = root / "book" / "references.bib"
    known = works(bibliography) if bibliography.is_file() else {}
    written = []
    for page in pages:
        source = nbformat.read(page.source, as_version=4)
        made = version(source, page.source.stem, "reader", known, {})
        made.cells.insert(0, nbformat.v4.new_code_cell(install_cell(repository), id="install"))
        written.append(built / SOURCES / f"{page.name}.ipynb")
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, written[-1])
    return written


def install_cell(repository: str) -> str:
    """Code that installs the package into the kernel that runs it.

    Args:
        repository: address such as ``https://github.com/owner/name``; where it is empty the line waits for the reader
            to say where the checkout lies.
    """
    if repository:
        address = repository.rstrip("/")
        return (
            "# Installs the package that this notebook imports, with torch, into this kernel: some gigabytes, once.\n"
            "# Where it is installed already, as after `make setup`, leave the cell out.\n"
            f'%pip install --quiet "defectlab[notebooks] @ git+{address}"'
        )
    return (
        "# This notebook imports the package defectlab. In a checkout, after `make setup`, it is there. In another\n"
        "# environment, put the folder of the checkout in place of CHECKOUT and uncomment the line (gigabytes, once).\n"
        '# %pip install --quiet "CHECKOUT[notebooks]"'
    )
