"""What the detectors of the student-teacher notebook found, to look at: maps in colour, pointing, head and features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from defectlab.experiments.categories import Units
from defectlab.experiments.localise import FULL, OF_CATEGORIES, OF_FEATURES, drawn
from defectlab.experiments.student_teacher_parameters import StudentTeacherParameters
from defectlab.files import slug
from defectlab.report.grids import GridRow
from defectlab.report.heat_maps import heat_row, hits
from defectlab.report.identity import method
from defectlab.report.student_teacher_tables import per_cent
from defectlab.report.summary import PROTOCOL, summarise
from defectlab.report.tables import ReportTable
from defectlab.runs import Run


def heat_rows(params: StudentTeacherParameters, units: Units, run: Run, n: int = 6) -> list[GridRow]:
    """Rows as in Figure 4: defective test images drawn at random, their ground truth, and the map of each method.

    Every category has its turn before one has a second: the paper's figure is of several, too.

    Args:
        params: the arms are read.
        units: the test images.
        run: keeps the maps of the first seed.
        n: columns at most.
    """
    chosen = _columns(units, n)
    samples = [units.tests[category][int(drawn(units.tests[category])[place])] for category, place in chosen]
    ids = tuple(_title(units, category, place) for category, place in chosen)
    masks = tuple(_mask_of(sample.mask, sample.image.shape[1:]) for sample in samples)
    images = tuple((s.image * 255).round().byte().permute(1, 2, 0).numpy() for s in samples)
    rows = [GridRow("Image", images, ids), GridRow("Ground truth", masks, ids)]
    for arm in params.compared:
        kept = {category: _kept(run, arm, category) for category in units.tests}
        ends = min(low for _, (low, _) in kept.values()), max(high for _, (_, high) in kept.values())
        maps = [kept[category][0][place] for category, place in chosen]
        rows.append(heat_row(method(arm).name, maps, ends, ids, method=arm))
    return rows


def pointing_table(params: StudentTeacherParameters, units: Units, run: Run) -> ReportTable:
    """In how many of the drawn images the highest score lies on the defect, by method and category."""
    lines = []
    for arm in params.arms:
        line: dict[str, object] = {"method": method(arm).name}
        for category, test in units.tests.items():
            maps, _ = _kept(run, arm, category)
            samples = [test[int(i)] for i in drawn(test)]
            masks = [_mask_of(sample.mask, sample.image.shape[1:]) for sample in samples]
            line[category] = f"{round(hits(list(maps), masks), 2):g} of {len(masks)}"
        lines.append(line)
    note = "Of several pixels that share the highest score, the share on the defect counts."
    return ReportTable(pd.DataFrame(lines), "Images, drawn at random, whose highest score lies on the defect", (note,))


def maps_table(rows: pd.DataFrame) -> ReportTable:
    """The full method by the map of its head and by that of its features (Eq. 5), of the same trainings, in per cent.

    Args:
        rows: result rows of one run; the table is empty where the method is not among them.
    """
    lines = []
    full = rows[rows["method"] == FULL]
    for title, before in (("head, as the method is scored", ""), ("features, Eq. 5", OF_FEATURES)):
        values = {name: full.loc[full["metric"] == f"{before}{name}", "value"] for name in OF_CATEGORIES}
        if all(len(value) for value in values.values()):
            ours = {PROTOCOL[name]: per_cent(summarise(value))["ours"] for name, value in values.items()}
            lines.append({"map": title, **ours})
    frame = pd.DataFrame(lines, columns=["map", *(PROTOCOL[name] for name in OF_CATEGORIES)])
    return ReportTable(
        frame, "Student-teacher: the map of its head and that of its features, one training, in per cent"
    )


def _columns(units: Units, n: int) -> list[tuple[str, int]]:
    """Categories in turn and places at random among their drawn images, in the order of the sets."""
    rng = np.random.default_rng(0)
    orders = {name: rng.permutation(len(drawn(test))).tolist() for name, test in units.tests.items()}
    names = [list(orders)[i] for i in rng.permutation(len(orders))]
    deepest = max(len(order) for order in orders.values())
    turns = [(name, orders[name][turn]) for turn in range(deepest) for name in names if turn < len(orders[name])]
    return sorted(turns[:n], key=lambda chosen: (list(orders).index(chosen[0]), chosen[1]))


def _title(units: Units, category: str, place: int) -> str:
    record = units.tests[category].records[int(drawn(units.tests[category])[place])]
    of = f"{category} " if len(units.tests) > 1 else ""
    return f"{of}{record.defect} {Path(record.id).name}"


def _kept(run: Run, arm: str, category: str) -> tuple[np.ndarray, tuple[float, float]]:
    with np.load(run.folder("maps") / f"{arm}-{slug(category)}.npz") as kept:
        return kept["maps"].astype(np.float32), (float(kept["ends"][0]), float(kept["ends"][1]))


def _mask_of(mask: object, shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(tuple(shape), bool) if mask is None else np.asarray(mask)[0]
