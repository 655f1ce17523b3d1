"""Each page opens from disk, whole, light and on any screen."""

from visits import file_of

IMAGES = """() => [...document.images].map(image => {
    const box = image.getBoundingClientRect();
    return {
        source: image.currentSrc.slice(0, 200), alt: image.alt,
        natural: image.naturalWidth * image.naturalHeight,
        shown: image.checkVisibility({visibilityProperty: true, opacityProperty: true}) ? box.width * box.height : 0,
    };
})"""
FIGURES = """() => [...document.querySelectorAll("figure, .cell_output svg, canvas")].map(figure => {
    const box = figure.getBoundingClientRect();
    return {figure: figure.outerHTML.slice(0, 200), shown: figure.checkVisibility() ? box.width * box.height : 0};
})"""
# A box that reaches over the edge is at fault, unless it scrolls within one that does not.
OVER_THE_EDGE = """() => {
    const scrolls = box => box && box !== document.body && box !== document.documentElement
        && (["auto", "scroll"].includes(getComputedStyle(box).overflowX) || scrolls(box.parentElement));
    return [...document.querySelectorAll("main *, footer *, header *")]
        .filter(box => box.checkVisibility({visibilityProperty: true}))
        .filter(box => box.getBoundingClientRect().right > screen.width + 1)
        .filter(box => !box.closest("mjx-assistive-mml, .visually-hidden, dialog") && !scrolls(box.parentElement))
        .map(box => box.outerHTML.slice(0, 200));
}"""
HEAVIEST = 3 * 2**20
WHOLE_BOOK = "single.html"  # made to be printed


def test_the_console_is_silent(light, dark, phone):
    assert light.said + dark.said + phone.said == []


def test_no_request_fails(light, dark, phone):
    assert light.failed + dark.failed + phone.failed == []


def test_no_request_leaves_the_book(light, book):
    addresses = [address for address in light.asked if not address.startswith(("data:", "blob:"))]
    assert [address for address in addresses if not (path := file_of(address)) or book not in path.parents] == []


def test_every_image_is_shown_and_has_alt_text(light):
    images = light.page.evaluate(IMAGES)
    assert [image for image in images if not image["natural"] or not image["shown"] or not image["alt"].strip()] == []


def test_every_figure_is_visible(light):
    assert [figure for figure in light.page.evaluate(FIGURES) if not figure["shown"]] == []


def test_page_and_images_weigh_less_than_three_megabytes(light):
    images = {file_of(image["source"]) for image in light.page.evaluate(IMAGES)} - {None}
    weight = sum(path.stat().st_size for path in {light.path, *images})
    assert weight < HEAVIEST or light.path.name == WHOLE_BOOK


def test_a_telephone_does_not_scroll_sideways(phone):
    widths = "() => [innerWidth, document.documentElement.scrollWidth, document.body.scrollWidth]"
    assert phone.page.evaluate(widths) == [390, 390, 390]
    assert phone.page.evaluate(OVER_THE_EDGE) == []


def test_the_page_is_dark_where_the_system_is(light, dark):
    assert light.page.evaluate("document.documentElement.dataset.theme") == "light"
    assert dark.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_front_door_leads_to_the_first_page(browser, book):
    page = browser.new_page()
    page.goto((book / "index.html").as_uri())
    page.wait_for_url((book / "book" / "index.html").as_uri())
    page.close()
