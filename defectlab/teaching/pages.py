"""Written pages of the book as notebooks, so that they go the same way as the chapters that are notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from defectlab.report.directives import TABLES
from defectlab.report.stored import stored_runs
from defectlab.report.stored.tables import LEADS, classes_table, run_table, stored_findings
from defectlab.report.tables import ReportTable
from defectlab.teaching.listings import labelled, with_listings, with_named_algorithms

IMPORT = "from defectlab.check import check"
_TABLE = re.compile(r"^```\{defectlab-table\} (\S+) (\S+)\n```$", re.M)
_BADGES = re.compile(r"^```\{defectlab-badges\} (\S+)\n```$", re.M)
_STORED = re.compile(r"^```\{defectlab-stored\} (\S+)\n```$", re.M)
_TERM = re.compile(r"^(\S[^\n]*)\n: ([^\n]*)\n((?:(?:  [^\n]*)?\n)*)", re.M)
_CUT = re.compile(r"^(?=## )|^(?=```\{exercise-start\})|^(?=```\{solution-start\})|(?<=\{exercise-end\}\n```\n)", re.M)
_CLOSING = re.compile(r"^```\{solution-end\}\n```\n?", re.M)
_PYTHON = re.compile(r"^```python\n(.*?)^```$\n?", re.M | re.S)


def page_notebook(page: Path, root: Path) -> NotebookNode:
    """A written page as a notebook: a cell a section, exercises apart, code of solutions as code.

    Args:
        page: Markdown of a chapter, in ``book``.
        root: checkout, for the code that the page includes.

    Raises:
        ValueError: if the page includes code that is no longer there, or a table that does not exist.
    """
    text = whole(page.read_text(encoding="utf-8"), root)
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    made.metadata["language_info"] = {"name": "python"}
    made.cells = list(_cells(text))
    if "{exercise-start}" in text:
        made.cells.insert(1, nbformat.v4.new_code_cell(IMPORT))
    for number, cell in enumerate(made.cells):
        cell.id = f"{page.stem}-{number:02d}"
    return made


def whole(text: str, root: Path) -> str:
    """A page with its formulas in one form, its listings, tables and lists of terms written out."""
    text = with_named_algorithms(with_listings(labelled(_with_terms(text)), root))
    text = _TABLE.sub(lambda found: pipe_table(TABLES[found[1]](found[2])), text)
    text = _BADGES.sub(lambda found: _badges(found[1]), text)
    return _STORED.sub(lambda found: _stored(found[1]), text)


def pipe_table(table: ReportTable) -> str:
    """A table as Markdown that any program shows, with its caption above and its notes below."""
    rows = [list(table.frame.columns), *table.frame.itertuples(index=False)]
    lines = ["| " + " | ".join(str(cell).replace("|", r"\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(table.frame.columns))
    return "\n".join([f"**{table.caption}**", "", *lines, "", *(f"{note}\n" for note in table.notes)])


def _badges(paper: str) -> str:
    """The verdicts on the claims of a paper, counted."""
    from defectlab.report.stored.judged_tables import badge_texts, entering  # judges all that is stored; few pages ask

    return f"Claims on stored runs: {', '.join(badge_texts(paper).values())}. {entering((paper,))}"


def _stored(dataset: str) -> str:
    """All that is stored of a data set, as in the book."""
    runs = tuple(run for run in stored_runs(dataset=dataset) if run.notebook in LEADS)
    parts = [] if runs else [f"No run on `{dataset}` is stored yet."]
    for run in runs:
        classes = classes_table(run)
        parts += [pipe_table(run_table(run)), *([pipe_table(classes)] if classes else [])]
        parts += [f"Made by `{run.provenance.command}`."]
    return "\n\n".join([*parts, *([pipe_table(stored_findings(runs))] if runs else [])])


def _with_terms(text: str) -> str:
    """Lists of terms, which plain Jupyter does not know, as paragraphs that begin with the term."""
    return _TERM.sub(lambda found: f"**{found[1]}.** {found[2]}\n{re.sub(r'^  ', '', found[3], flags=re.M)}", text)


def _cells(text: str) -> Iterator[NotebookNode]:
    for part in _CUT.split(text):
        if part.startswith("```{solution-start}"):
            end = _CLOSING.search(part)
            if end is None:
                raise ValueError(f"a solution is opened and never closed: {part.splitlines()[0]}")
            yield from _solution(part[: end.start()], end[0])
            part = part[end.end() :]
        if part.strip():
            yield nbformat.v4.new_markdown_cell(part.strip())


def _solution(body: str, end: str) -> Iterator[NotebookNode]:
    """Cells of a solution: text, code that can be run, and its end in a cell of its own where code comes before."""
    pieces = _PYTHON.split(body)  # text and code take turns
    for number, piece in enumerate(pieces):
        is_last = number + 1 == len(pieces)
        if number % 2:
            yield nbformat.v4.new_code_cell(piece.strip(), metadata={"tags": ["solution"]})
        elif piece.strip() or is_last:
            yield nbformat.v4.new_markdown_cell((piece + (end if is_last else "")).strip())
