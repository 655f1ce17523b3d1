"""The block *Run this page* of every notebook page: commands, where the parameters stand, what a run takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat

from defectlab.book.pages import Page
from defectlab.files import read_json

PROFILES = {
    "smoke": "tests; its figures are no results",
    "laptop": "a reader, a class; the default",
    "paper": "the settings of the papers, or larger samples",
}


def with_run_block(notebook: nbformat.NotebookNode, page: Page) -> nbformat.NotebookNode:
    """A notebook with the block after its first cell, and a target for its link at the parameters.

    Args:
        notebook: of the page, with or without outputs; it is changed.
        page: the page; stored runs of its other profiles lie beside its own.

    Returns:
        The same notebook.
    """
    name = Path(page.name).name
    target = _mark_parameters(notebook, f"parameters-{name.replace('_', '-')}")
    block = run_block(name, measured(page), target)
    notebook.cells.insert(min(1, len(notebook.cells)), nbformat.v4.new_markdown_cell(block, id="run-this-page"))
    return notebook


def measured(page: Page) -> dict[str, float]:
    """Seconds of the stored run of each profile that has one."""
    store = page.stored.parents[len(Path(page.name).parts)]
    records = {profile: store / profile / f"{page.name}.json" for profile in PROFILES}
    return {profile: float(read_json(path)["seconds"]) for profile, path in records.items() if path.is_file()}


def run_block(name: str, seconds: Mapping[str, float], target: str = "") -> str:
    """The block as Markdown of the book.

    Args:
        name: of the notebook, such as ``"in_and_out"``.
        seconds: of a whole run on the machine that built the book, by profile.
        target: label of the parameters on the page; empty where they have none.
    """
    where = f" {{ref}}`The parameters of this page <{target}>` have their meanings beside them." if target else ""
    lines = [
        "```{admonition} Run this page",
        ":class: seealso dropdown defectlab-run",
        "In a checkout, after `make setup`; both lines write a new notebook and leave this one as it is." + where,
        "",
        "~~~bash",
        f"defectlab run {name} -p profile smoke",
        f"papermill notebooks/{name}.ipynb out.ipynb -p profile laptop",
        f"papermill --help-notebook notebooks/{name}.ipynb",
        "~~~",
        "",
        *(f"- `{profile}`, for {use}: {duration(seconds.get(profile))}" for profile, use in PROFILES.items()),
        "",
        "Times are of the machine that built this book; see *Time and hardware* above for others.",
        "```",
    ]
    return "\n".join(lines)


def duration(seconds: float | None) -> str:
    """Whole minutes in words; what is not measured is said to be so."""
    if seconds is None:
        return "not run for this book"
    if seconds < 60:
        return "less than a minute"
    minutes = round(seconds / 60)
    return f"{minutes} minute{'s' * (minutes != 1)}"


def _mark_parameters(notebook: nbformat.NotebookNode, label: str) -> str:
    """Puts a target before the heading of the parameters; returns its label, or nothing where there is no heading."""
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if "parameters" in cell.metadata.get("tags", []) and before.source.startswith("## "):
            before.source = f"({label})=\n{before.source}"
            return label
    return ""
