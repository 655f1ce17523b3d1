"""What the lines under figures and the strip of an executed notebook say of where its values come from, in the book.

A notebook says "this run" of itself. On a page that is fresh, that is the run of this build; on a stale page it is an
older one, and its commit says which.
"""

from __future__ import annotations

import re
from html import escape

import nbformat

_OWN = "this (?:run|build)"  # notebooks that ran under an earlier version of the package say the second
_FROM = re.compile(f"(<dt>From</dt><dd>){_OWN}(</dd>)")
_LINE = re.compile(f'(<div class="defectlab-made">){_OWN}( · )')
_COMMIT = re.compile("<dt>Commit</dt><dd>(.*?)</dd>|commit ([^ ·<]+) ·")
_BUILT = "defectlab-provenance defectlab-built"


def name_source(notebook: nbformat.NotebookNode, is_fresh: bool) -> None:
    """Puts "this build", or "stored run of commit X", where the outputs of a notebook say "this run"; in place.

    Args:
        notebook: executed notebook of a page.
        is_fresh: whether its stored run has the key of this build.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            if _FROM.search(html) or _LINE.search(html):
                output["data"]["text/html"] = _named(html, is_fresh)


def _named(html: str, is_fresh: bool) -> str:
    commit = _COMMIT.search(html)
    name = f"stored run of commit {commit[1] or commit[2]}" if commit else "stored run of an unknown commit"
    source = "this build" if is_fresh else escape(name, quote=False)
    html = _LINE.sub(rf"\g<1>{source}\g<2>", _FROM.sub(rf"\g<1>{source}\g<2>", html))
    # Both classes: the border is that of a stored run, and the page still has one strip of its own.
    return html if is_fresh else html.replace(_BUILT, f"{_BUILT} defectlab-stored")
