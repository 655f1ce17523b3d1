"""Appendices of the book that are made from the package: parameters, what was executed, datasheets.

``{defectlab-parameters} diag`` shows the parameters of a notebook, ``{defectlab-execution}`` what the notebooks of this
build ran on, ``{defectlab-datasheet} ksdd2`` what is known of a data set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
from docutils import nodes
from docutils.parsers.rst import Directive

from defectlab.data.datasheet import about
from defectlab.data.registry import get_entry
from defectlab.parameter_cells import reference_rows
from defectlab.params import Parameters
from defectlab.provenance import CORE_PACKAGES
from defectlab.report.directives import _parsed, _scrolling
from defectlab.report.licences import COMMERCIAL
from defectlab.report.tables import ReportTable
from defectlab.report.terms import DATA_COMMERCIAL

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SCHEMAS: Mapping[str, str] = {
    "surfaces": "SurfacesParameters",
    "measuring": "MeasuringParameters",
    "baseline": "BaselineParameters",
    "perlin": "PerlinParameters",
    "diffusion": "DiffusionParameters",
    "inpainting": "InpaintingParameters",
    "diag": "DiagParameters",
    "in_and_out": "InAndOutParameters",
    "ddpm_moco": "DdpmMocoParameters",
    "student_teacher": "StudentTeacherParameters",
    "comparison": "ComparisonParameters",
    "fidelity": "FidelityParameters",
    "helping": "HelpingParameters",
    "leaks": "LeaksParameters",
}
"""Class with the parameters of each notebook, in the order of the book; in ``defectlab.experiments``."""
COLUMNS = ["notebook", "profile", "minutes", "device", "commit"]
MADE = "Minutes are wall clock of the whole notebook, its kernel included."


def schema(notebook: str) -> type[Parameters]:
    """The parameters of a notebook.

    Raises:
        ValueError: if there is no such notebook.
    """
    if notebook not in SCHEMAS:
        raise ValueError(f"no notebook {notebook!r}; there are: {', '.join(SCHEMAS)}")
    found: type[Parameters] = getattr(import_module(f"defectlab.experiments.{notebook}_parameters"), SCHEMAS[notebook])
    return found


def parameter_table(notebook: str) -> ReportTable:
    """Every parameter of a notebook: type, default, value of each profile, allowed values, unit, meaning."""
    head, rows = reference_rows(schema(notebook))
    frame = pd.DataFrame(rows, columns=head).replace("", "–")
    frame.insert(1, "meaning", frame.pop("meaning"))  # before what a narrow screen cuts off
    return ReportTable(frame, f"Parameters of notebooks/{notebook}.ipynb")


def execution_table(folder: Path) -> ReportTable:
    """What each executed notebook of a folder says of its run; one that was not executed has dashes.

    Args:
        folder: with ``notebooks/*.ipynb``, executed by papermill.
    """
    lines = [_executed(folder / "notebooks" / f"{name}.ipynb") for name in SCHEMAS]
    return ReportTable(pd.DataFrame(lines, columns=COLUMNS), "What this build of the book was made from", (MADE,))


def package_table(packages: Sequence[str] = CORE_PACKAGES) -> ReportTable:
    """Versions of the packages that compute, in the environment that built the pages."""
    frame = pd.DataFrame([(name, _version(name)) for name in packages], columns=["package", "version"])
    return ReportTable(frame, "Packages of the environment that built these pages")


def datasheet_table(name: str) -> ReportTable:
    """What is known of a data set without reading it, one line a question.

    Raises:
        ValueError: if it is unknown; the message suggests the nearest.
    """
    entry = get_entry(name)
    known = about(entry) | {"How to get it": entry.how_to_get, COMMERCIAL.capitalize(): DATA_COMMERCIAL[name]}
    lines = [(what, text) for what, text in known.items() if text]
    return ReportTable(pd.DataFrame(lines, columns=["question", "answer"]), entry.title)


def _executed(path: Path) -> tuple[str, ...]:
    name = f"`{path.stem}`"
    if not path.is_file():
        return (name, "–", "–", "–", "–")
    notebook = nbformat.read(path, as_version=4)
    ran = notebook.metadata.get("papermill", {})
    strip = _strip(notebook)
    seconds = ran.get("duration")
    return (
        name,
        str(ran.get("parameters", {}).get("profile", "–")),
        f"{seconds / 60:.1f}" if seconds else "–",
        strip.get("Device", "–"),
        strip.get("Commit", "–"),
    )


def _strip(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Fields of the strip at the end of a notebook, see `defectlab.report.provenance_strip.Provenance`."""
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", []):
            html = str(output.get("data", {}).get("text/html", ""))
            if "defectlab-provenance defectlab-built" in html:  # not that of a stored run
                return {name: unescape(text) for name, text in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)}
    return {}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


class ParametersDirective(Directive):
    """``{defectlab-parameters} NOTEBOOK``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Nodes of the table; an unknown notebook is an error of the build."""
        return _parsed(self, lambda: _scrolling(parameter_table(self.arguments[0])))


class ExecutionDirective(Directive):
    """``{defectlab-execution}``: the notebooks of this build, and its packages."""

    def run(self) -> list[nodes.Node]:
        """Nodes of both tables."""
        environment: Any = self.state.document.settings.env
        tables = (execution_table(Path(environment.srcdir)), package_table())
        return _parsed(self, lambda: [line for table in tables for line in _scrolling(table)])


class DatasheetDirective(Directive):
    """``{defectlab-datasheet} NAME`` of a data set of the registry."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Nodes of the table; an unknown data set is an error of the build."""
        return _parsed(self, lambda: _scrolling(datasheet_table(self.arguments[0])))


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directives with Sphinx."""
    app.add_directive("defectlab-parameters", ParametersDirective)
    app.add_directive("defectlab-execution", ExecutionDirective)
    app.add_directive("defectlab-datasheet", DatasheetDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
