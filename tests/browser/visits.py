"""One page of the book, opened from disk in Chromium, with what the browser said while it loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Page

# What moves or is folded away escapes a checker: movement is stopped, and everything is unfolded.
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
UNFOLD = """() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    for (const button of document.querySelectorAll(".toggle-hidden > .toggle-button")) button.click();
}"""
SETTLE = """async () => {
    if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
    await document.fonts.ready;
    await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
}"""


@dataclass(frozen=True)
class Look:
    """How a page is looked at.

    Attributes:
        width: width of the window, in CSS pixels.
        height: height of the window, in CSS pixels.
        scheme: colours that the reader's system prefers, ``"light"`` or ``"dark"``.
        mobile: a telephone: touch, and a viewport that follows the page's own.
    """

    width: int = 1280
    height: int = 900
    scheme: str = "light"
    mobile: bool = False


LIGHT = Look()
DARK = Look(scheme="dark")
PHONE = Look(width=390, height=844, mobile=True)


@dataclass
class Visit:
    """An open page.

    Attributes:
        page: the page, loaded and settled.
        path: its file.
        said: errors and warnings of the console, and exceptions that nobody caught.
        failed: requests without an answer.
        asked: addresses of all requests.
    """

    page: Page
    path: Path
    said: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Notes what the browser says from here on."""
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("requestfailed", lambda request: self.failed.append(f"{request.url}: {request.failure}"))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def settle(self) -> None:
        """Waits for mathematics, fonts and images, and stops what moves."""
        self.page.evaluate(SETTLE)
        self.page.add_style_tag(content=STILL)

    def unfold(self) -> None:
        """Opens what is folded away: solutions, hidden code, parts of the contents."""
        self.page.evaluate(UNFOLD)


@contextmanager
def visit(browser: Browser, path: Path, look: Look = LIGHT, query: str = "") -> Iterator[Visit]:
    """Opens a page from disk, in a browser without history and without a network.

    Args:
        browser: the running browser.
        path: file of the page.
        look: how it is looked at.
        query: what stands after the question mark of its address.
    """
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        is_mobile=look.mobile,
        has_touch=look.mobile,
        reduced_motion="reduce",
        offline=True,
    )
    opened = Visit(context.new_page(), path)
    opened.page.set_default_timeout(10_000)
    opened.listen()
    try:
        opened.page.goto(path.as_uri() + (f"?{query}" if query else ""))
        opened.settle()
        yield opened
    finally:
        context.close()


def file_of(address: str) -> Path | None:
    """The file that an address names; None for an address that is no file."""
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
