"""`python -m defectlab.book --profile smoke`: execute the notebooks of the book that are stale, then build the pages.

Papermill is the one executor. An executed notebook is kept in a store outside the build, with a key of everything it
depends on; the pages are built from copies of those, in a staging folder, so that the notebooks of the checkout stay
without outputs. A warning is an error, and so is a figure without alt text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
import yaml

from defectlab.book_links import link_repository
from defectlab.files import read_json, write_json
from defectlab.paths import checkout_dir
from defectlab.provenance import PACKAGE

STORE = ".book-store"
SOURCES = ("_config.yml", "book", "CHANGELOG.md", "CITATION.cff", "LICENSE", "defectlab")
_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


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


def build(
    root: Path,
    profile: str,
    output: Path | None = None,
    jobs: int | None = None,
    run: bool = True,
    repository: str = "",
) -> Path:
    """Builds the book.

    Args:
        root: checkout, with ``_config.yml``, ``book/`` and ``notebooks/``.
        profile: profile of the notebooks.
        output: folder of the pages; ``_build/html`` of the checkout by default. It is replaced.
        jobs: notebooks executed at a time; one a core by default.
        run: execute stale notebooks; otherwise take their stored runs and mark the pages as stale.
        repository: address that the source and launch buttons lead to; no such buttons where it is empty.

    Returns:
        The folder of the pages.

    Raises:
        BookError: if a page is missing, a notebook fails, a figure lacks alt text, or the build warns.
    """
    pages = notebook_pages(root, profile)
    if run:
        execute_stale(pages, root, jobs)
    missing = [page.name for page in pages if not page.stored.is_file()]
    if missing:
        raise BookError(f"no stored run of {', '.join(missing)} at the {profile} profile; build without --stored first")
    output = output or root / "_build" / "html"
    with tempfile.TemporaryDirectory(prefix="defectlab-book-") as folder:
        stage(root, Path(folder), pages)
        link_repository(Path(folder) / "_config.yml", repository)
        _replace(output, _sphinx(Path(folder)))
    return output


def notebook_pages(root: Path, profile: str) -> list[Page]:
    """The notebooks among the pages of the table of contents, in its order.

    Raises:
        BookError: if a page of the table of contents is not there.
    """
    toc = root / "book" / "_toc.yml"
    environment = _package_hash() + _file_hash(root / "requirements.lock")
    pages = []
    for name in toc_entries(yaml.safe_load(toc.read_text(encoding="utf-8"))):
        source = root / f"{name}.ipynb"
        if source.is_file():
            stored = root / STORE / profile / f"{name}.ipynb"
            parameters = {"profile": profile}
            pages.append(Page(name, source, stored, parameters, _key(source, parameters, environment)))
        elif not (root / f"{name}.md").is_file():
            raise BookError(f"{toc} names {name}, but neither {name}.md nor {name}.ipynb is in {root}")
    return pages


def toc_entries(toc: Any) -> Iterator[str]:
    """Names of all pages of a table of contents, in its order."""
    if isinstance(toc, Mapping):
        yield from (str(toc[key]) for key in ("root", "file") if key in toc)
        for value in toc.values():
            yield from toc_entries(value)
    elif isinstance(toc, list):
        for value in toc:
            yield from toc_entries(value)


def execute_stale(pages: Sequence[Page], root: Path, jobs: int | None = None) -> None:
    """Executes the notebooks whose stored run is not fresh, several at a time.

    Raises:
        BookError: with every notebook that failed; the others are stored.
    """
    stale = [page for page in pages if not page.is_fresh]
    for page in pages:
        print(f"{'stale' if page in stale else 'fresh'}  {page.name}", flush=True)
    if not stale:
        return
    workers = min(jobs or os.cpu_count() or 1, len(stale))
    failures = []
    # Processes that start afresh: papermill changes the working directory of its process.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_execute, page, root): page for page in stale}
        for future in as_completed(running):
            error = future.result()
            print(f"{'failed' if error else 'ran'}  {running[future].name}", flush=True)
            failures += [f"{running[future].name}: {error}"] if error else []
    if failures:
        raise BookError("\n".join(failures))


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
        carry_figures(notebook, page.name)
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

    Raises:
        BookError: if a figure has no alt text, or a cell shows more than one.
    """
    for number, cell in enumerate(notebook.cells):
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


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m defectlab.book", description=__doc__)
    parser.add_argument(
        "--profile", choices=("smoke", "laptop", "paper"), default="laptop", help="profile of the notebooks"
    )
    parser.add_argument("--output", type=Path, help="folder of the pages (default: _build/html)")
    parser.add_argument("--jobs", type=int, help="notebooks executed at a time (default: one a core)")
    parser.add_argument("--stored", action="store_true", help="take stored runs even if stale; their pages say so")
    parser.add_argument("--repository", default="", metavar="URL", help="where source and launch buttons lead")
    parser.add_argument("--root", type=Path, help="checkout (default: the one this package lies in)")
    arguments = parser.parse_args(argv)
    root = arguments.root or checkout_dir()
    if root is None:
        parser.error("the book is built from a checkout; clone the repository, or name one with --root")
    begun = time.perf_counter()
    try:
        output = build(
            root.resolve(),
            arguments.profile,
            arguments.output,
            arguments.jobs,
            not arguments.stored,
            arguments.repository,
        )
    except (BookError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"book   {output / 'index.html'}\nseconds {time.perf_counter() - begun:.0f}")
    return 0


def _execute(page: Page, root: Path) -> str:
    """Executes one notebook into the store; returns what went wrong, or an empty string."""
    import papermill

    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, not the user's of the same name
    page.stored.parent.mkdir(parents=True, exist_ok=True)
    unfinished = page.stored.with_suffix(".running.ipynb")
    begun = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(page.source),
            str(unfinished),
            dict(page.parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=str(root),
        )
    except papermill.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue} (all of it in {unfinished})"
    # The record goes first and comes back last: a kill in between leaves a stale page, never a wrong one.
    page.record.unlink(missing_ok=True)
    os.replace(unfinished, page.stored)
    write_json(
        page.record, {"key": page.key, "parameters": dict(page.parameters), "seconds": time.perf_counter() - begun}
    )
    return ""


def _sphinx(folder: Path) -> Path:
    words = ["build", str(folder), "--toc", str(folder / "book" / "_toc.yml"), "-n", "-W", "--keep-going"]
    plain = os.environ | {"NO_COLOR": "1", "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", _JUPYTER_BOOK, *words], capture_output=True, text=True, env=plain)
    if done.returncode:
        said = (done.stdout + done.stderr).replace(f"{folder}{os.sep}", "").splitlines()
        problems = [line for line in said if "WARNING" in line or "ERROR" in line]
        raise BookError("the build of the pages failed:\n" + "\n".join(problems or said[-30:]))
    return folder / "_build" / "html"


def _replace(output: Path, pages: Path) -> None:
    """Puts the pages in place of an earlier build; refuses to replace a folder that is no build."""
    if output.exists() and any(output.iterdir()) and not (output / "objects.inv").is_file():
        raise BookError(f"{output} holds something else than a book; choose another --output")
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(pages, output)


def _stale_notice() -> nbformat.NotebookNode:
    text = (
        "```{warning}\nThis page shows a stored run that is older than the code, the parameters or the environment of "
        "this book. Build it again for current values.\n```"
    )
    return nbformat.v4.new_markdown_cell(text, id="stale")


def _key(source: Path, parameters: Mapping[str, Any], environment: str) -> str:
    code = [cell.source for cell in nbformat.read(source, as_version=4).cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps([code, dict(parameters), environment], sort_keys=True).encode()).hexdigest()


def _package_hash() -> str:
    """Hash of every file of the package: code, style, ledgers, published numbers, weights."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + _file_hash(path).encode())
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
