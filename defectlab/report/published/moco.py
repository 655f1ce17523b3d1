"""Cells of DDPM-MoCo's tables and figures; AP as shares of one, as result rows have it."""

from __future__ import annotations

from functools import cache

import pandas as pd

from defectlab.report.published import load

#: Rows of Table 2 and the short names of this project.
TABLE_2_METHODS = {
    "A-D/O-L": "moco_original",
    "A-D/I-L": "moco_improved",
    "O-D/I-L": "moco_improved_original_data",
}

#: Classes as printed, and as result rows call them.
CLASSES = {"corrosion": "corrosion", "dent": "dent", "scratch": "scratch", "smooth": "good"}

_LOSSES = {"original": "moco_original", "improved": "moco_improved"}


def moco_cells() -> pd.DataFrame:
    """Every cell of DDPM-MoCo's Tables 1 and 2, one a row.

    Returns:
        Columns ``id``, ``table``, ``regime`` (``"R-50"`` or ``"V-16"``, empty in Table 1), ``method`` (short name; of
        Table 1 ``ddpm``), ``n_aug`` (missing: what was run is told by the method), ``column`` (the metric as result
        rows name it; ``map_stated`` is the mean as printed, ``map_step`` the mean of the printed row) and ``paper``.
    """
    return _moco_cells().copy()


@cache
def _moco_cells() -> pd.DataFrame:
    lines = [*_table_1(), *_table_2()]
    cells = pd.DataFrame(lines, columns=["table", "regime", "method", "column", "paper"])
    parts = zip(cells["table"], cells["method"], cells["regime"], cells["column"], strict=True)
    cells["id"] = ["/".join(filter(None, ["ddpm_moco", f"table{t}", m, r, c])) for t, m, r, c in parts]
    return cells.assign(n_aug=float("nan"))[["id", "table", "regime", "method", "n_aug", "column", "paper"]]


def _table_1() -> list[tuple[str, str, str, str, float]]:
    return [
        ("1", "", "ddpm", f"{metric}_{name}", float(row[name]))
        for row, metric in zip(
            load("ddpm_moco_table1_fid_is").to_dict("records"), ("fid", "inception_score"), strict=True
        )
        for name in row
        if name in CLASSES
    ]


def _table_2() -> list[tuple[str, str, str, str, float]]:
    columns = {f"{printed}_AP": f"ap_step_{name}" for printed, name in CLASSES.items()}
    columns |= {"mAP_stated": "map_stated", "mAP_recomputed": "map_step"}
    return [
        ("2", str(row["backbone"]), TABLE_2_METHODS[row["setting"]], column, round(float(row[printed]) / 100, 6))
        for row in load("ddpm_moco_table2_ap").to_dict("records")
        for printed, column in columns.items()
    ]


def moco_figure_ap(backbone: str, method: str, name: str) -> float | None:
    """AP of a class in the text on Figures 5 to 8, ``None`` where the paper draws none.

    Args:
        backbone: ``"R-50"`` or ``"V-16"``.
        method: short name.
        name: class, as result rows call it.
    """
    figures = load("ddpm_moco_figs5-8_pr_ap")
    chosen = figures[(figures["backbone"] == backbone) & (figures["loss"].map(_LOSSES) == method)]
    printed = {own: shown for shown, own in CLASSES.items()}
    return None if chosen.empty or name not in printed else float(chosen.iloc[0][printed[name]])
