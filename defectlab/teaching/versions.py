"""From a chapter to its two versions: for students with places for answers, for teachers with notes."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Literal

import nbformat
from nbformat import NotebookNode

from defectlab.check import Exercise, exercises
from defectlab.teaching.plain import FIGURE, LABELLED, References, cited, number, plain

Version = Literal["student", "instructor"]
SOLUTION = re.compile(r"```\{solution-start\}.*?```\{solution-end\}\n```", re.S)
OPENED, CLOSED = "```{solution-start}", "```{solution-end}"


def version(
    notebook: NotebookNode, chapter: str, kind: Version, works: Mapping[str, tuple[str, str]], kept: frozenset[str]
) -> NotebookNode:
    """A version of a chapter, without outputs, that any Jupyter shows.

    Args:
        notebook: source of the chapter, as in the book.
        chapter: name of the notebook.
        kind: ``"student"`` takes every solution out and leaves a place for the answer; ``"instructor"`` keeps them and
            adds minutes and known mistakes to each exercise.
        works: forms of the works of the bibliography, as `defectlab.teaching.plain.works` gives them.
        kept: files that links may point to.

    Raises:
        ValueError: if a solution is opened and not closed, or a cell holds what plain Jupyter cannot show.
    """
    made = nbformat.v4.new_notebook(metadata=notebook.metadata)
    known = _references(notebook, works, kept)
    checked = exercises(chapter)
    is_solution = False
    for cell in notebook.cells:
        is_solution = is_solution or OPENED in cell.source
        if kind == "student" and is_solution:
            made.cells += [_place_for_answer(cell)] if cell.cell_type == "code" else []
        else:
            made.cells.append(_shown(cell, known))
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


def notes_on(exercise: Exercise) -> str:
    """What a teacher wants to know of an exercise: minutes, what people answer, and what to say then."""
    lines = [f"> **For the teacher.** {exercise.level.capitalize()}, {exercise.minutes} minutes. {exercise.praise}"]
    for mistake in exercise.mistakes:
        lines += [">", f"> - *{mistake.belief}.* {mistake.hint}"]
    return "\n".join(lines)


def _references(notebook: NotebookNode, works: Mapping[str, tuple[str, str]], kept: frozenset[str]) -> References:
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    codes = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    used = {key: works[key] for key in cited(texts) if key in works}
    return References(number(LABELLED, texts), number(FIGURE, codes), used, kept)


def _shown(cell: NotebookNode, known: References) -> NotebookNode:
    if cell.cell_type == "markdown":
        return nbformat.v4.new_markdown_cell(plain(cell.source, known), id=cell.id)
    copied = nbformat.v4.new_code_cell(cell.source, id=cell.id)
    copied.metadata = cell.metadata
    return copied


def _place_for_answer(cell: NotebookNode) -> NotebookNode:
    name = exercise_of(cell.source)
    code = f'answer = ...  # yours\ncheck("{name}", answer)' if name else "# your work"
    return nbformat.v4.new_code_cell(code, id=cell.id)


def _notes(cell: NotebookNode, checked: Mapping[str, Exercise]) -> list[NotebookNode]:
    named = [exercise for name, exercise in checked.items() if f"`{name}`" in cell.source]
    return [nbformat.v4.new_markdown_cell(notes_on(exercise), id=f"{cell.id}-teacher") for exercise in named]
