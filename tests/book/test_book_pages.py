"""Which notebooks are pages of the book, and what their stored runs depend on."""

import nbformat
import pytest

from defectlab import book
from defectlab.book import keys


def test_toc_entries_are_found_at_every_depth():
    toc = {"root": "a", "parts": [{"caption": "x", "chapters": [{"file": "b", "sections": [{"file": "c"}]}]}]}
    assert list(book.toc_entries(toc)) == ["a", "b", "c"]


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
    monkeypatch.setattr(keys, "package_hash", lambda: "edited")
    assert book.notebook_pages(small, "smoke")[0].key != smoke.key


def test_a_page_that_is_not_there_is_named(small):
    (small / "notebooks" / "n.ipynb").unlink()
    with pytest.raises(book.BookError, match=r"names notebooks/n, but neither notebooks/n.md nor notebooks/n.ipynb"):
        book.notebook_pages(small, "smoke")
