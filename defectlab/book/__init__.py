"""The book: its notebooks are executed where they are stale, then its pages are built.

Papermill is the one executor. An executed notebook is kept in a store outside the build, with a key of everything it
depends on; the pages are built from copies of those, in a staging folder, so that the notebooks of the checkout stay
without outputs. A warning is an error, and so is a figure without alt text.

``python -m defectlab.book --profile smoke`` does all of it. With ``--zip`` the pages, and the whole book as one page,
are packed into one file that opens from disk.
"""

from defectlab.book.building import build
from defectlab.book.execution import execute_stale
from defectlab.book.packing import pack
from defectlab.book.pages import STORE, BookError, Page, notebook_pages, page_names, toc_entries
from defectlab.book.staging import SOURCES, carry_figures, stage, with_prose

__all__ = [
    "SOURCES",
    "STORE",
    "BookError",
    "Page",
    "build",
    "carry_figures",
    "execute_stale",
    "notebook_pages",
    "pack",
    "page_names",
    "stage",
    "toc_entries",
    "with_prose",
]
