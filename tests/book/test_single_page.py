"""The finish of the single page: every identifier once, every link with its target."""

import pytest

from defectlab.book import BookError
from defectlab.book.single_page import add_single_page, finished

PAGE = """<html><body>
<a href="#document-notebooks/a">A</a> <a href="#exercises">first</a>
<span id="document-notebooks/a"></span><h1 id="first">First</h1><h2 id="exercises">E</h2><a href="#exercises">#</a>
<span id="document-notebooks/b"></span><h1 id="second">Second</h1><h2 id="exercises">E</h2><a href="#exercises">#</a>
<a href="book/index.html#first">back</a>
</body></html>"""


def test_sections_of_the_same_name_get_their_chapters_name_and_so_do_links_within_it():
    page = finished(PAGE.replace("book/index.html", ""))
    assert page.count('id="exercises"') == page.count('id="exercises-notebooks-b"') == 1
    first, second = page.split('id="document-notebooks/b"')
    assert first.count('href="#exercises"') == 2 and 'href="#exercises-notebooks-b"' not in first
    assert 'href="#exercises-notebooks-b"' in second and 'href="#first"' in second


def test_a_name_that_a_chapter_repeats_is_counted():
    repeated = '<div id="content">1</div><div id="content">2</div><a href="#content"></a>'
    page = finished(
        f'<html><body><span id="document-a"></span>{repeated}<span id="document-b"></span>{repeated}</body></html>'
    )
    assert [page.count(f'id="{name}"') for name in ("content", "content-a", "content-b", "content-b-2")] == [1] * 4
    assert 'href="#content"' in page and 'href="#content-b"' in page and 'href="#content-a"' not in page


def test_a_link_that_leads_nowhere_is_an_error():
    with pytest.raises(BookError, match="links that lead nowhere: nowhere"):
        finished('<html><body><a href="#nowhere">x</a></body></html>')


def test_the_page_shares_the_files_of_the_others(tmp_path):
    for folder, image in (("html", b"a"), ("singlehtml", b"a")):
        (tmp_path / folder / "_images").mkdir(parents=True)
        (tmp_path / folder / "_images" / "a.png").write_bytes(image)
        (tmp_path / folder / "book").mkdir()
        (tmp_path / folder / "book" / "index.html").write_text(PAGE)
    (tmp_path / "singlehtml" / "_images" / "b.png").write_bytes(b"b")
    page = add_single_page(tmp_path / "html", tmp_path / "singlehtml", "book/index")
    assert page == tmp_path / "html" / "single.html"
    assert 'href="#first">back' in page.read_text()
    assert (tmp_path / "html" / "_images" / "b.png").is_file()
    (tmp_path / "html" / "_images" / "a.png").write_bytes(b"other")
    with pytest.raises(BookError, match=r"a\.png is another file"):
        add_single_page(tmp_path / "html", tmp_path / "singlehtml", "book/index")
