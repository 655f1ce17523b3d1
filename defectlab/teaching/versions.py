"""From a chapter to its versions: for students with places for answers, for teachers with notes, for readers whole."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Literal

import nbformat
from nbformat import NotebookNode

from defectlab.check import CHAPTERS, Exercise, exercises
from defectlab.teaching.notes import notes_on
from defectlab.teaching.plain import EXERCISE, FIGURE, LABELLED, References, cited, number, plain

Version = Literal["student", "instructor", "reader"]
SOLUTION = re.compile(r"```\{solution-start\}.*?```\{solution-end\}\n```", re.S)
OPENED, CLOSED = "```{solution-start}", "```{solution-end}"


def version(
    notebook: NotebookNode, chapter: str, kind: Version, works: Mapping[str, tuple[str, str]], links: Mapping[str, str]
) -> NotebookNode:
    """A version of a chapter, without outputs, that any Jupyter shows.

    Args:
        notebook: source of the chapter, as in the book.
        chapter: name of the chapter, as `defectlab.check` knows it; another name where it has no exercises.
        kind: ``"student"`` takes every solution out and leaves a place for the answer; ``"instructor"`` keeps them and
            adds minutes and known mistakes to each exercise; ``"reader"`` keeps them and adds nothing.
        works: forms of the works of the bibliography, as `defectlab.teaching.plain.works` gives them.
        links: where the files that links may point to lie, by name.

    Raises:
        ValueError: if a solution is opened and not closed, or a cell holds what plain Jupyter cannot show.
    """
    made = nbformat.v4.new_notebook(metadata=notebook.metadata)
    known = _references(notebook, works, links)
    checked = exercises(chapter) if chapter in CHAPTERS else {}
    is_solution = has_place = False
    for cell in notebook.cells:
        if OPENED in cell.source:
            is_solution, has_place = True, False
        if kind == "student" and is_solution:
            places = _place_for_answer(cell, is_last=CLOSED in cell.source and not has_place)
            made.cells += places
            has_place = has_place or bool(places)
        elif shown := _shown(cell, known):
            made.cells.append(shown)
        if kind == "instructor" and "{exercise-end}" in cell.source:
            made.cells += _notes(cell, checked)
        if CLOSED in cell.source:
            is_solution = False
    if is_solution:
        raise ValueError(f"{chapter}: a solution is opened and never closed")
    return made


def without_solutions(page: str) -> str:
    """A Markdown page of the book with its solutions taken out."""
    return re.sub(r"\n{3,}", "\n\n", SOLUTION.sub("", page))


def exercise_of(source: str) -> str:
    """Name of the exercise that a solution's code checks; empty where it checks none."""
    body = ast.parse(source).body
    last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    if isinstance(last, ast.Call) and isinstance(last.func, ast.Name) and last.func.id == "check":
        return str(ast.literal_eval(last.args[0]))
    return ""


def _references(notebook: NotebookNode, works: Mapping[str, tuple[str, str]], links: Mapping[str, str]) -> References:
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    codes = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    used = {key: works[key] for key in cited(texts) if key in works}
    titles = {label: title for text in texts for title, label in EXERCISE.findall(text)}
    return References(number(LABELLED, texts), number(FIGURE, codes), used, links, titles)


def _shown(cell: NotebookNode, known: References) -> NotebookNode | None:
    """The cell as plain Jupyter shows it; `None` for text of which nothing is left."""
    if cell.cell_type == "markdown":
        text = plain(cell.source, known)
        return nbformat.v4.new_markdown_cell(text, id=cell.id) if text else None
    copied = nbformat.v4.new_code_cell(cell.source, id=cell.id)
    copied.metadata = cell.metadata
    return copied


def _place_for_answer(cell: NotebookNode, is_last: bool) -> list[NotebookNode]:
    """Code for code; where a whole solution was text, a cell to write in."""
    if cell.cell_type != "code":
        return [nbformat.v4.new_markdown_cell("*Your answer:*", id=cell.id)] if is_last else []
    name = exercise_of(cell.source)
    code = f'answer = ...  # yours\ncheck("{name}", answer)' if name else "# your work"
    return [nbformat.v4.new_code_cell(code, id=cell.id)]


def _notes(cell: NotebookNode, checked: Mapping[str, Exercise]) -> list[NotebookNode]:
    named = [exercise for name, exercise in checked.items() if f"`{name}`" in cell.source]
    return [nbformat.v4.new_markdown_cell(notes_on(exercise), id=f"{cell.id}-teacher") for exercise in named]
