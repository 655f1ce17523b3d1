"""Executing the notebooks whose stored run is not fresh: papermill, several at a time, into the store."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from defectlab.book.pages import BookError, Page
from defectlab.files import write_json
from defectlab.kernels import execute_notebook

ATTEMPTS = 2
"""Kernels that start at one moment may pick one port, and the second dies; finished steps are not computed again."""


def execute_stale(pages: Sequence[Page], root: Path, jobs: int | None = None) -> None:
    """Executes the notebooks whose stored run is not fresh, several at a time.

    Args:
        pages: notebooks of the book.
        root: working directory of the notebooks.
        jobs: how many at a time; one a core by default.

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


def _execute(page: Page, root: Path) -> str:
    """Executes one notebook into the store; returns what went wrong, or an empty string."""
    import papermill

    page.stored.parent.mkdir(parents=True, exist_ok=True)
    unfinished = page.stored.with_suffix(".running.ipynb")
    begun = time.perf_counter()
    for attempt in range(ATTEMPTS):
        try:
            execute_notebook(page.source, unfinished, page.parameters, progress_bar=False, cwd=str(root))
            break
        except papermill.PapermillExecutionError as error:
            return f"{error.ename}: {error.evalue} (all of it in {unfinished})"
        except RuntimeError as error:  # a kernel that died, or did not start
            if attempt + 1 == ATTEMPTS:
                return f"{type(error).__name__}: {error}; memory may have run out, try fewer at a time with --jobs 1"
    # The record goes first and comes back last: a kill in between leaves a stale page, never a wrong one.
    page.record.unlink(missing_ok=True)
    os.replace(unfinished, page.stored)
    write_json(
        page.record, {"key": page.key, "parameters": dict(page.parameters), "seconds": time.perf_counter() - begun}
    )
    return ""
