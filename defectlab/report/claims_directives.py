"""Directives of the ledger: ``{defectlab-scoreboard}``, ``{defectlab-badges}`` and ``{defectlab-cells}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import Directive

from defectlab.report.directives import _parsed, _scrolling
from defectlab.report.stored.beside import tables_beside
from defectlab.report.stored.judged import PAPERS
from defectlab.report.stored.judged_tables import HELD, TITLES, badge_texts, entering, score_table
from defectlab.report.verdict import Verdict

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_CLASSES = {
    Verdict.REPRODUCED.marked: "reproduced",
    Verdict.PARTLY.marked: "partly",
    Verdict.NOT.marked: "not",
    Verdict.NOT_ATTEMPTED.marked: "none",
    HELD: "reproduced",
}


def claims_label(paper: str) -> str:
    """Label of the section of the page of claims that is about a paper."""
    return f"claims-{paper.replace('_', '-')}"


def scoreboard_lines() -> list[str]:
    """MyST lines of the scoreboard: a table, then a link a paper to the claims behind its counts."""
    links = ", ".join(f"{{ref}}`{TITLES[paper]} <{claims_label(paper)}>`" for paper in PAPERS)
    return [*_scrolling(score_table()), f"Claim by claim, with the stored runs: {links}.", ""]


def badges(paper: str) -> list[nodes.Node]:
    """One badge a verdict that any claim of the paper has: sign, number and words, so that no colour is needed."""
    shown: list[nodes.Node] = []
    for heading, text in badge_texts(paper).items():
        shown += [nodes.inline(text, text, classes=["defectlab-badge", f"defectlab-badge-{_CLASSES[heading]}"])]
        shown += [nodes.Text(" ")]
    return shown


class ScoreboardDirective(Directive):
    """``{defectlab-scoreboard}``: claims of all papers, counted by verdict on all that is stored."""

    def run(self) -> list[nodes.Node]:
        """Nodes of the table and the links; a ledger row that names no stored run is an error of the build."""
        return _parsed(self, scoreboard_lines)


class BadgesDirective(Directive):
    """``{defectlab-badges} PAPER``: one line with the verdicts on the claims of a paper, and one on what they count."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Two paragraphs; an unknown paper is an error of the build."""
        paper = self.arguments[0]
        if paper not in PAPERS:
            raise self.error(f"no claims of paper {paper!r}; there are: {', '.join(PAPERS)}")
        line = f"Claims on stored runs ({{ref}}`each one <{claims_label(paper)}>`):"
        (paragraph,) = _parsed(self, lambda: [line])
        assert isinstance(paragraph, nodes.paragraph)
        paragraph["classes"].append("defectlab-badges")
        paragraph += [nodes.Text(" "), *badges(paper)]
        return [paragraph, *_parsed(self, lambda: [entering((paper,))])]


class CellsDirective(Directive):
    """``{defectlab-cells} PAPER``: the paper's tables beside each stored run."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Nodes of the tables; an unknown paper is an error of the build."""
        return _parsed(self, lambda: [line for table in tables_beside(self.arguments[0]) for line in _scrolling(table)])


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directives with Sphinx."""
    app.add_directive("defectlab-scoreboard", ScoreboardDirective)
    app.add_directive("defectlab-badges", BadgesDirective)
    app.add_directive("defectlab-cells", CellsDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
