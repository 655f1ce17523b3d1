"""Student and instructor versions: solutions out and in, places for answers, notes, one command."""

from pathlib import Path

import nbformat
import pytest

import defectlab
from defectlab import cli
from defectlab.check import CHAPTERS, exercises
from defectlab.teaching.command import write_versions
from defectlab.teaching.versions import exercise_of, notes_on, version, without_solutions

ROOT = Path(defectlab.__file__).parents[1]


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    out = tmp_path_factory.mktemp("class")
    write_versions(out)
    return out


def cells(versions, kind, chapter):
    return nbformat.read(versions / kind / f"{chapter}.ipynb", as_version=4).cells


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_student_gets_no_solution_and_a_place_for_every_checked_answer(versions, chapter):
    made = cells(versions, "student", chapter)
    source = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4).cells
    solutions = [cell.source for cell in source if "solution" in cell.metadata.get("tags", [])]
    code = [cell.source for cell in made if cell.cell_type == "code"]
    assert solutions and not set(solutions) & set(code)
    for name in exercises(chapter):
        assert f'answer = ...  # yours\ncheck("{name}", answer)' in code
    assert not any("**Solution**" in cell.source for cell in made)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_teacher_gets_solutions_and_notes(versions, chapter):
    made = cells(versions, "instructor", chapter)
    text = "\n".join(cell.source for cell in made)
    assert text.count("**Solution**") >= len(exercises(chapter))
    assert text.count("**For the teacher.**") == len(exercises(chapter))
    for exercise in exercises(chapter).values():
        assert all(mistake.hint in text for mistake in exercise.mistakes)


@pytest.mark.parametrize("kind", ["student", "instructor"])
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_plain_jupyter_can_show_and_run_each_version(versions, kind, chapter):
    made = nbformat.read(versions / kind / f"{chapter}.ipynb", as_version=4)
    nbformat.validate(made)
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    for cell in made.cells:
        assert not cell.get("outputs")
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")
        else:
            assert "```{" not in cell.source and "{cite}" not in cell.source and "{eq}" not in cell.source, cell.id


def test_the_papers_pages_lose_their_solutions_for_students_only(versions):
    page = (ROOT / "book" / "diag.md").read_text()
    student, teacher = ((versions / kind / "diag.md").read_text() for kind in ("student", "instructor"))
    assert "{solution-start}" not in student and student.count("{exercise-start}") == page.count("{exercise-start}")
    assert teacher == page


def test_the_guide_has_syllabi_and_every_chapter(versions):
    guide = (versions / "instructor" / "guide.md").read_text()
    for word in (
        "Half a day",
        "Two weeks",
        "A term",
        "Rubric",
        *(f"`{name}.ipynb`" for name in CHAPTERS),
        "(../slides/08-diag.html)",
    ):
        assert word in guide, word


def test_the_name_of_the_checked_exercise_is_read_from_the_code():
    assert exercise_of('x = 1\ncheck("a.b", x)') == "a.b"
    assert exercise_of("x = 1") == ""


def test_a_solution_that_is_never_closed_is_an_error():
    opened = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("```{solution-start} a\n```", id="a")])
    with pytest.raises(ValueError, match="opened and never closed"):
        version(opened, "measuring", "student", {}, frozenset())


def test_solutions_of_a_page_go_and_the_rest_stays():
    page = "One.\n\n```{solution-start} a\n:class: dropdown\n```\nsecret\n```{solution-end}\n```\n\nTwo.\n"
    assert without_solutions(page) == "One.\n\nTwo.\n"


def test_notes_name_minutes_and_beliefs():
    exercise = exercises("measuring")["measuring.base-rate"]
    assert "Easy, 5 minutes." in notes_on(exercise) and exercise.mistakes[0].belief in notes_on(exercise)


def test_one_command_makes_all(tmp_path, capsys):
    assert cli.main(["teach", "--out", str(tmp_path / "a class"), "--chapter", "measuring"]) == 0
    assert (tmp_path / "a class" / "student" / "measuring.ipynb").is_file()
    assert (tmp_path / "a class" / "slides" / "03-measuring.html").is_file()
    assert "files" in capsys.readouterr().out
    assert cli.main(["teach", "--out", str(tmp_path), "--chapter", "cooking"]) == 2
    assert "no chapter cooking" in capsys.readouterr().err
