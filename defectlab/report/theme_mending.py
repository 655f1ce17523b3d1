"""Faults of the book's theme that are mended while its pages are written: names, roles, scripts, and the colour mode.

A Sphinx extension. What needs the reader's browser is in ``book/_static/defectlab.js``, what needs a style in
``book/_static/defectlab.css``; ``make browser`` checks the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SPREAD = re.compile(r">(\s*[-+−]?\d[\d.]*) ± (\d[\d.]*\s*)<")  # alone in its element, as in a cell of a table


def mend(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Changes the context of a page before its template is filled.

    Args:
        app: the build.
        pagename: name of the page.
        templatename: its template.
        context: what the template is given; changed in place.
        doctree: tree of the page; None for a generated one.
    """
    context["default_mode"] = "auto"  # the theme would write an empty mode, and warn of it in the console
    context["script_files"] = [script for script in context.get("script_files", []) if not is_thebe(script)]
    if "body" in context:
        context["body"] = with_whole_values(with_allowed_roles(context["body"]))
    if "generate_toctree_html" in context:
        context["generate_toctree_html"] = with_named_folds(context["generate_toctree_html"])


def is_thebe(script: Any) -> bool:
    """True for the scripts of thebe, which the book has switched off: they are added twice, and name another host."""
    return "thebe" in f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', {})}".lower()


def with_allowed_roles(html: str) -> str:
    """The entries of a bibliography as items of their list; ARIA 1.2 has deprecated the roles that docutils writes."""
    return html.replace('role="doc-biblioentry"', 'role="listitem"').replace(' role="doc-backlink"', "")


def with_whole_values(html: str) -> str:
    """Each mean with its spread on one line of its cell, however narrow the table; text in sentences stays as it is."""
    return _SPREAD.sub(">\\1\u00a0±\u00a0\\2<", html)


def with_named_folds(make: Callable[..., Any]) -> Callable[..., Any]:
    """The contents of the sidebar with a name for each button that folds the sections of a chapter."""

    def named(*arguments: Any, **options: Any) -> Any:
        contents = make(*arguments, **options)
        for summary in getattr(contents, "select", lambda selector: [])("details > summary"):
            link = summary.find_parent("li").find("a")
            summary["aria-label"] = f"Sections of {link.get_text(strip=True)}" if link else "Sections"
        return contents

    return named


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the mending with Sphinx, after the theme has had its say."""
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
