"""The built book in a real browser: `make browser`. These tests import nothing of defectlab, and no torch."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from find_chromium import NoChromium, find_chromium
from playwright.sync_api import sync_playwright
from visits import DARK, LIGHT, PHONE, visit

REDIRECT = {"index.html"}  # leads to the first page, and shows nothing
GENERATED = {"genindex.html", "prf-prf.html", "search.html", "single.html"}  # have no text of their own
BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"


def pytest_addoption(parser):
    parser.addoption("--book", type=Path, default=BUILT, help="folder of the built book (default: _build/html)")


def pytest_configure(config):
    folder = config.getoption("book").resolve()
    if not (folder / "objects.inv").is_file():
        raise pytest.UsageError(f"no built book in {folder}; run `make book` first, or name another folder with --book")


def pytest_generate_tests(metafunc):
    """One test a page, and all tests of a page together, so that it is opened once a look."""
    for fixture, without in (("name", REDIRECT), ("written", REDIRECT | GENERATED)):
        if fixture in metafunc.fixturenames:
            names = page_names(metafunc.config.option.book.resolve())
            metafunc.parametrize(fixture, sorted(names - without), scope="session")


def page_names(folder):
    """Pages of a built book, the generated ones too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.html") if "_static" not in path.parts}


@pytest.fixture(scope="session")
def book(request):
    """Folder of the built book."""
    return request.config.option.book.resolve()


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    with sync_playwright() as playwright:
        try:
            program = find_chromium(playwright.chromium.executable_path)
        except NoChromium as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        running = playwright.chromium.launch(executable_path=program)
        yield running
        running.close()


def seen(look):
    """A fixture: the page of the test in one look, with everything unfolded."""

    @pytest.fixture(scope="session")
    def opened(browser, book, name):
        with visit(browser, book / name, look) as page:
            page.unfold()
            yield page

    return opened


light, dark, phone = seen(LIGHT), seen(DARK), seen(PHONE)


@pytest.fixture
def fresh(browser, book, name):
    """The page of the test as a reader finds it, for tests that change it."""
    with visit(browser, book / name) as page:
        yield page


@pytest.fixture
def fresh_phone(browser, book, name):
    """The same on a telephone."""
    with visit(browser, book / name, PHONE) as page:
        yield page
