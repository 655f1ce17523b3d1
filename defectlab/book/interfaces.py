"""``{defectlab-interfaces} data``: what a room of the package offers, from its own signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import Directive

from defectlab.report.directives import _parsed, _scrolling
from defectlab.report.tables import ReportTable

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOMS: Mapping[str, tuple[str, ...]] = {
    "data": ("data",),
    "synthesis": (
        "synthesis.base",
        "synthesis.pipelines",
        "synthesis.masks",
        "synthesis.diag",
        "synthesis.memseg",
        "synthesis.fine_tuned",
        "synthesis.in_and_out",
        "synthesis.perlin",
        "synthesis.blend",
        "synthesis.store",
        "synthesis.export",
    ),
    "detection": ("detection", "detection.student_teacher", "detection.moco", "detection.baselines"),
    "evaluation": ("evaluation",),
    "report": ("report.style", "report.tables", "report.grids", "report.claims"),
    "runs": ("params", "runs", "results"),
}
"""Modules of each room that scripts of users import from, in the order of work."""
SHOWN_ARGUMENTS = 6


def public_names(module: str) -> list[str]:
    """What a module offers: its ``__all__``, else the classes and functions that it defines, in its own order.

    Args:
        module: below `defectlab`, such as ``"synthesis.diag"``.
    """
    loaded = import_module(f"defectlab.{module}")
    if hasattr(loaded, "__all__"):
        return [name for name in loaded.__all__ if callable(getattr(loaded, name))]
    return [
        name
        for name, thing in vars(loaded).items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == loaded.__name__
    ]


def first_sentence(thing: object) -> str:
    """The first sentence of the docstring of a class or function, without a full stop.

    Raises:
        ValueError: if it has none; every public name of this package has one.
    """
    text = inspect.getdoc(thing)
    if not text:
        raise ValueError(f"{getattr(thing, '__name__', thing)!r} has no docstring: write its first line")
    line = " ".join(text.split("\n\n")[0].split())
    return line.split(". ")[0].rstrip(".").replace("``", "`")


def call(name: str, thing: Any) -> str:
    """How it is called: names and defaults of the first arguments, without annotations."""
    if getattr(thing, "_is_protocol", False):
        return name
    parameters = list(inspect.signature(thing).parameters.values())
    shown = [_argument(parameter) for parameter in parameters[:SHOWN_ARGUMENTS]]
    return f"{name}({', '.join([*shown, *(['…'] if len(parameters) > SHOWN_ARGUMENTS else [])])})"


def interfaces_table(room: str) -> ReportTable:
    """Public names of a room: how each is called, where it is imported from, and what it does.

    Raises:
        ValueError: if there is no such room.
    """
    if room not in ROOMS:
        raise ValueError(f"no room {room!r}; there are: {', '.join(ROOMS)}")
    lines = []
    for module in ROOMS[room]:
        loaded = import_module(f"defectlab.{module}")
        for name in public_names(module):
            thing = getattr(loaded, name)
            lines.append((f"`{call(name, thing)}`", first_sentence(thing), f"`defectlab.{module}`"))
    frame = pd.DataFrame(lines, columns=["name", "what it is", "import from"])
    return ReportTable(frame, f"Public names of defectlab.{room}" if room != "runs" else "Parameters, runs and results")


def _argument(parameter: inspect.Parameter) -> str:
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
    default = parameter.default
    if default is inspect.Parameter.empty:
        return stars + parameter.name
    short = isinstance(default, bool | int | float | str | type(None)) and len(repr(default)) <= 20
    return f"{parameter.name}={default!r}" if short else f"{parameter.name}=…"


class InterfacesDirective(Directive):
    """``{defectlab-interfaces} ROOM``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Nodes of the table; an unknown room is an error of the build."""
        return _parsed(self, lambda: _scrolling(interfaces_table(self.arguments[0])))


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directive with Sphinx."""
    app.add_directive("defectlab-interfaces", InterfacesDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
