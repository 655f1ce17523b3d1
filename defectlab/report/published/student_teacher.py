"""Every cell of the student-teacher paper's Tables 1 to 6, with whose number it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pandas as pd

from defectlab.report.identity import method as identity
from defectlab.report.published import load

COLUMNS = ("I-AUROC", "P-AUROC", "AUPRO")
"""Metrics as the tables name them; Table 6 prints AUPRO as "PRO"."""

SHORT_NAMES = {
    "SimpleNet": "simplenet",
    "RealNet": "realnet",
    "CFLOW-AD": "cflow",
    "PyramidalAD": "pyramidflow",
    "PyramidalFlow": "pyramidflow",
    "DiAD": "diad",
    "UniAD": "uniad",
    "DeSTSeg": "destseg",
    "Ours": "student_teacher",
    "Ours (Full)": "student_teacher",
    "w/o Decoder": "wo_decoder",
    "w/o Cosine Loss": "wo_cosine",
    "w/o Seg Head": "wo_seg",
    "w/o Focal Loss": "wo_focal",
}
"""Names that the tables print, and the short names of this project; "PyramidalAD" is PyramidFlow."""

OWN = "the paper's own; setting and resolution not stated"
BENCHMARK = "equals ADer's log: one model for all categories, 256 x 256, 100 epochs"
NO_LOG = "equals ADer's table: one model for all categories, 256 x 256"
NOT_COMPARED = "origin not compared: ADer published no log of it"
DIFFERS = "ADer's log has"
"""What is said of a cell's origin, found by comparing the tables with the public ADer benchmark as of January 2025."""

AVERAGE = "Average"
_TABLES = {
    "1": ("student_teacher_table1_image_auroc", "mvtec", "I-AUROC"),
    "2": ("student_teacher_table2_pixel_auroc", "mvtec", "P-AUROC"),
    "3": ("student_teacher_table3_aupro", "mvtec", "AUPRO"),
}


def student_teacher_cells() -> pd.DataFrame:
    """Every cell of Tables 1 to 6, one a row; what the paper prints in per cent stands here as a share.

    Returns:
        Columns ``id``, ``table``, ``dataset`` (``mvtec``, ``visa`` or ``mpdd``), ``row`` (category as printed, or
        ``"Average"``, which is all that Tables 4 to 6 have), ``method`` (short name), ``column``
        (of `COLUMNS`), ``paper`` in [0, 1], ``source`` (whose number it is) and ``benchmark`` (the value of the
        benchmark's log in [0, 1] where it is another, else ``NaN``).
    """
    return _cells().copy()


def category_of_row(row: str) -> str:
    """Category of MVTec AD as its folders are named: ``"metal_nut"`` for ``"MetalNut"``."""
    return {"MetalNut": "metal_nut"}.get(row, row.lower())


@cache
def _cells() -> pd.DataFrame:
    parts = [_by_category(table, *about) for table, about in _TABLES.items()]
    parts += [_by_metric("4", load("student_teacher_table4_visa"), "visa")]
    parts += [_by_metric("5", load("student_teacher_table5_mpdd"), "mpdd")]
    ablation = load("student_teacher_table6_ablation").rename(columns={"PRO": "AUPRO"})
    parts += [_by_metric("6", ablation.drop(columns=["decoder", "cosine", "seg", "focal"]), "mvtec")]
    cells = pd.concat(parts, ignore_index=True)
    differing = _differing()
    keys = list(zip(cells["table"], cells["row"], cells["printed"], cells["column"], strict=True))
    cells["benchmark"] = [differing.get(key, float("nan")) for key in keys]
    cells["paper"] = (cells["paper"] / 100).round(4)  # printed in per cent with one decimal
    cells["method"] = [identity(SHORT_NAMES[name]).key for name in cells["printed"]]
    cells["source"] = [_source(cell) for cell in cells.to_dict("records")]
    cells["id"] = "student_teacher/table" + cells[["table", "method", "row", "column"]].agg("/".join, axis=1)
    return cells[["id", "table", "dataset", "row", "method", "column", "paper", "source", "benchmark"]]


def _by_category(table: str, name: str, dataset: str, column: str) -> pd.DataFrame:
    long = load(name).melt(id_vars="category", var_name="printed", value_name="paper")
    return long.rename(columns={"category": "row"}).assign(table=table, dataset=dataset, column=column)


def _by_metric(table: str, wide: pd.DataFrame, dataset: str) -> pd.DataFrame:
    wide = wide.rename(columns={wide.columns[0]: "printed"})
    long = wide.melt(id_vars="printed", var_name="column", value_name="paper")
    return long.assign(table=table, dataset=dataset, row=AVERAGE)


def _differing() -> dict[tuple[str, str, str, str], float]:
    """Cells whose value is not that of the benchmark's log, with the log's value as a share."""
    lines = load("student_teacher_benchmark_cells").to_dict("records")
    return {(str(c["table"]), c["row"], c["method"], c["column"]): c["benchmark"] / 100 for c in lines}


def _source(cell: Mapping[object, object]) -> str:
    if cell["method"] == "student_teacher" or cell["table"] == "6":
        return OWN
    benchmark = float(str(cell["benchmark"]))
    if benchmark == benchmark:
        return f"{DIFFERS} {100 * benchmark:.1f} here"
    if cell["method"] != "diad":
        return BENCHMARK
    return NO_LOG if cell["table"] in ("4", "5") else NOT_COMPARED
