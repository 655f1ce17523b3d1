"""Printed tables of images, not of detectors: DIAG's Table III and DDPM-MoCo's Table 1."""

from __future__ import annotations

import pandas as pd

from defectlab.report import published
from defectlab.report.contrastive_setting import shown_class
from defectlab.report.identity import method
from defectlab.report.published.moco import moco_cells
from defectlab.report.summary import protocol
from defectlab.report.tables import ReportTable


def published_fidelity() -> ReportTable:
    """DIAG's Table III as printed."""
    cells = published.diag_cells()
    wide = cells[cells["table"] == "III"].pivot_table(index="method", columns="column", values="paper", sort=False)
    frame = wide.map("{:.3f}".format).reset_index().rename_axis(columns=None)
    frame["method"] = [method(key).name for key in frame["method"]]
    note = "Fréchet distances of Inception features at two layers, of 64 and 192 numbers; lower is nearer."
    return ReportTable(frame, "Table III of the paper, as printed", (note,))


def published_generation() -> ReportTable:
    """DDPM-MoCo's Table 1 as printed, one line a metric."""
    cells = moco_cells()
    lines: dict[str, dict[str, str]] = {}
    for cell in cells[cells["table"] == "1"].to_dict("records"):
        stem, name = str(cell["column"]).rsplit("_", 1)
        lines.setdefault(stem, {"metric": protocol(stem)})[shown_class(name)] = f"{cell['paper']:.2f}"
    note = "The paper prints no value for the smooth class; an Inception score has no unit, a lower FID is nearer."
    return ReportTable(pd.DataFrame(lines.values()).fillna("–"), "Table 1 of the paper, as printed", (note,))
