"""Directives of pages that belong to no paper: ``{defectlab-licences}``, ``{defectlab-rules}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import Directive

from defectlab.report.directives import _parsed, _scrolling
from defectlab.report.licences import licence_tables
from defectlab.report.rules import rules

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class LicencesDirective(Directive):
    """``{defectlab-licences}``: tables of data, weights and code with their terms."""

    def run(self) -> list[nodes.Node]:
        """Nodes of the tables."""
        return _parsed(self, lambda: [line for table in licence_tables() for line in _scrolling(table)])


class RulesDirective(Directive):
    """``{defectlab-rules}``: how verdicts are given, in full and once in the book."""

    def run(self) -> list[nodes.Node]:
        """A paragraph a rule."""
        return _parsed(self, lambda: [f"{rule}\n" for rule in rules()])


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directives with Sphinx."""
    app.add_directive("defectlab-licences", LicencesDirective)
    app.add_directive("defectlab-rules", RulesDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
