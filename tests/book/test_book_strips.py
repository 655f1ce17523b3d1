"""Where the strip and the lines of a page in the book say that its values come from."""

from dataclasses import replace

import nbformat
import pytest

from defectlab.book.appendices import _strip
from defectlab.book.strips import name_source
from defectlab.report.provenance_strip import Provenance

MADE = Provenance("laptop", "surfaces", [0, 1], "cpu", 90, "abc1234", "papermill notebooks/diag.ipynb out.ipynb")


def executed(*pieces):
    outputs = [nbformat.v4.new_output("display_data", {"text/html": piece, "text/plain": "x"}) for piece in pieces]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("show(plot)", outputs=outputs)])


def shown(notebook):
    return [output["data"]["text/html"] for output in notebook.cells[0].outputs]


def test_outside_the_book_a_notebook_speaks_of_this_run():
    assert "From: this run | " in str(MADE) and ">this run · laptop profile" in MADE.line


@pytest.mark.parametrize("said", ["this run", "this build"])
def test_a_stale_page_names_the_commit_of_its_stored_run(said):
    notebook = executed(MADE.line.replace("this run", said), MADE._repr_html_().replace("this run", said))
    name_source(notebook, is_fresh=False)
    line, strip = shown(notebook)
    assert '<div class="defectlab-made">stored run of commit abc1234 · laptop profile' in line
    assert "<dt>From</dt><dd>stored run of commit abc1234</dd>" in strip and "defectlab-built defectlab-stored" in strip
    assert said not in line + strip and _strip(notebook)["Commit"] == "abc1234"


def test_a_fresh_page_speaks_of_this_build():
    notebook = executed(MADE.line, MADE._repr_html_())
    name_source(notebook, is_fresh=True)
    line, strip = shown(notebook)
    assert "this build · laptop" in line and "<dd>this build</dd>" in strip and "defectlab-stored" not in strip


def test_stored_results_that_a_page_shows_keep_their_names_and_so_does_text():
    kept = replace(MADE, stored="kept")
    notebook = executed(kept.line, kept._repr_html_(), "<p>this run is long</p>")
    before = shown(notebook)
    name_source(notebook, is_fresh=False)
    assert shown(notebook) == before
