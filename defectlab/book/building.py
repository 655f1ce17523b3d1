"""Building the pages: stale notebooks are executed, sources staged, and Jupyter Book run with warnings as errors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from defectlab.book.downloads import write_downloads
from defectlab.book.execution import execute_stale
from defectlab.book.links import link_repository
from defectlab.book.pages import BookError, notebook_pages, page_names
from defectlab.book.single_page import add_single_page
from defectlab.book.staging import stage

_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def build(
    root: Path,
    profile: str,
    output: Path | None = None,
    jobs: int | None = None,
    run: bool = True,
    repository: str = "",
    single: bool = False,
) -> Path:
    """Builds the book.

    Args:
        root: checkout, with ``_config.yml``, ``book/`` and ``notebooks/``.
        profile: profile of the notebooks.
        output: folder of the pages; ``_build/html`` of the checkout by default. It is replaced.
        jobs: notebooks executed at a time; one a core by default.
        run: execute stale notebooks; otherwise take their stored runs and mark the pages as stale.
        repository: address that the source and launch buttons lead to; no such buttons where it is empty.
        single: put the whole book as one page, ``single.html``, beside the others.

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
        built = _sphinx(Path(folder), "html")
        write_downloads(root, built, pages, repository)
        if single:
            add_single_page(built, _sphinx(Path(folder), "singlehtml"), page_names(root)[0])
        replace_pages(output, built)
    return output


def _sphinx(folder: Path, builder: str) -> Path:
    """Runs a builder of Jupyter Book on a staged book; what an earlier one has read is not read again."""
    words = ["build", str(folder), "--toc", str(folder / "book" / "_toc.yml"), "-n", "-W", "--keep-going"]
    words += ["--builder", builder]
    plain = os.environ | {"NO_COLOR": "1", "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", _JUPYTER_BOOK, *words], capture_output=True, text=True, env=plain)
    if done.returncode:
        said = (done.stdout + done.stderr).replace(f"{folder}{os.sep}", "").splitlines()
        problems = [line for line in said if "WARNING" in line or "ERROR" in line]
        raise BookError("the build of the pages failed:\n" + "\n".join(problems or said[-30:]))
    return folder / "_build" / builder


def replace_pages(output: Path, pages: Path) -> None:
    """Puts the pages in place of an earlier build; refuses to replace a folder that is no build."""
    if output.exists() and any(output.iterdir()) and not (output / "objects.inv").is_file():
        raise BookError(f"{output} holds something else than a book; choose another --output")
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(pages, output)
