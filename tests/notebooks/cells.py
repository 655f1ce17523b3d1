"""What tests of notebooks ask of them: the first cells run in this process, and the outputs of an executed copy."""

from __future__ import annotations

import nbformat


def first_cells(notebook, until, **given):
    """Runs the parameters cell, what papermill would inject, and all code up to the cell that holds some words."""
    code = [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    last = next(i for i, source in enumerate(code) if until in source)
    namespace = {"__name__": "__main__"}
    exec(code[0], namespace)
    namespace |= given
    for source in code[1 : last + 1]:
        exec(source, namespace)
    return namespace


def outputs(notebook):
    """Outputs of all cells."""
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def figures(notebook):
    """What is said of each figure: name, caption, alternative text."""
    return [output.metadata["image/png"] for output in outputs(notebook) if "image/png" in output.get("data", {})]


def printed(notebook):
    """All text, of prints and of tables."""
    texts = (output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs(notebook))
    return "\n".join(texts)
