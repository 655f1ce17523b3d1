"""The command lines that make a grid, or one of its cells, again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from defectlab.command_lines import command_line, spelled
from defectlab.grid.jobs import BASELINE, Cell
from defectlab.grid.plan import Grid


def grid_command(grid: Grid, parameters: Mapping[str, Any] | None = None) -> str:
    """``defectlab grid run in_and_out --profile laptop ...``.

    Args:
        grid: to make again.
        parameters: to show in place of the grid's, such as without places on this machine.
    """
    axes = {"methods": grid.methods, "n-aug": grid.n_aug, "regimes": grid.regimes, "seeds": grid.seeds}
    words = ["defectlab", "grid", "run", grid.paper]
    for name, values in axes.items():
        words += [f"--{name}", *(str(value) for value in values)]
    words += ["--baselines", *(grid.baselines or ("none",))]
    return command_line(words + _common(grid, grid.parameters if parameters is None else parameters))


def cell_command(grid: Grid, cell: Cell) -> str:
    """``defectlab grid cell in_and_out --method memseg ...``; it needs no Snakemake."""
    words = ["defectlab", "grid", "cell", grid.paper, "--method", cell.method, "--regime", cell.regime]
    words += ["--seed", str(cell.seed)]
    words += ["--n-aug", str(cell.n_aug)] if cell.method != BASELINE else []
    return command_line(words + _common(grid, grid.parameters))


def _common(grid: Grid, parameters: Mapping[str, Any]) -> list[str]:
    words = ["--profile", grid.profile, "--dataset", grid.dataset]
    for name, value in parameters.items():
        words += ["-r" if isinstance(value, str) else "-p", name, spelled(value)]
    return words
