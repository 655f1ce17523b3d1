"""The directive of the book that shows a table of this room: ``{defectlab-table} differences diag``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from defectlab.report import published
from defectlab.report.claims import load_claims, scoreboard
from defectlab.report.differences import differences_table
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import CELL_RULE, ORDERING_RULE

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def claims_table(paper: str) -> ReportTable:
    """Claims of a paper with what was printed; verdicts are shown where results are."""
    frame = scoreboard(None, paper)[["claim", "statement", "where", "remark"]]
    return ReportTable(frame, f"Claims under test, {len(load_claims(paper))} in all", (ORDERING_RULE, CELL_RULE))


def published_table(paper: str) -> ReportTable:
    """Tables I and II of DIAG as printed, one line a method and count."""
    if paper != "diag":
        raise ValueError(f"published tables are shown for diag so far, got {paper!r}")
    cells = published.diag_cells()
    cells = cells[cells["table"] != "III"].assign(n_aug=lambda table: table["n_aug"].astype(int))
    frame = cells.pivot_table(
        index=["table", "method", "n_aug", "source"], columns="column", values="paper", sort=False
    ).reset_index()
    frame["method"] = [method(key).name for key in frame["method"]]
    return ReportTable(
        frame.rename_axis(columns=None), "Tables I (zero-shot) and II (full-shot) of the paper, as printed"
    )


TABLES: dict[str, Callable[[str], ReportTable]] = {
    "claims": claims_table,
    "differences": differences_table,
    "published": published_table,
}


def markdown(table: ReportTable) -> list[str]:
    """Lines of a MyST list-table with a header row and a header column."""
    lines = [f"```{{list-table}} {table.caption}", ":header-rows: 1", ":class: defectlab-table", ""]
    for row in [list(table.frame.columns), *table.frame.itertuples(index=False)]:
        for place, cell in enumerate(row):
            lines.append(f"{'* -' if place == 0 else '  -'} {cell}")
    return [*lines, "```", "", *(f"{note}\n" for note in table.notes)]


class TableDirective(Directive):
    """``{defectlab-table} KIND PAPER`` with a kind of `TABLES`."""

    required_arguments = 2
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Nodes of the table; an unknown kind or paper is an error of the build."""
        kind, paper = self.arguments
        if kind not in TABLES:
            raise self.error(f"no table {kind!r}; there are: {', '.join(TABLES)}")
        try:
            lines = markdown(TABLES[kind](paper))
        except ValueError as error:
            raise self.error(str(error)) from error
        container = nodes.container(classes=["defectlab-scroll"])
        text = "\n".join(lines).splitlines()
        self.state.nested_parse(StringList(text, source=f"defectlab {kind}"), self.content_offset, container)
        return [container]


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directive with Sphinx."""
    app.add_directive("defectlab-table", TableDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
