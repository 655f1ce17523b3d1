"""The one way in which the package says that a name is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_choice(what: str, given: object, known: Iterable[str]) -> ValueError:
    """An error that names the near miss and lists what is known.

    Args:
        what: what was to be chosen, such as ``"mask source"``.
        given: what was asked for.
        known: names that would have been understood.
    """
    names = list(known)
    near = get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return ValueError(f"unknown {what} {given!r}{hint} Known: {', '.join(names) or 'none'}")
