"""Directives of the book that show tables of this room.

``{defectlab-table} differences diag`` shows one table, ``{defectlab-stored} kolektor_sdd`` all that is stored of a data
set, so that no number is typed into a page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from defectlab.report import published
from defectlab.report.ablation_tables import printed_ablation
from defectlab.report.claims import load_claims, scoreboard
from defectlab.report.ddpm_moco_tables import published_precision_table
from defectlab.report.differences import differences_table
from defectlab.report.identity import method
from defectlab.report.power_tables import paper_power_table
from defectlab.report.printed_tables import published_fidelity, published_generation
from defectlab.report.rules import RULES_NOTE, linked
from defectlab.report.stored import stored_runs
from defectlab.report.stored.grid_tables import stored_grid_claims, stored_grid_counts, stored_grid_means
from defectlab.report.stored.judged_tables import evidence_table, orderings_table
from defectlab.report.stored.localisation import stored_ablation, stored_gaps, stored_localisation, stored_orderings
from defectlab.report.stored.studies import stored_loss_claims, stored_losses
from defectlab.report.stored.tables import LEADS, classes_table, overview_table, run_table, stored_findings
from defectlab.report.student_teacher_tables import printed_table, sources_table
from defectlab.report.tables import ReportTable

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def claims_table(paper: str) -> ReportTable:
    """Claims of a paper with what was printed; verdicts are shown where results are."""
    frame = scoreboard(None, paper)[["claim", "statement", "where", "tested", "remark"]]
    return ReportTable(frame, f"Claims under test, {len(load_claims(paper))} in all", (RULES_NOTE,))


def published_table(paper: str) -> ReportTable:
    """Tables of a paper as printed: DIAG's I and II, In&Out's 1 to 6, DDPM-MoCo's 2, student-teacher's 1 to 5."""
    shown = {
        "diag": _published_diag,
        "in_and_out": _published_in_and_out,
        "ddpm_moco": published_precision_table,
        "student_teacher": printed_table,
    }
    if paper not in shown:
        raise ValueError(f"published tables are shown for {', '.join(shown)} so far, got {paper!r}")
    return shown[paper]()


def _published_diag() -> ReportTable:
    cells = published.diag_cells()
    cells = cells[cells["table"] != "III"].assign(n_aug=lambda table: table["n_aug"].astype(int))
    frame = cells.pivot_table(
        index=["table", "method", "n_aug", "source"], columns="column", values="paper", sort=False
    ).reset_index()
    frame["method"] = [method(key).name for key in frame["method"]]
    return ReportTable(
        frame.rename_axis(columns=None), "Tables I (zero-shot) and II (full-shot) of the paper, as printed"
    )


def _published_in_and_out() -> ReportTable:
    names = {key: name for name, key in published.REFERENCE.items()}
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for cell in published.in_and_out_cells().to_dict("records"):
        count = str(int(cell["n_aug"])) if cell["row"] == "count" else str(cell["row"])
        name = names.get(cell["method"]) or method(cell["method"]).name
        place = {"table": cell["table"], "regime": cell["regime"].replace("_", "-"), "method": name, "n_aug": count}
        line = lines.setdefault((cell["table"], cell["method"], count), place)
        spread = "" if cell["sd"] != cell["sd"] else f" ± {cell['sd']:.3f}"
        line[cell["column"]] = f"{cell['paper']:.3f}{spread}"
    notes = ("Mean ± standard deviation over four seeds; that of an average is the mean of the three above it.",)
    return ReportTable(pd.DataFrame(lines.values()).fillna("–"), "Tables 1 to 6 of the paper, as printed", notes)


def stored_table(paper: str) -> ReportTable:
    """One line a stored run of the paper's notebook."""
    return overview_table(stored_runs(notebook=paper))


TABLES: dict[str, Callable[[str], ReportTable]] = {
    "ablation": lambda paper: printed_ablation(),
    "fidelity": lambda paper: published_fidelity(),
    "generation": lambda paper: published_generation(),
    "claim_evidence": evidence_table,
    "claim_orderings": orderings_table,
    "claims": claims_table,
    "differences": differences_table,
    "grid_claims": stored_grid_claims,
    "grid_counts": stored_grid_counts,
    "grid_means": stored_grid_means,
    "loss_claims": stored_loss_claims,
    "localisation": stored_localisation,
    "localisation_gaps": stored_gaps,
    "losses": stored_losses,
    "orderings": stored_orderings,
    "power": lambda paper: paper_power_table(paper=paper),
    "published": published_table,
    "sources": lambda paper: sources_table(),
    "stored": stored_table,
    "stored_ablation": stored_ablation,
}


def markdown(table: ReportTable) -> list[str]:
    """Lines of a MyST list-table with a header row and a header column."""
    lines = [f"```{{list-table}} {table.caption}", ":header-rows: 1", ":class: defectlab-table", ""]
    for row in [list(table.frame.columns), *table.frame.itertuples(index=False)]:
        for place, cell in enumerate(row):
            lines.append(f"{'* -' if place == 0 else '  -'} {cell}")
    return [*lines, "```", "", *(f"{linked(note)}\n" for note in table.notes)]


def stored_lines(dataset: str) -> list[str]:
    """MyST lines of all stored runs on a data set: tables, what made each, then the claims that they can judge."""
    runs = tuple(run for run in stored_runs(dataset=dataset) if run.notebook in LEADS)
    lines = [] if runs else [f"No run on `{dataset}` is stored yet.", ""]
    for run in runs:
        classes = classes_table(run)
        lines += [*_scrolling(run_table(run)), *(_scrolling(classes) if classes else [])]
        lines += ["```{raw} html", run.provenance._repr_html_(), "```", ""]
    return lines + (_scrolling(stored_findings(runs)) if runs else [])


def _scrolling(table: ReportTable) -> list[str]:
    """A table too wide for the page scrolls by itself."""
    return ["````{container} defectlab-scroll", *markdown(table), "````", ""]


class TableDirective(Directive):
    """``{defectlab-table} KIND PAPER`` with a kind of `TABLES`."""

    required_arguments = 2
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Nodes of the table; an unknown kind or paper is an error of the build."""
        kind, paper = self.arguments
        if kind not in TABLES:
            raise self.error(f"no table {kind!r}; there are: {', '.join(TABLES)}")
        return _parsed(self, lambda: _scrolling(TABLES[kind](paper)))


class StoredDirective(Directive):
    """``{defectlab-stored} DATASET``: every stored run on a data set."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Nodes of all tables; a damaged stored run is an error of the build."""
        return _parsed(self, lambda: stored_lines(self.arguments[0]))


def _parsed(directive: Directive, make: Callable[[], list[str]]) -> list[nodes.Node]:
    """The nodes of the lines that ``make`` gives."""
    try:
        lines = make()
    except ValueError as error:
        raise directive.error(str(error)) from error
    container = nodes.container()
    text = "\n".join(lines).splitlines()
    source = " ".join([directive.name, *directive.arguments])
    directive.state.nested_parse(StringList(text, source=source), directive.content_offset, container)
    return list(container.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directives with Sphinx."""
    app.add_directive("defectlab-table", TableDirective)
    app.add_directive("defectlab-stored", StoredDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
