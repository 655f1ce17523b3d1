"""What a method looks like everywhere in the book: name, colour, marker and line style, set once."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class Method:
    """The face of one method.

    Attributes:
        key: short name, as in result rows.
        name: name in tables and legends.
        colour: hexadecimal colour of the Okabe-Ito palette (its pale yellow is left out: too faint for lines).
        marker: matplotlib marker.
        line: matplotlib line style.
    """

    key: str
    name: str
    colour: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]

    def style(self) -> dict[str, Any]:
        """Keyword arguments of `matplotlib.axes.Axes.plot`."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line, "label": self.name}


# The first five are told apart in greyscale by lightness alone; the later two by marker and line.
_ALL = (
    Method("none", "No augmentation", "#000000", "o", (0, (1, 1))),
    Method("diag", "DIAG", "#0072B2", "D", "-"),
    Method("in_and_out", "In&Out", "#D55E00", "^", (0, (6, 2))),
    Method("ddpm", "DDPM", "#CC79A7", "v", (0, (6, 2, 1, 2))),
    Method("memseg", "MemSeg", "#E69F00", "s", (0, (3, 2))),
    Method("cutpaste", "CutPaste", "#009E73", "P", (0, (6, 2, 1, 2, 1, 2))),
    Method("draem", "DRAEM", "#56B4E9", "X", (0, (1, 3))),
)

METHODS: dict[str, Method] = {method.key: method for method in _ALL}


def method(key: str) -> Method:
    """The identity of a method.

    Raises:
        ValueError: if no method has that short name; the nearest is suggested.
    """
    if key not in METHODS:
        near = get_close_matches(key, METHODS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"no method {key!r}; {hint}known: {', '.join(METHODS)}")
    return METHODS[key]


def in_order(keys: list[str] | set[str]) -> list[Method]:
    """Identities in the fixed order of the book, whatever the order of the keys."""
    wanted = {method(key).key for key in keys}
    return [identity for identity in _ALL if identity.key in wanted]
