"""Does it carry over: defects made on one surface, normal images of it or of another, tests on all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
import torch

from defectlab.data import load_dataset
from defectlab.data.base import SurfaceDataset
from defectlab.data.surfaces import PRESETS
from defectlab.detection.frozen_heads import FrozenHeads, join
from defectlab.detection.inputs import Inputs
from defectlab.detection.mixtures import NORMAL, SYNTHETIC
from defectlab.evaluation import auroc
from defectlab.experiments.helping_bench import ROOMS, make_heads, stages
from defectlab.experiments.helping_parameters import HelpingParameters
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable
from defectlab.runs import Run
from defectlab.synthesis.memseg import MemSeg
from defectlab.synthesis.textures import texture_source

PRESET = "anomaly"
SURFACES = PRESETS[PRESET].categories
WHOLE, CROSSED = "both from it", "defects from it, normals from the tested surface"
READINGS = (WHOLE, CROSSED)


def transfer(params: HelpingParameters, run: Run) -> pd.DataFrame:
    """AUROC on every surface after training with MemSeg's defects on every surface.

    The surfaces are the materials of the embedded preset ``anomaly``: equal numbers of images, equal kinds of defects,
    another material. No real defect is trained on.

    Args:
        params: ``n_transfer``, ``total``, seeds, textures, steps and profile are read.
        run: keeps the table.

    Returns:
        Columns ``reading, defects, tested, seed, AUROC``. In the second reading normal images come from the tested
        surface, so that its diagonal is that of the first.
    """
    inputs = {"preset": PRESET, "side": _side(params)}
    return run.table("transfer", partial(_frame, params), inputs, (*ROOMS, "synthesis"))


def transfer_table(crossed: pd.DataFrame) -> ReportTable:
    """A line a surface and reading, a column a tested surface: mean over seeds and standard deviation."""
    lines = []
    for reading in READINGS:
        for source in SURFACES:
            rows = crossed[(crossed["reading"] == reading) & (crossed["defects"] == source)]
            cells = {tested: _cell(rows[rows["tested"] == tested]["AUROC"], tested == source) for tested in SURFACES}
            lines.append({"training": reading, "surface": source, **{f"tested on {k}": v for k, v in cells.items()}})
    notes = (
        f"AUROC on real defects, mean over seeds and standard deviation; defects by {method('memseg').name}. "
        "Brackets: tested on the surface of training.",
        "Embedded surfaces whatever `dataset` says: equal numbers of images and equal kinds of defects on each.",
    )
    return ReportTable(pd.DataFrame(lines), "Synthetic defects of one surface, real defects of another", notes)


def _frame(params: HelpingParameters) -> pd.DataFrame:
    return pd.DataFrame(list(_rows(params)))


def _rows(params: HelpingParameters) -> Iterator[dict[str, Any]]:
    side = _side(params)
    heads = make_heads(params, (side, side))
    normals = {name: _surface(name, "train", params, side) for name in SURFACES}
    tests = {name: _surface(name, "test", params, side) for name in SURFACES}
    clean = {name: heads.features(part) for name, part in normals.items()}
    seen = {name: heads.features(part) for name, part in tests.items()}
    for seed in params.seeds or []:
        made = {name: _defects(params, heads, normals[name], seed) for name in SURFACES}
        for source in SURFACES:
            whole = _train(params, heads, clean[source], made[source], seed)
            for tested in SURFACES:
                crossed = whole if tested == source else _train(params, heads, clean[tested], made[source], seed)
                for reading, trained in zip(READINGS, (whole, crossed), strict=True):
                    value = auroc(tests[tested].labels, heads.logits(trained, seen[tested]))
                    yield {"reading": reading, "defects": source, "tested": tested, "seed": seed, "AUROC": value}


def _surface(name: str, split: str, params: HelpingParameters, side: int) -> SurfaceDataset:
    scale = (params.n_transfer or 8) / PRESETS[PRESET].counts["train"][0]
    return load_dataset("surfaces", split, size=(side, side), preset=PRESET, category=name, scale=scale)


def _defects(params: HelpingParameters, heads: FrozenHeads, normals: SurfaceDataset, seed: int) -> Inputs:
    made = MemSeg(textures=texture_source(params.textures)).synthesize(normals, 2 * (params.total or 4), seed)
    return heads.features(made)


def _train(
    params: HelpingParameters, heads: FrozenHeads, clean: Inputs, made: Inputs, seed: int
) -> torch.nn.Sequential:
    kinds = torch.tensor([NORMAL] * len(clean.labels) + [SYNTHETIC] * len(made.labels))
    return heads.train(join([clean, made]), kinds, stages(params), seed)


def _side(params: HelpingParameters) -> int:
    return 32 if params.profile == "smoke" else PRESETS[PRESET].size[0]


def _cell(values: pd.Series, same: bool) -> str:
    text = f"{values.mean():.3f} ± {values.std():.3f}"
    return f"[{text}]" if same else text
