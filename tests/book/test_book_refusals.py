"""What stops a build, and what a build leaves alone."""

import nbformat
import pytest

from defectlab import book
from defectlab.book import building
from defectlab.book.command import main


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
        building.replace_pages(precious, small)
    assert (precious / "thesis.txt").exists()


def test_the_command_line_gives_one_for_a_book_that_cannot_be_built(small, capsys):
    (small / "notebooks" / "n.ipynb").unlink()
    assert main(["--root", str(small), "--profile", "smoke"]) == 1
    assert "error: " in capsys.readouterr().err
