"""The notebooks of the chapters: they run at smoke, figures say what they show, solutions are right."""

import ast
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest

from defectlab.check import NOTEBOOKS as CHAPTERS
from defectlab.check import PAPERS, Verdict, exercises
from defectlab.params import ParameterError
from defectlab.report import style

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class Bench:
    """Runs the code of a notebook in this process, cell by cell, and keeps what the cells end with."""

    def __init__(self, chapter, monkeypatch, **given):
        self.figures, self.ends, self.verdicts = [], [], []
        notebook = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4)
        self.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        monkeypatch.setattr(style, "show", self.show)
        self.names = {"__name__": "__main__"}
        for number, cell in enumerate(self.cells):
            self.run(cell)
            if number == 0:
                self.names |= {"profile": "smoke"} | given

    def show(self, plot, caption="", name=""):
        self.figures.append((name, plot.alt, caption))
        plt.close(plot.figure)

    def run(self, cell):
        body = ast.parse(cell.source).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), cell.id, "exec"), self.names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), cell.id, "eval"), self.names)
            self.ends.append(value)
            if isinstance(value, Verdict):
                self.verdicts.append(value)


@pytest.fixture(params=CHAPTERS)
def bench(request, monkeypatch):
    return request.param, Bench(request.param, monkeypatch)


def test_a_chapter_runs_and_its_figures_and_solutions_stand(bench):
    chapter, ran = bench
    names = [name for name, _, _ in ran.figures]
    assert len(set(names)) == len(names) >= 2
    assert all(name.startswith(f"fig-{chapter}-") for name in names)
    assert all(alt.endswith("not a result.") and caption for _, alt, caption in ran.figures)
    assert not any(isinstance(value, pd.DataFrame) for value in ran.ends)  # a page needs a caption: ReportTable
    checked = [name for name, exercise in exercises(chapter).items() if not exercise.is_open]
    assert [verdict.name for verdict in ran.verdicts] == checked
    assert all(verdict.right for verdict in ran.verdicts), [str(v) for v in ran.verdicts if not v.right]
    assert not any(
        cell.source.startswith("show(") and "solution" in cell.metadata.get("tags", []) for cell in ran.cells
    )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_misspelt_parameter_stops_a_chapter_at_once(chapter, monkeypatch):
    with pytest.raises(ParameterError, match="did you mean 'seeds?'"):
        Bench(chapter, monkeypatch, sead=3)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_has_a_solution_and_every_checked_one_is_named_in_the_text(chapter):
    cells = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert text.count("{exercise-start}") == text.count("{exercise-end}") >= 4
    assert text.count("{solution-start}") == text.count("{solution-end}") == text.count("{exercise-start}")
    assert text.count("{exercise-start}") == len(exercises(chapter))
    for name, exercise in exercises(chapter).items():
        stop = ", to discuss" if exercise.is_open else "."
        assert f"*{exercise.level.capitalize()}, {exercise.minutes} minutes,* `{name}`{stop}" in text
        assert f"{{exercise-start}} {exercise.title}\n" in text


@pytest.mark.parametrize("chapter", [*CHAPTERS, *PAPERS])
def test_every_exercise_to_discuss_has_a_model_answer_after_it(chapter):
    cells = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4).cells
    starts = [number for number, cell in enumerate(cells) if "{exercise-start}" in cell.source]
    discussed = [number for number in starts if ", to discuss" in cells[number].source]
    assert len(discussed) == (3 if chapter in PAPERS else 1)
    for number in discussed:
        after = cells[number + 1].source
        assert after.startswith("```{solution-start} ex-") and after.endswith("```{solution-end}\n```")
        assert len(after.split()) > 50


def test_a_question_that_check_takes_one_number_for_asks_for_one():
    cells = nbformat.read(NOTEBOOKS / "leaks.ipynb", as_version=4).cells
    (asked,) = [cell.source for cell in cells if "`leaks.best-of-many`" in cell.source]
    assert "at most and on average" not in asked and "by how much at most can the\naverage gain be?" in asked
