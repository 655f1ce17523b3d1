"""The numbers that the papers print, as tables; nothing here was measured by this project."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from defectlab.report.identity import method as identity
from defectlab.report.summary import AP_TRAPEZOID, PRECISION, RECALL

#: Names that DIAG's tables print, and the short names of this project.
SHORT_NAMES = {
    "MemSeg": "memseg",
    "In&Out": "in_and_out",
    "DIAG": "diag",
    "DDPM": "ddpm",
    "DDPM (In&Out generator)": "ddpm",
}

#: Regimes as In&Out's tables print them, and as this project names them.
IN_AND_OUT_REGIMES = {
    "zero-shot": "zero_shot",
    "few-shot N=5": "few_shot",
    "full-shot N=246": "full_shot",
}

#: A method of which In&Out repeats one published value; this project does not run it.
REFERENCE = {"MixSegdec": "mixsegdec"}

#: Columns of In&Out's tables and the metrics that result rows call by other names: AP is the KSDD2 code's trapezoid.
IN_AND_OUT_METRICS = {"AP": AP_TRAPEZOID, "precision": PRECISION, "recall": RECALL}


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


def cells(paper: str) -> pd.DataFrame:
    """Every cell of the tables of a paper, one a row.

    Raises:
        ValueError: for a paper whose cells are not listed.
    """
    from defectlab.report.published.moco import moco_cells
    from defectlab.report.published.student_teacher import student_teacher_cells

    known = {
        "diag": diag_cells,
        "in_and_out": in_and_out_cells,
        "ddpm_moco": moco_cells,
        "student_teacher": student_teacher_cells,
    }
    if paper not in known:
        raise ValueError(f"cells are listed for {', '.join(known)} so far, got {paper!r}")
    return known[paper]()


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


def in_and_out_cells() -> pd.DataFrame:
    """Every cell of In&Out's Tables 1 to 6, one a row.

    Training without added images, which the paper prints as "In&Out 0", has the method ``none``.

    Returns:
        Columns ``id``, ``table``, ``regime``, ``method`` (short name), ``n_aug`` (``NaN`` in an average and in a
        reference), ``row`` (``"count"``, ``"average"`` or ``"reference"``), ``column`` (``AP``, ``precision``,
        ``recall``), ``paper`` (mean over four seeds), ``sd`` (standard deviation; in an average the mean of the
        deviations above it) and ``source``.
    """
    return _in_and_out_cells().copy()


@cache
def _in_and_out_cells() -> pd.DataFrame:
    printed = load("in_and_out_tables1-6")
    keys = ["table", "regime", "method", "n_aug"]
    values = [
        printed[[*keys, column, f"{column}_std"]]
        .set_axis([*keys, "paper", "sd"], axis=1)
        .assign(column=column, place=range(len(printed)))
        for column in IN_AND_OUT_METRICS
    ]
    # Stable: of each printed row AP first, then precision, then recall.
    cells = pd.concat(values).sort_values("place", kind="stable").dropna(subset="paper").reset_index(drop=True)
    cells["row"] = ["count" if str(count).isdigit() else _row(count) for count in cells["n_aug"]]
    cells["n_aug"] = pd.to_numeric(cells["n_aug"], errors="coerce")
    cells["method"] = [_short(name, count) for name, count in zip(cells["method"], cells["n_aug"], strict=True)]
    cells["regime"] = cells["regime"].map(IN_AND_OUT_REGIMES)
    cells["table"] = cells["table"].astype(str)
    cells["source"] = ["mixed supervision paper" if row == "reference" else "In&Out" for row in cells["row"]]
    cells["id"] = [_in_and_out_id(cell) for cell in cells.to_dict("records")]
    return cells[["id", "table", "regime", "method", "n_aug", "row", "column", "paper", "sd", "source"]]


def in_and_out_curves(regime: str) -> pd.DataFrame:
    """Values against ``n_aug`` of In&Out: the data of its Figures 6 and 7 (zero-shot), and the same of other regimes.

    Args:
        regime: ``"zero_shot"``, ``"few_shot"`` or ``"full_shot"``.

    Returns:
        Columns ``method``, ``n_aug``, ``metric`` (as result rows spell it), ``paper`` and ``sd``, without training
        on no added image.

    Raises:
        ValueError: for another regime.
    """
    if regime not in IN_AND_OUT_REGIMES.values():
        raise ValueError(f"In&Out has the regimes {', '.join(IN_AND_OUT_REGIMES.values())}, got {regime!r}")
    cells = in_and_out_cells()
    cells = cells[(cells["regime"] == regime) & (cells["row"] == "count") & (cells["n_aug"] > 0)]
    cells = cells.assign(metric=cells["column"].map(IN_AND_OUT_METRICS), n_aug=cells["n_aug"].astype(int))
    return cells[["method", "n_aug", "metric", "paper", "sd"]].reset_index(drop=True)


def in_and_out_operating_point(method: str, regime: str, n_aug: int) -> tuple[float, float] | None:
    """Precision and recall that In&Out's Tables 1 to 6 print, ``None`` where they print none.

    Args:
        method: short name.
        regime: ``"zero_shot"``, ``"few_shot"`` or ``"full_shot"``.
        n_aug: number of synthetic positives.
    """
    cells = in_and_out_cells()
    chosen = cells[(cells["method"] == method) & (cells["regime"] == regime) & (cells["n_aug"] == n_aug)]
    if chosen.empty:
        return None
    values = chosen.set_index("column")["paper"]
    return float(values["precision"]), float(values["recall"])


def _row(count: object) -> str:
    return "average" if count == "Average" else "reference"


def _short(name: str, n_aug: float) -> str:
    if name in REFERENCE:
        return REFERENCE[name]
    return identity("none" if n_aug == 0 else SHORT_NAMES[name]).key


def _in_and_out_id(cell: Mapping[Hashable, Any]) -> str:
    place = str(int(cell["n_aug"])) if cell["row"] == "count" else cell["row"]
    return "/".join(["in_and_out", f"table{cell['table']}", cell["method"], place, cell["column"]])


def _cell_id(cell: Mapping[Hashable, Any]) -> str:
    count = [] if pd.isna(cell["n_aug"]) else [str(int(cell["n_aug"]))]
    return "/".join(["diag", f"table{cell['table']}", cell["method"], *count, cell["column"]])
