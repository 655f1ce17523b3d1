"""The numbers that the papers print, as tables; nothing here was measured by this project."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from defectlab.report.identity import method as identity

#: Names that DIAG's tables print, and the short names of this project.
SHORT_NAMES = {
    "MemSeg": "memseg",
    "In&Out": "in_and_out",
    "DIAG": "diag",
    "DDPM": "ddpm",
    "DDPM (In&Out generator)": "ddpm",
}


def names() -> tuple[str, ...]:
    """Names of the published tables, sorted, as `load` takes them."""
    return tuple(sorted(entry.name[:-4] for entry in files(__name__).iterdir() if entry.name.endswith(".csv")))


def load(name: str) -> pd.DataFrame:
    """A published table as printed.

    Args:
        name: file name without ``.csv``, such as ``"diag_table3_fid"``.

    Raises:
        ValueError: if there is no such table; the message lists those there are.
    """
    if name not in names():
        raise ValueError(f"no published table {name!r}; there are: {', '.join(names())}")
    with (files(__name__) / f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def diag_cells() -> pd.DataFrame:
    """Every cell of DIAG's Tables I to III, one a row.

    Returns:
        Columns ``id``, ``table``, ``regime``, ``method`` (short name), ``n_aug`` (``NaN`` in Table III),
        ``column`` (``AP``, ``precision``, ``recall``, ``FID_64``, ``FID_192``), ``paper`` and ``source``.
    """
    return _diag_cells().copy()


@cache
def _diag_cells() -> pd.DataFrame:
    detection = load("diag_tables1-2_ap").melt(
        id_vars=["table", "method", "n_aug", "source"], value_vars=["AP", "precision", "recall"], value_name="paper"
    )
    detection["regime"] = detection["table"].map({"I": "zero_shot", "II": "full_shot"})
    fidelity = load("diag_table3_fid").rename(columns={"procedure": "method"})
    fidelity = fidelity.melt(id_vars="method", value_name="paper").assign(table="III", regime="", source="DIAG")
    cells = pd.concat([detection, fidelity], ignore_index=True).rename(columns={"variable": "column"})
    cells["method"] = [identity(SHORT_NAMES[name]).key for name in cells["method"]]
    cells["id"] = [_cell_id(cell) for cell in cells.to_dict("records")]
    # In the paper's order: by table, method as printed, count, then column.
    for column in ("method", "column"):
        cells[f"{column}_order"] = pd.factorize(cells[column])[0]
    cells = cells.sort_values(["table", "method_order", "n_aug", "column_order"], ignore_index=True)
    return cells[["id", "table", "regime", "method", "n_aug", "column", "paper", "source"]]


def diag_operating_point(method: str, regime: str, n_aug: int) -> tuple[float, float] | None:
    """Precision and recall that DIAG's Tables I and II print, ``None`` where they print none.

    Args:
        method: short name.
        regime: ``"zero_shot"`` or ``"full_shot"``.
        n_aug: number of synthetic positives.
    """
    cells = diag_cells()
    chosen = cells[(cells["method"] == method) & (cells["regime"] == regime) & (cells["n_aug"] == n_aug)]
    if chosen.empty:
        return None
    values = chosen.set_index("column")["paper"]
    return float(values["precision"]), float(values["recall"])


def _cell_id(cell: Mapping[Hashable, Any]) -> str:
    count = [] if pd.isna(cell["n_aug"]) else [str(int(cell["n_aug"]))]
    return "/".join(["diag", f"table{cell['table']}", cell["method"], *count, cell["column"]])
