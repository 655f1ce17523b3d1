"""The search finds each page without a server."""

from urllib.parse import urlencode

from visits import visit


def found(page):
    """Files that a search has listed."""
    page.locator("#search-results p.search-summary").wait_for()
    page.wait_for_function("() => !document.querySelector('#search-results h2')?.textContent.startsWith('Searching')")
    return {
        link.get_attribute("href").split("#")[0].split("?")[0] for link in page.locator("#search-results li a").all()
    }


def test_a_page_is_found_by_its_title(browser, book, written):
    with visit(browser, book / written) as opened:
        title = opened.page.locator("article h1").first.evaluate("heading => heading.firstChild.textContent")
    with visit(browser, book / "search.html", query=urlencode({"q": title.strip()})) as opened:
        assert written in found(opened.page)
        assert opened.said + opened.failed == []


def test_a_word_typed_into_the_search_field_of_a_page_finds_pages(browser, book):
    with visit(browser, book / "book" / "index.html") as opened:
        opened.page.keyboard.press("Control+k")
        opened.page.keyboard.type("watermark")
        opened.page.keyboard.press("Enter")
        opened.page.wait_for_url("**/search.html*")
        assert "book/how-to-run.html" in found(opened.page)
        assert opened.said + opened.failed == []
