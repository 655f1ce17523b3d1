"""Tables 1 and 2 of DDPM-MoCo: the paper's value beside ours, and what the paper's tables lack below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from defectlab.data.base import GOOD
from defectlab.evaluation.seeds import SeedSummary
from defectlab.report.cells import OURS_NOTE, our_cells, rows_of_one_run, smoke_note, where
from defectlab.report.compared import IMAGES, basis, basis_in_words, basis_notes
from defectlab.report.contrastive_setting import (
    BACKBONES,
    MAP_STEP,
    ContrastiveSetting,
    ap_of,
    classes_in,
    settings_in,
    shown_class,
    values_of,
)
from defectlab.report.identity import in_order, method
from defectlab.report.published import load
from defectlab.report.published.moco import CLASSES, TABLE_2_METHODS, moco_cells
from defectlab.report.rules import RULES_NOTE
from defectlab.report.summary import protocol, summarise
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import evidence, of_cell

_STEMS = ("fid", "inception_score", "frechet", "kid", "kernel")
"""Metrics of Table 1: the paper's two, and distances that it does not print."""

_TABLE_1_NOTE = (
    "The paper prints no value for the smooth class and states neither the number nor the size of the images; with at "
    "most 400 real images a class, an FID of about 2 would be extraordinary, and an Inception score of about 9 exceeds "
    "the number of classes, so that it has to be that of ImageNet's."
)
_TABLE_2_NOTE = (
    "AP: each class against the rest. The paper gives per cent, one run, without a definition of AP; two of its six "
    "means are not those of their row: the mean of the row is compared, what is printed stands in brackets. Chance is "
    "the share of the class."
)
_STEPS_NOTE = (
    "Steps: of the training of the backbone here. Epochs are equal, so that the fewer images of one kind of data have "
    "fewer steps: rows of different data differ in both."
)


def generation_table(rows: pd.DataFrame) -> ReportTable:
    """Table 1: FID and Inception score of the images that diffusion makes of each class, the paper's value beside ours.

    Args:
        rows: result rows of one data set and one profile: metrics ``fid_<class>``, ``inception_score_<class>``, and
            ``frechet_<class>``, ``kid_<class>`` and ``kernel_<class>``, which stand below without a value of the paper,
            as do classes that the paper's table lacks; other generators are in `contrastive_tables.generators_table`.

    Raises:
        ValueError: without rows, or if they mix data sets or profiles.
    """
    rows = rows_of_one_run(rows)
    cells = moco_cells()
    cells = cells[cells["table"] == "1"]
    printed = cells.set_index("column")["paper"].to_dict()
    columns = list(cells["column"])
    found = [name for name in set(rows["metric"]) if _split(name)[0] and name not in printed]
    columns += sorted(found, key=_place)
    lines = [
        _line_1(rows, column, printed.get(column))
        for column in columns
        if column in printed or len(values_of(rows, "ddpm", column))
    ]
    caption = f"DDPM-MoCo, Table 1: the paper on its aluminium plates, here on {where(rows)}"
    own = rows[rows["method"] == "ddpm"]
    notes = _notes(rows, _TABLE_1_NOTE, *basis_notes(own))
    return ReportTable(pd.DataFrame(lines), f"{caption}{basis_in_words(basis(own) | {IMAGES: ()})}", notes)


def average_precision_table(
    rows: pd.DataFrame, setting: ContrastiveSetting | str | None = None, steps: Mapping[str, int] | None = None
) -> ReportTable:
    """Table 2: AP of each class and their mean, the paper's value beside ours.

    Transformers stand beside the paper's ViT-B/16, convolutional networks beside its ResNet-50. Methods that the paper
    lacks (an untrained and a supervised backbone, the literal Eq. 7, the original loss on original data) stand below.

    Args:
        rows: result rows of one data set and one profile, ``regime`` as `ContrastiveSetting.regime` has it.
        setting: which batches, BatchNorm and test images to show, where the rows have several; its backbone is not
            read, all are shown.
        steps: of the training of the backbone, by method, to be shown beside it: kinds of data differ in them where
            they differ in the number of their images.

    Raises:
        ValueError: if the rows mix data sets or profiles, have no setting, or several and none is chosen.
    """
    rows = rows_of_one_run(rows)
    chosen = _chosen(rows, setting)
    own = rows[rows["regime"].isin([s.regime for s in chosen])]
    cells = moco_cells()
    cells = cells[cells["table"] == "2"]
    others = [identity.key for identity in in_order(set(own["method"]) - set(TABLE_2_METHODS.values()))]
    lines = [
        line
        for key in [*TABLE_2_METHODS.values(), *others]
        for family in BACKBONES
        for line in _lines_2(key, family, [s for s in chosen if s.family == family], own, cells, steps or {})
    ]
    caption = f"DDPM-MoCo, Table 2: the paper on its aluminium plates, here on {where(rows)}; {chosen[0].words}"
    tested = () if chosen[0].test_on == "real" else ("The test images are generated, as in the paper.",)
    trained = {count for key, count in (steps or {}).items() if count and key in set(own["method"])}
    unequal = (_STEPS_NOTE,) if len(trained) > 1 else ()
    caption += "; equal epochs, unequal steps" if unequal else ""
    return ReportTable(pd.DataFrame(lines), caption, _notes(own, _TABLE_2_NOTE, *unequal, *tested))


def published_precision_table() -> ReportTable:
    """Table 2 as printed, one line a setting and backbone, with the mean of the row beside the printed one."""
    lines = []
    for row in load("ddpm_moco_table2_ap").to_dict("records"):
        cells = {name: f"{row[f'{name}_AP']:.2f}" for name in CLASSES}
        means = {"mean, printed": f"{row['mAP_stated']:.2f}", "mean of the row": f"{row['mAP_recomputed']:.2f}"}
        place = {"row": row["setting"], "here": method(TABLE_2_METHODS[row["setting"]]).name}
        lines.append({**place, "backbone": row["backbone"], **cells, **means})
    notes = (
        "Per cent. A-D and O-D: augmented and original data; O-L and I-L: original and improved loss; R-50: ResNet-50; "
        "V-16: ViT-B/16. One cell is printed as 65.53n and read as 65.53.",
    )
    return ReportTable(pd.DataFrame(lines), "Table 2 of the paper, as printed", notes)


def _line_1(rows: pd.DataFrame, column: str, paper: float | None) -> dict[str, object]:
    stem, name = _split(column)
    ours = values_of(rows, "ddpm", column)
    counts = values_of(rows, "ddpm", IMAGES if name == "all" else f"{IMAGES}_{name}")
    here = ", ".join(str(int(n)) for n in sorted(set(counts))) if len(ours) else ""
    place = {"class": shown_class(name), "images a side": here or "–"}
    return {**place, "metric": protocol(stem), **_paper_and_ours(rows, paper, ours, 2, column)}


def _split(column: str) -> tuple[str, str]:
    """Metric and class of a column of Table 1, ``"all"`` for all classes together; empty where it belongs elsewhere."""
    stem = next((name for name in _STEMS if column == name or column.startswith(f"{name}_")), "")
    return stem, column.removeprefix(stem).lstrip("_") or "all"


def _place(column: str) -> tuple[int, bool, bool, str]:
    """Order of a column: the paper's metrics first; defects, then normal images, then all together."""
    stem, name = _split(column)
    return _STEMS.index(stem), name == "all", name == GOOD, name


def _lines_2(
    key: str,
    family: str,
    chosen: Sequence[ContrastiveSetting],
    own: pd.DataFrame,
    cells: pd.DataFrame,
    steps: Mapping[str, int],
) -> Iterator[dict[str, object]]:
    """Lines of one row and column of the paper, one a backbone of ours and class."""
    cells = cells[(cells["method"] == key) & (cells["regime"] == family)]
    printed = dict(zip(cells["column"], cells["paper"].astype(float), strict=True))
    ran = [s for s in chosen if len(own[(own["method"] == key) & (own["regime"] == s.regime)])]
    classes = classes_in(own["metric"]) or list(CLASSES.values())
    shown: list[ContrastiveSetting | None] = [*ran] or ([None] if printed else [])
    for s in shown:
        rows = own[own["regime"] == s.regime] if s else own[:0]
        place = {"method": method(key).name, "backbone, paper": family, "backbone, here": s.backbone if s else "–"}
        if steps:
            place["steps"] = f"{steps[key]:,}" if s and key in steps else "–"
        for column in [*map(ap_of, classes), MAP_STEP]:
            ours = values_of(rows, key, column)
            if column in printed or len(ours):
                name = "mean" if column == MAP_STEP else shown_class(column.removeprefix("ap_step_"))
                line = _paper_and_ours(own, printed.get(column), ours, 3, column)
                if column == MAP_STEP and printed:
                    line["paper"] = _mean_and_stated(printed)
                yield {**place, "class": name, **line}


def _mean_and_stated(printed: dict[str, float]) -> str:
    """Mean of the printed row, with the printed mean in brackets where it is another."""
    mean, stated = printed[MAP_STEP], printed["map_stated"]
    return f"{mean:.3f}" if abs(mean - stated) < 0.001 else f"{mean:.3f} (printed: {stated:.3f})"


def _paper_and_ours(
    rows: pd.DataFrame, paper: float | None, ours: pd.Series, digits: int, metric: str
) -> dict[str, object]:
    """Cells of a line from the paper's value on."""
    summary: SeedSummary | None = summarise(ours) if len(ours) else None
    judged = summary if len(evidence(rows)) else None
    # The paper's images are private: no data of ours are the same.
    said = "–" if paper is None else of_cell(paper, judged, comparable=False).marked
    return {"verdict": said, "paper": "–" if paper is None else f"{paper:.{digits}f}", **our_cells(summary, metric)}


def _chosen(rows: pd.DataFrame, setting: ContrastiveSetting | str | None) -> list[ContrastiveSetting]:
    """Settings of the rows that agree with the one asked for in all but the backbone."""
    there = settings_in(rows)
    wanted = ContrastiveSetting.parse(setting) if isinstance(setting, str) else setting
    words = {s.words for s in there} if wanted is None else {wanted.words}
    chosen = [s for s in there if s.words in words]
    if not chosen or len(words) > 1:
        listed = "; ".join(sorted({s.words for s in there})) or "none"
        raise ValueError(f"one table shows one setting; the rows have: {listed}. Choose one with setting=")
    return chosen


def _notes(rows: pd.DataFrame, *protocol_notes: str) -> tuple[str, ...]:
    private = f"Here: {where(rows)}; the paper's images are private, so no absolute value is comparable, and the "
    private += "verdicts on the claims concern orderings."
    return (*protocol_notes, OURS_NOTE, RULES_NOTE, private, *smoke_note(rows))
