"""A book of two pages, one of them a notebook."""

import nbformat
import pytest


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
