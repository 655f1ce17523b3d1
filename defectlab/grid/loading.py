"""Grids by name or file: what ``workflow/`` of the checkout declares, with what the command line changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from defectlab.grid.plan import Grid
from defectlab.paths import absolute, checkout_dir


def load_grid(paper: str | Path, **changes: Any) -> Grid:
    """A grid by the paper's name or by its file.

    Args:
        paper: name of a file in ``workflow/grids`` of the checkout, or path of a YAML or JSON file.
        changes: that take the place of what the file says, but for ``parameters``, which are added; ``None`` for none.

    Raises:
        FileNotFoundError: if there is no such file; the message lists those there are.
        ValueError: if the file is no grid.
    """
    path = grid_file(paper)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected the keys of a grid, found {type(values).__name__}")
    given = {name: value for name, value in changes.items() if value is not None}
    if "parameters" in given:
        given["parameters"] = {**(values.get("parameters") or {}), **given["parameters"]}
    try:
        return Grid.from_mapping({**values, **given})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def grid_file(paper: str | Path) -> Path:
    """File of a grid, by path or by name in ``workflow/grids`` of the checkout.

    Raises:
        FileNotFoundError: if there is none; the message lists those there are.
    """
    path = absolute(paper)
    if path.is_file():
        return path
    known = {candidate.stem: candidate for candidate in sorted(workflow_dir().glob("grids/*.yaml"))}
    if str(paper) in known:
        return known[str(paper)]
    raise FileNotFoundError(f"no grid {str(paper)!r} at {path}; in workflow/grids: {', '.join(known)}")


def workflow_dir() -> Path:
    """``workflow`` of the checkout: Snakefile, grids, profiles.

    Raises:
        FileNotFoundError: outside a checkout.
    """
    root = checkout_dir()
    if root is None or not (root / "workflow").is_dir():
        raise FileNotFoundError("there is no workflow/ beside the package: grids run from a source checkout")
    return root / "workflow"
