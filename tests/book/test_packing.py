"""One file to take along: the same bytes for the same pages, and a checksum that says so."""

import hashlib
import os
import zipfile

import pytest

import defectlab
from defectlab.book import BookError, pack
from defectlab.book.packing import archive_name


@pytest.fixture
def pages(tmp_path):
    folder = tmp_path / "html"
    for name in ("index.html", "book/b.html", "book/a.html", "_static/x.css", ".buildinfo"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"content of {name}")
    return folder


def test_equal_pages_give_an_equal_file_whenever_they_are_packed(pages, tmp_path):
    first = pack(pages, tmp_path / "first.zip").read_bytes()
    for path in pages.rglob("*.html"):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o600)
    assert pack(pages, tmp_path / "second.zip").read_bytes() == first
    (pages / "index.html").write_text("another")
    assert pack(pages, tmp_path / "third.zip").read_bytes() != first


def test_the_archive_holds_the_pages_in_one_folder_and_not_the_builders_own_files(pages, tmp_path):
    with zipfile.ZipFile(pack(pages, tmp_path / "book.zip")) as archive:
        names = archive.namelist()
        assert archive.read("defectlab-book/book/a.html") == b"content of book/a.html"
    assert names == [f"defectlab-book/{name}" for name in ("_static/x.css", "book/a.html", "book/b.html", "index.html")]


def test_the_checksum_is_in_the_form_that_is_checked_by_its_tool(pages, tmp_path):
    archive = pack(pages, tmp_path / "book.zip")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (tmp_path / "book.zip.sha256").read_text() == f"{digest}  book.zip\n"


def test_a_folder_without_a_book_is_refused(tmp_path):
    with pytest.raises(BookError, match="no index.html in .*; build the book first"):
        pack(tmp_path, tmp_path / "book.zip")


def test_the_name_says_the_version():
    assert archive_name() == f"defectlab-book-{defectlab.__version__}.zip"
