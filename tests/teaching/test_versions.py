"""Student and instructor versions: solutions out and in, places for answers, notes, one command."""

import itertools
import re
from pathlib import Path

import nbformat
import pytest

import defectlab
from defectlab import cli
from defectlab.check import CHAPTERS, NOTEBOOKS, PAPERS, WRITTEN, exercises
from defectlab.teaching.command import write_versions
from defectlab.teaching.guide import class_file
from defectlab.teaching.notes import written
from defectlab.teaching.plans import plans
from defectlab.teaching.slides import chapters_with_slides
from defectlab.teaching.versions import exercise_of, version, without_solutions

ROOT = Path(defectlab.__file__).parents[1]


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    out = tmp_path_factory.mktemp("class")
    write_versions(out, kinds=["student", "instructor"])
    return out


FILES = {name: [name] for name in (*WRITTEN, *NOTEBOOKS)} | {
    name: [f"{name.replace('_', '-')}-chapter", name] for name in PAPERS
}
ALL = [*(file for files in FILES.values() for file in files), "capstone", "real-images"]


def chapter_cells(versions, kind, chapter):
    return [cell for file in FILES[chapter] for cell in cells(versions, kind, file)]


def cells(versions, kind, chapter):
    return nbformat.read(versions / kind / f"{chapter}.ipynb", as_version=4).cells


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_student_gets_no_solution_and_a_place_for_every_checked_answer(versions, chapter):
    made = chapter_cells(versions, "student", chapter)
    taught = chapter_cells(versions, "instructor", chapter)
    solutions = [cell.source for cell in taught if "solution" in cell.metadata.get("tags", [])]
    code = [cell.source for cell in made if cell.cell_type == "code"]
    assert solutions and not set(solutions) & set(code)
    known = exercises(chapter).values()
    for exercise in known:
        assert (f'answer = ...  # yours\ncheck("{exercise.name}", answer)' in code) != exercise.is_open
    texts = [cell.source for cell in made]
    assert texts.count("*Your answer:*") + code.count("# your work") >= sum(exercise.is_open for exercise in known)
    assert not any("**Solution**" in text or "A good answer" in text for text in texts)
    assert any(re.search(r"import.*\bcheck\b", text) for text in code)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_teacher_gets_solutions_and_notes(versions, chapter):
    made = chapter_cells(versions, "instructor", chapter)
    text = "\n".join(cell.source for cell in made)
    assert text.count("**Solution**") >= len(exercises(chapter))
    assert text.count("> **For the teacher.** The plan of the class.\n\n| From | Minutes |") == 1
    assert text.count("**For the teacher.**") == len(exercises(chapter)) + 1
    for exercise in exercises(chapter).values():
        assert all(mistake.hint in text for mistake in exercise.mistakes)
        assert exercise.is_open or f"Expected: `{written(exercise.expected())}`." in text


def test_the_first_line_of_every_notebook_has_the_number_of_its_chapter(versions):
    for number, pages in enumerate(chapters_with_slides(ROOT).values(), start=1):
        for page in pages:
            for kind in ("student", "instructor"):
                made = nbformat.read(versions / kind / class_file(page), as_version=4)
                assert made.cells[0].source.startswith(f"# Chapter {number}. "), page


def test_a_folder_says_how_it_is_opened_and_what_is_in_it(versions):
    text = (versions / "student" / "README.md").read_text()
    for words in (
        "jupyter lab surfaces.ipynb",
        'profile: str = "smoke"',
        ".venv/bin/activate",
        "MY_IMAGES/",
        "| 5 | Paste a defect",
        "[perlin.ipynb](perlin.ipynb)",
    ):
        assert words in text, words
    assert "<!--" not in text and "guide.md" not in text and "make book" not in text and "notebooks/" not in text
    assert "start with [guide.md](guide.md)" in (versions / "instructor" / "README.md").read_text()
    assert not (versions / "student" / "how-to-run.md").exists()


def test_the_profile_is_set_in_the_first_cell_of_code_as_the_folder_says(versions):
    for name in NOTEBOOKS:
        code = next(cell.source for cell in cells(versions, "student", name) if cell.cell_type == "code")
        assert re.search(r'^profile: str = "laptop"', code, flags=re.M), name


@pytest.mark.parametrize("kind", ["student", "instructor"])
@pytest.mark.parametrize("chapter", ALL)
def test_plain_jupyter_can_show_and_run_each_version(versions, kind, chapter):
    made = nbformat.read(versions / kind / f"{chapter}.ipynb", as_version=4)
    nbformat.validate(made)
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    for cell in made.cells:
        assert not cell.get("outputs")
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")
        else:
            prose = re.sub(r"^```python.*?^```", "", cell.source, flags=re.M | re.S)
            assert not re.search(r"`{3,}\{|\{(cite|eq|numref|ref|doc|prf:ref)\}`|^: |^:\w+:", prose, flags=re.M), (
                cell.id
            )


def test_the_class_folder_holds_every_page_of_the_four_parts_and_links_lead_to_files_in_it(versions):
    for kind in ("student", "instructor"):
        held = {path.name for path in (versions / kind).iterdir()}
        assert {f"{name}.ipynb" for name in ALL} | {"README.md"} <= held
        for name in ALL:
            text = "\n".join(cell.source for cell in cells(versions, kind, name) if cell.cell_type == "markdown")
            links = re.findall(r"\]\(([\w./-]+\.(?:md|ipynb))\)", text)
            assert set(links) <= held, (name, links)
    assert "(diag.ipynb)" in "".join(cell.source for cell in cells(versions, "student", "real-images"))
    assert class_file("book/in-and-out") == "in-and-out-chapter.ipynb" and class_file("book/why") == "why.ipynb"


def test_a_page_shows_its_listings_equations_and_tables_and_names_its_works(versions):
    text = "\n".join(cell.source for cell in cells(versions, "student", "student-teacher-chapter"))
    assert "\\tag{1} $$" in text and "Eq. (1)" in text and "Feng et al. 2026" in text
    assert "`defectlab/synthesis/blend.py`, line " in text and "result = image.copy()" in text
    assert text.count("|---|") >= 3
    stored = "\n".join(cell.source for cell in cells(versions, "student", "real-images"))
    assert stored.count("Made by `") >= 2 and "**KolektorSDD.**" in stored


@pytest.mark.parametrize("chapter", [*WRITTEN, *PAPERS])
def test_the_solutions_of_a_page_run_in_the_instructors_notebook(versions, chapter):
    names = {}
    for cell in cells(versions, "instructor", FILES[chapter][0]):
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)


def test_the_guide_has_syllabi_and_every_chapter(versions):
    guide = (versions / "instructor" / "guide.md").read_text()
    for word in (
        "Half a day",
        "Two weeks",
        "A term",
        "Rubric",
        *(f"`{name}.ipynb`" for name in ALL),
        *(f"(`{name}`)" for name in exercises()),
    ):
        assert word in guide, word
    assert "An hour for a class. The notebook" in guide and "## Chapter 5. Paste a defect" in guide
    assert guide.count("| From | Minutes | What | Section |") == len(plans())
    bullets = re.findall(r"^> (?:- |\| ).*$", guide, flags=re.M)
    repeated = [line for a, line in itertools.pairwise(bullets) if a == line]
    assert not repeated


def test_the_name_of_the_checked_exercise_is_read_from_the_code():
    assert exercise_of('x = 1\ncheck("a.b", x)') == "a.b"
    assert exercise_of("x = 1") == ""


def test_a_solution_that_is_never_closed_is_an_error():
    opened = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("```{solution-start} a\n```", id="a")])
    with pytest.raises(ValueError, match="opened and never closed"):
        version(opened, "measuring", "student", {}, {})


def test_solutions_of_a_page_go_and_the_rest_stays():
    page = "One.\n\n```{solution-start} a\n:class: dropdown\n```\nsecret\n```{solution-end}\n```\n\nTwo.\n"
    assert without_solutions(page) == "One.\n\nTwo.\n"


def test_one_command_makes_all(tmp_path, capsys):
    assert cli.main(["teach", "--out", str(tmp_path / "a class"), "--chapter", "measuring"]) == 0
    assert (tmp_path / "a class" / "student" / "measuring.ipynb").is_file()
    assert (tmp_path / "a class" / "slides" / "03-measuring.html").is_file()
    captured = capsys.readouterr()
    assert captured.out.endswith(f"start with {tmp_path / 'a class' / 'instructor' / 'guide.md'}\n")
    assert "chapter 3, measuring: part 3 of 3, took" in captured.err
    assert cli.main(["teach", "--out", str(tmp_path), "--chapter", "cooking"]) == 2
    assert "no chapter cooking" in capsys.readouterr().err
