"""What the fine-tuning changed: samples with and without the adapter, and how close both are to the real surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from defectlab.data.base import SurfaceDataset
from defectlab.detection.embedding import embed
from defectlab.detection.weights import load_backbone
from defectlab.evaluation import frechet_distance
from defectlab.experiments.arms import Maker
from defectlab.experiments.contents import contents
from defectlab.experiments.detect import classifier_config
from defectlab.experiments.fidelity import STRIDES
from defectlab.experiments.fine_tuning import instances
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.experiments.kept import Kept
from defectlab.experiments.splits import Splits
from defectlab.report.grids import GridRow, draw_row
from defectlab.report.tables import ReportTable
from defectlab.runs import Run
from defectlab.synthesis.fine_tuned import FineTuned

ROOMS = (
    "data",
    "detection",
    "evaluation",
    "experiments/closeness",
    "experiments/detect",
    "experiments/fidelity",
    "experiments/splits",
)
"""Code that the distances depend on; images count with their contents."""
SAMPLES = 24
"""Images made without the adapter, at most."""
COLUMNS = ["images", *(f"stride {stride}" for stride in STRIDES), "seed"]


@dataclass(frozen=True)
class Change:
    """Images on both sides of one fine-tuning.

    Attributes:
        reference: held-out real images of the kind that was fine-tuned on: normal in zero-shot, else defective.
        learnt: real images that were fine-tuned on.
        before: samples without the adapter.
        after: samples with it, of the same words and the same noise: the first of the set that is trained on.
    """

    reference: SurfaceDataset
    learnt: SurfaceDataset
    before: SurfaceDataset
    after: SurfaceDataset

    def named(self) -> dict[str, SurfaceDataset]:
        """What is compared with the reference, by its name in tables and figures."""
        return {"before fine-tuning": self.before, "after fine-tuning": self.after, "real, learnt from": self.learnt}


def changes(
    params: InAndOutParameters, splits: Splits, makers: Mapping[str, Maker], run: Run, folder: Path | None = None
) -> dict[int, Change]:
    """Samples before and after the fine-tuning of the first seed; none where no method asks for one.

    Those before serve no training, and each costs what a synthetic image costs: hence one seed.

    Args:
        params: regime, counts and seeds are read.
        splits: the real images.
        makers: of `defectlab.experiments.arms.make_synthesizers`.
        run: keeps the images.
        folder: keeps them in place of the run; see `defectlab.experiments.arms.synthesise`.
    """
    root = folder or run.folder("synthetic")
    n = min(SAMPLES, max(2, params.n_aug // 2))
    zero_shot = params.regime == "zero_shot"
    reference = splits.validation.subset(normal=zero_shot, defective=not zero_shot)
    found = {}
    for seed in params.seeds[:1] if "ddpm" in makers else []:
        after = makers["ddpm"](seed, root)
        before = _untuned(after)
        sets = [model.synthesize(splits.normals, n, seed) for model in (before, after)]
        found[seed] = Change(reference, instances(params, splits, seed), *sets)
    return found


def closeness(params: InAndOutParameters, found: Mapping[int, Change], run: Run) -> pd.DataFrame:
    """Fréchet distances to the held-out real images, on two feature maps of the classifier's backbone.

    The distance of the images that were learnt from is the floor: what real images of the same surface have. A seed
    with fewer than two images on a side has no row.

    Returns:
        One line a seed and set of images; lower is closer.
    """
    sets = {f"{seed}/{name}": contents(part) for seed, item in found.items() for name, part in item.named().items()}
    references = {str(seed): contents(item.reference) for seed, item in found.items()}
    features = load_backbone(classifier_config(params, 0))[2].sha256
    inputs = {"size": params.size, "features": features, **sets, **references}
    return run.table("closeness", lambda: _distances(params, found), inputs, ROOMS)


def closeness_table(params: InAndOutParameters, found: Mapping[int, Change], run: Run) -> ReportTable:
    """The distances of `closeness`, to be read."""
    frame = closeness(params, found, run)
    for name in COLUMNS[1:-1]:
        frame[name] = [f"{value:.3g}" for value in frame[name]]
    kind = "normal" if params.regime == "zero_shot" else "defective"
    held_out = sorted({len(item.reference) for item in found.values()})
    count = " or ".join(map(str, held_out)) or "no"
    features = Path(classifier_config(params, 0).weights).stem
    caption = f"Fréchet distance to {count} held-out {kind} images on {features} features; lower is closer"
    return ReportTable(frame, caption)


def change_rows(found: Mapping[int, Change], n: int = 8, seed: int = 0) -> list[GridRow]:
    """Rows of images of the first seed: held-out real ones, then the same draws without and with the adapter."""
    first = next(iter(found.values()))
    rows = [draw_row(first.reference, "Real, held out", n, seed)] if len(first.reference) else []
    rows.append(draw_row(first.before, "Before", n, seed))
    return [*rows, draw_row(first.after, "After", n, seed, method="ddpm")]


def _untuned(kept: object) -> Kept:
    """The model of an arm without its adapter, its images kept beside those with it."""
    assert isinstance(kept, Kept) and isinstance(kept.synthesizer, FineTuned)  # what the maker of ddpm gives
    model = kept.synthesizer
    sampling = replace(model.sampling, merge_ratio=0.0)
    bare = FineTuned(model.pipeline, model.settings, sampling, model.folder, model.device)
    bare.adapter = model.adapter  # merged with ratio 0: the model as it was
    return Kept(bare, kept.folder.with_name(f"{kept.folder.name}-before"))


def _distances(params: InAndOutParameters, found: Mapping[int, Change]) -> pd.DataFrame:
    config, lines = classifier_config(params, 0), []
    for seed, item in found.items():
        if len(item.reference) < 2:
            continue
        targets = [embed(item.reference, config, stride, params.device) for stride in STRIDES]
        for name, part in item.named().items():
            if len(part) > 1:
                features = [embed(part, config, stride, params.device) for stride in STRIDES]
                values = [frechet_distance(*pair).distance for pair in zip(targets, features, strict=True)]
                lines.append([f"{name} ({len(part)})", *values, seed])
    return pd.DataFrame(lines, columns=COLUMNS)
