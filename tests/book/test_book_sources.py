"""What a reader meets in the sources of the book, and what the builder does before a page is made."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml

import defectlab
from defectlab import book
from defectlab.report.directives import TABLES, markdown

ROOT = Path(defectlab.__file__).resolve().parent.parent
PROSE = sorted((ROOT / "book").glob("*.md"))
CHAPTERS = [ROOT / "book" / "diag.md", ROOT / "book" / "in-and-out.md", ROOT / "book" / "student-teacher.md"]


def without_code_and_mathematics(text):
    for pattern in (r"`{3,}\{?(?:math|python|literalinclude|bash).*?`{3,}", r"\$\$.*?\$\$", r"\$[^$]*\$", r"`[^`]*`"):
        text = re.sub(pattern, "", text, flags=re.S)
    return text


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)
def test_no_result_is_typed_into_prose(page):
    prose = without_code_and_mathematics(page.read_text(encoding="utf-8"))
    found = [number for number in re.findall(r"(?<![\w.])\d*\.\d+", prose) if number != "3.11"]  # the Python version
    assert not found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda page: page.stem)
def test_solutions_of_a_chapter_run(chapter):
    blocks = re.findall(r"```\{solution-start\}.*?```\{solution-end\}", chapter.read_text(encoding="utf-8"), flags=re.S)
    codes = [code for block in blocks for code in re.findall(r"```python\n(.*?)```", block, flags=re.S)]
    assert len(codes) == 5
    for code in codes:
        exec(compile(code, chapter.name, "exec"), {})


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_has_what_a_teacher_needs(chapter):
    text = chapter.read_text(encoding="utf-8")
    for part in (
        "**You will**",
        "**You need**",
        "**Time and hardware**",
        "{prf:algorithm}",
        "## Key points",
        "{bibliography}",
    ):
        assert part in text, part
    assert text.count("{exercise-start}") == text.count("{solution-start}") >= 4
    assert len(re.findall(r"^\*(?:Easy|Medium|Hard)\.\*", text, flags=re.M)) == text.count("{exercise-start}")


def test_the_configuration_runs_no_notebook_and_loads_nothing():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["execute"]["execute_notebooks"] == "off"
    assert config["only_build_toc_files"] is True
    assert config["launch_buttons"]["thebe"] is False
    assert "intersphinx_mapping" not in config["sphinx"]["config"]


def test_toc_entries_are_found_at_every_depth():
    toc = {"root": "a", "parts": [{"caption": "x", "chapters": [{"file": "b", "sections": [{"file": "c"}]}]}]}
    assert list(book.toc_entries(toc)) == ["a", "b", "c"]


@pytest.fixture
def small(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "_toc.yml").write_text("root: book/index\nchapters: [{file: notebooks/n}]\n")
    (tmp_path / "book" / "index.md").write_text("# Index\n")
    (tmp_path / "requirements.lock").write_text("numpy==2\n")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1", id="a")])
    nbformat.write(notebook, tmp_path / "notebooks" / "n.ipynb")
    return tmp_path


def change(root, what):
    path = root / "notebooks" / "n.ipynb"
    if what == "lock":
        (root / "requirements.lock").write_text("numpy==3\n")
        return
    notebook = nbformat.read(path, as_version=4)
    if what == "code":
        notebook.cells[0].source = "1 + 2"
    else:
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell("prose", id="b"))
    nbformat.write(notebook, path)


@pytest.mark.parametrize(("what", "changes"), [("code", True), ("lock", True), ("prose", False)])
def test_the_key_follows_code_and_lock_and_not_the_prose(small, what, changes):
    (before,) = book.notebook_pages(small, "smoke")
    change(small, what)
    (after,) = book.notebook_pages(small, "smoke")
    assert (before.key != after.key) == changes


def test_the_key_follows_profile_and_package(small, monkeypatch):
    smoke, laptop = (book.notebook_pages(small, profile)[0] for profile in ("smoke", "laptop"))
    assert smoke.key != laptop.key
    assert smoke.stored != laptop.stored
    monkeypatch.setattr(book, "_package_hash", lambda: "edited")
    assert book.notebook_pages(small, "smoke")[0].key != smoke.key


def test_a_page_that_is_not_there_is_named(small):
    (small / "notebooks" / "n.ipynb").unlink()
    with pytest.raises(book.BookError, match=r"names notebooks/n, but neither notebooks/n.md nor notebooks/n.ipynb"):
        book.notebook_pages(small, "smoke")


def test_stored_runs_alone_need_to_be_there(small):
    with pytest.raises(book.BookError, match="no stored run of notebooks/n at the smoke profile"):
        book.build(small, "smoke", run=False)


def test_a_notebook_that_raises_is_named_and_not_stored(small):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0", id="a")])
    nbformat.write(notebook, small / "notebooks" / "n.ipynb")
    pages = book.notebook_pages(small, "smoke")
    with pytest.raises(book.BookError, match="notebooks/n: ZeroDivisionError: division by zero"):
        book.execute_stale(pages, small)
    assert not pages[0].stored.exists()


def test_an_output_folder_that_is_no_book_is_left_alone(small, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(book.BookError, match="holds something else than a book"):
        book._replace(precious, small)
    assert (precious / "thesis.txt").exists()


def figure_cell(*alts):
    cell = nbformat.v4.new_code_cell("show(plot)", id="a")
    for alt in alts:
        metadata = {"image/png": {"alt": alt, "caption": "c", "name": "fig-a"}} if alt else {}
        cell.outputs.append(nbformat.v4.new_output("display_data", {"image/png": "AA=="}, metadata=metadata))
    return nbformat.v4.new_notebook(cells=[cell])


def test_alt_text_caption_and_label_move_to_the_cell():
    notebook = figure_cell("what it says")
    book.carry_figures(notebook, "notebooks/n")
    about = notebook.cells[0].metadata["mystnb"]
    assert about["image"]["alt"] == "what it says"
    assert about["figure"] == {"caption": "c", "name": "fig-a"}


def test_a_figure_without_alt_text_stops_the_build():
    with pytest.raises(book.BookError, match="notebooks/n, cell 0: figure without alt text"):
        book.carry_figures(figure_cell(""), "notebooks/n")
    with pytest.raises(book.BookError, match="notebooks/n, cell 0: shows 2 figures"):
        book.carry_figures(figure_cell("a", "b"), "notebooks/n")


def test_the_command_line_gives_one_for_a_book_that_cannot_be_built(small, capsys):
    (small / "notebooks" / "n.ipynb").unlink()
    assert book.main(["--root", str(small), "--profile", "smoke"]) == 1
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "paper"),
    [
        *((kind, paper) for kind in ("claims", "published", "stored") for paper in ("diag", "in_and_out")),
        *(("differences", paper) for paper in ("diag", "in_and_out", "ddpm_moco")),
        ("power", "in_and_out"),
        *((kind, "ddpm_moco") for kind in ("claims", "published", "losses", "loss_claims")),
    ],
)
def test_tables_of_the_book_have_a_header_and_equal_rows(kind, paper):
    table = TABLES[kind](paper)
    lines = markdown(table)
    starts = [i for i, line in enumerate(lines) if line.startswith("* - ")]
    assert len(starts) == len(table.frame) + 1
    assert lines[0].startswith("```{list-table} ")
