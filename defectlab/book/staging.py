"""The staging folder: sources of the book with executed notebooks in their places."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat

from defectlab.book.pages import BookError, Page
from defectlab.book.running import with_run_block
from defectlab.book.strips import name_source

SOURCES = ("_config.yml", "book", "CHANGELOG.md", "CITATION.cff", "LICENSE", "defectlab")


def stage(root: Path, folder: Path, pages: Sequence[Page]) -> None:
    """Lays out the sources of the book with the executed notebooks in their places."""
    for name in SOURCES:
        source = root / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("_build", "__pycache__", "*.safetensors")
            )
        elif source.is_file():
            shutil.copy(source, folder / name)
    for page in pages:
        notebook = nbformat.read(page.stored, as_version=4)
        if page.is_fresh:
            notebook = with_prose(notebook, nbformat.read(page.source, as_version=4))
        name_source(notebook, page.is_fresh)
        carry_figures(notebook, page.name)
        with_run_block(notebook, page)
        if not page.is_fresh:
            notebook.cells.insert(1, _stale_notice())
        target = folder / f"{page.name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)


def with_prose(executed: nbformat.NotebookNode, source: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The source's text and tags with the outputs of an executed copy, whose text may be older; the code is the same.

    Args:
        executed: as papermill wrote it, with the cell of injected parameters.
        source: notebook of the checkout.
    """
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    injected = [cell for cell in ran if "injected-parameters" in cell.metadata.get("tags", [])]
    outputs = iter([cell for cell in ran if cell not in injected])
    cells = []
    for cell in source.cells:
        if cell.cell_type == "code":
            own = next(outputs)
            cell.outputs, cell.execution_count = own.outputs, own.execution_count
        cells.append(cell)
        cells += injected if "parameters" in cell.metadata.get("tags", []) else []
    return nbformat.NotebookNode({**executed, "cells": cells})


def carry_figures(notebook: nbformat.NotebookNode, name: str) -> None:
    """Moves alt text, caption and label of each figure from its output to its cell, where the page builder reads them.

    The builder gives caption and label to every output of that cell, so what stands below a figure, such as the line
    that says what made it, moves to a cell of its own without code.

    Raises:
        BookError: if a figure has no alt text, a cell shows more than one, or a table has no caption.
    """
    cells = []
    for number, cell in enumerate(notebook.cells):
        cells.append(cell)
        if any(
            'class="dataframe"' in output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])
        ):
            raise BookError(f"{name}, cell {number}: a table without caption; give a defectlab.report ReportTable")
        images = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        if not images:
            continue
        shown = [output.metadata.get("image/png", {}) for output in images]
        if len(shown) > 1:
            raise BookError(f"{name}, cell {number}: shows {len(shown)} figures; one figure a cell can have a caption")
        if not shown[0].get("alt"):
            raise BookError(
                f"{name}, cell {number}: figure without alt text; end the cell with defectlab.report.style.show"
            )
        about = cell.metadata.setdefault("mystnb", {})
        about["image"] = {"alt": shown[0]["alt"], "classes": "dark-light"}
        figure = {key: shown[0][key] for key in ("caption", "name") if shown[0].get(key)}
        if figure:
            about["figure"] = figure
        end = cell.outputs.index(images[0]) + 1
        if below := cell.outputs[end:]:
            cell.outputs = cell.outputs[:end]
            cells.append(_without_code(below, f"{cell.get('id', number)}-below"))
    notebook.cells = cells


def _without_code(outputs: list[nbformat.NotebookNode], name: str) -> nbformat.NotebookNode:
    # A comment, not nothing: the page builder leaves out cells without a source, and their outputs with them.
    return nbformat.v4.new_code_cell("# below", id=name, metadata={"tags": ["remove-input"]}, outputs=outputs)


def _stale_notice() -> nbformat.NotebookNode:
    text = (
        "```{warning}\nThis page shows a stored run that is older than the code, the parameters or the environment of "
        "this book. Build it again for current values.\n```"
    )
    return nbformat.v4.new_markdown_cell(text, id="stale")
