"""From the run store of the comparison to what the report draws: images of the same surfaces, intervals, provenance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from defectlab.evaluation import average_precision, bootstrap_interval
from defectlab.experiments.arms import Maker
from defectlab.experiments.comparison import Cell
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.experiments.kept import Kept
from defectlab.experiments.splits import Splits
from defectlab.report.comparison_setting import REFERENCE, WITHOUT_MASKS, detector_title
from defectlab.report.grids import GridRow
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable
from defectlab.runs import Run


def same_surfaces(
    params: ComparisonParameters, splits: Splits, makers: Mapping[str, Maker], run: Run, n: int = 5, seed: int = 0
) -> list[GridRow]:
    """Rows of images: normal surfaces drawn at random, and what each synthesizer makes of these very ones.

    Each is asked for one defect on one surface. In&Out is left out, whose images are those of DDPM and MemSeg. Masks
    are outlined; DDPM looks at no surface, so its row shows other ones.

    Args:
        params: the synthesizers and the first seed are read.
        splits: normal images.
        makers: of `comparison_parts.make_synthesizers`.
        run: keeps the images.
        n: surfaces.
        seed: of the draw.
    """
    normals = splits.normals
    chosen = [int(i) for i in np.sort(np.random.default_rng(seed).permutation(len(normals))[:n])]
    samples = [normals[i] for i in chosen]
    pixels = tuple((s.image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy() for s in samples)
    ids = tuple(normals.records[i].id for i in chosen)
    rows = [GridRow("Normal surface", pixels, ids)]
    for name in [name for name in params.compared if name not in ("none", "in_and_out")]:
        kept = makers[name]((params.seeds or [0])[0], run.folder("synthetic"))
        maker = kept.synthesizer if isinstance(kept, Kept) else kept
        made = [
            maker.synthesize(normals.subset(indices=[i]), 1, seed + place, run.folder("shown") / f"{name}-{seed}-{i}")
            for place, i in enumerate(chosen)
        ]
        items = [part.items[0] for part in made]
        label = "other surfaces" if name in WITHOUT_MASKS else ""
        outlines = () if name in WITHOUT_MASKS else tuple(item.mask for item in items)
        title = method(name).name + (f", {label}" if label else "")
        rows.append(GridRow(title, tuple(item.image for item in items), ids, name, outlines))
    return rows


def image_differences(params: ComparisonParameters, run: Run, n_resamples: int = 500) -> ReportTable:
    """Difference in AP to MemSeg within each detector, mean over seeds, with an interval over *test images*.

    The same resampled images, whole groups, serve both sides and all seeds: the paired bootstrap. It answers "what if
    other surfaces had been tested", which the interval over seeds does not.

    Args:
        params: cells and seeds are read.
        run: where the scores are.
        n_resamples: of the bootstrap, at least 100.
    """
    lines = []
    for synthesizer, detector in params.cells:
        if synthesizer in (REFERENCE, "none") or (REFERENCE, detector) not in params.cells:
            continue
        ours, labels, groups = _scores(params, run, synthesizer, detector)
        theirs, _, _ = _scores(params, run, REFERENCE, detector)

        def gap(drawn: np.ndarray, positions: np.ndarray, a: np.ndarray = ours, b: np.ndarray = theirs) -> float:
            at = positions.astype(int)
            return float(
                np.mean(
                    [
                        average_precision(drawn, x[at]) - average_precision(drawn, y[at])
                        for x, y in zip(a, b, strict=True)
                    ]
                )
            )

        # positions take the place of scores, so that one draw of images serves both sides and all seeds
        found = bootstrap_interval(gap, labels, np.arange(len(labels)), groups=groups, n_resamples=n_resamples)
        lines.append(
            {
                "detector": detector_title(detector),
                "difference": f"{method(synthesizer).name} - {method(REFERENCE).name}",
                "mean": f"{found.value:+z.3f}",
                "95 % over test images": f"{found.low:+z.3f} to {found.high:+z.3f}",
                "excludes zero": "yes" if found.sign else "no",
            }
        )
    columns = ["detector", "difference", "mean", "95 % over test images", "excludes zero"]
    note = "Paired bootstrap: the same resampled groups of test images for both sides and all seeds."
    return ReportTable(pd.DataFrame(lines, columns=columns), "Differences in image AP on other test images", (note,))


def _scores(
    params: ComparisonParameters, run: Run, synthesizer: str, detector: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores ``(seeds, images)``, labels and groups of a cell."""
    tables = [run.read_table(f"scores-{Cell(synthesizer, detector, seed).name}") for seed in params.seeds or []]
    groups = tables[0]["group"].fillna("").astype(str).to_numpy()
    names = np.where(groups == "", tables[0]["id"].astype(str).to_numpy(), groups)
    return np.stack([table["score"].to_numpy() for table in tables]), tables[0]["label"].to_numpy(), names
