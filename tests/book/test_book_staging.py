"""What happens to an executed notebook before it is a page."""

import nbformat
import pytest

from defectlab import book


def test_text_that_changed_after_the_run_is_shown_with_the_outputs_of_the_run():
    code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    parameters = code("n = 1", id="p", metadata={"tags": ["parameters"]})
    source = nbformat.v4.new_notebook(cells=[markdown("new", id="t"), parameters, markdown("more"), code("n", id="c")])
    injected = code("n = 2", id="i", metadata={"tags": ["injected-parameters"]})
    ran = code("n", id="c", execution_count=3, outputs=[nbformat.v4.new_output("stream", text="2")])
    executed = nbformat.v4.new_notebook(cells=[markdown("old", id="t"), parameters, injected, ran])
    cells = book.with_prose(executed, source).cells
    assert [cell.source for cell in cells] == ["new", "n = 1", "n = 2", "more", "n"]
    assert cells[-1].outputs[0].text == "2" and cells[-1].execution_count == 3


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


def test_what_stands_below_a_figure_is_not_labelled_like_it():
    notebook = figure_cell("what it says")
    made = nbformat.v4.new_output("display_data", {"text/html": '<div class="defectlab-made">made</div>'})
    notebook.cells[0].outputs.append(made)
    book.carry_figures(notebook, "notebooks/n")
    figure, below = notebook.cells
    assert [list(output.data) for output in figure.outputs] == [["image/png"]]
    assert below.outputs == [made] and below.source and below.metadata["tags"] == ["remove-input"]
    assert "mystnb" not in below.metadata and below.id == "a-below"
    nbformat.validate(notebook)


def test_a_figure_without_alt_text_stops_the_build():
    with pytest.raises(book.BookError, match="notebooks/n, cell 0: figure without alt text"):
        book.carry_figures(figure_cell(""), "notebooks/n")
    with pytest.raises(book.BookError, match="notebooks/n, cell 0: shows 2 figures"):
        book.carry_figures(figure_cell("a", "b"), "notebooks/n")


def test_a_table_without_caption_is_no_page():
    output = nbformat.v4.new_output("execute_result", {"text/html": '<table border="1" class="dataframe"></table>'})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("data", outputs=[output])])
    with pytest.raises(book.BookError, match=r"notebooks/n, cell 0: a table without caption; give a defectlab.report"):
        book.carry_figures(notebook, "notebooks/n")
