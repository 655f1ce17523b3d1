"""Every synthesizer x every detector on the same surfaces: trained, scored and stored, a cell at a time.

All cells of a seed share the real images, the number of synthetic ones and the settings of the detector, so that
differences between synthesizers are paired; the real test images are the same for all.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from defectlab.data.base import SurfaceDataset
from defectlab.detection.base import Scores
from defectlab.evaluation import auroc, average_precision, localisation_metrics
from defectlab.experiments.arms import Maker
from defectlab.experiments.comparison_images import Made, synthesise_all
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.experiments.comparison_parts import make_detector, training_set
from defectlab.experiments.contents import contents
from defectlab.experiments.splits import Splits
from defectlab.files import fingerprint, slug
from defectlab.provenance import source_hash
from defectlab.report.comparison_setting import DETECTOR_SECONDS, OWN_AUROC, SYNTHESIS_SECONDS, cell_name
from defectlab.results import Result
from defectlab.runs import Run

ROOMS = (
    "data",
    "detection",
    "evaluation",
    "experiments/comparison",
    "experiments/detect",
    "experiments/detector_settings",
    "experiments/localise",
    "experiments/network_sizes",
    "experiments/splits",
)
"""Code that a training depends on; synthetic images count with their pixels, so `synthesis` is not among it."""


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        synthesizer: short name.
        detector: short name.
        seed: of images and training.
    """

    synthesizer: str
    detector: str
    seed: int

    @property
    def method(self) -> str:
        """As result rows have it, such as ``memseg/classifier``."""
        return cell_name(self.synthesizer, self.detector)

    @property
    def name(self) -> str:
        """Unique in a run, fit for a file."""
        return f"{slug(self.method)}-{self.seed}"


Say = Callable[[Cell, list[Result], bool], object]


def compare(
    params: ComparisonParameters,
    splits: Splits,
    makers: Mapping[str, Maker],
    run: Run,
    say: Say = lambda cell, rows, fresh: None,
) -> pd.DataFrame:
    """Results of all cells, one seed after the other; what is stored already is not trained again.

    Args:
        params: cells and seeds are read.
        splits: real images, of `comparison_parts.load`.
        makers: of `comparison_parts.make_synthesizers`.
        run: keeps images, scores and rows.
        say: told of each cell, its rows, and whether it was trained now.

    Returns:
        Rows of the run store, one a metric value.
    """
    for name, seed, made in synthesise_all(params, splits, makers, run):
        for detector in [detector for synthesizer, detector in params.cells if synthesizer == name]:
            cell = Cell(name, detector, seed)
            rows, fresh = train_and_score(params, splits, made, run, cell)
            say(cell, rows, fresh)
    return run.results()


def train_and_score(
    params: ComparisonParameters, splits: Splits, made: Made | None, run: Run, cell: Cell
) -> tuple[list[Result], bool]:
    """Rows of one cell, added to the run, and whether it was trained now; what is stored is not trained again."""
    train, digits = training_set(params, splits, made.images if made else None, cell.detector, cell.seed)
    inputs = {"train": list(digits), "test": contents(splits.test), "size": list(params.size)}
    with run.step(f"comparison/{cell.name}", inputs, ROOMS) as todo:
        if todo:
            # another folder for other images or code, so that a training never goes on from a foreign checkpoint
            key = fingerprint({**inputs, "source": source_hash(("detection",))})
            checkpoints = run.folder("checkpoints") / f"{cell.name}-{key}"
            checkpoints.mkdir(parents=True, exist_ok=True)
            detector = make_detector(params, cell.detector, cell.seed, checkpoints)
            begun = time.perf_counter()
            detector.fit(train)
            seconds = time.perf_counter() - begun
            scores = detector.score(splits.test)
            run.write_table(f"scores-{cell.name}", _scores(splits.test, scores))
            values = {**measure(splits.test, scores), DETECTOR_SECONDS: seconds}
            run.write_table(f"metrics-{cell.name}", pd.DataFrame(values.items(), columns=["metric", "value"]))
            shutil.rmtree(checkpoints, ignore_errors=True)
    rows = _rows(params, run, cell, made)
    run.add(rows)
    return rows, todo


def measure(test: SurfaceDataset, scores: Scores) -> dict[str, float]:
    """Image metrics of a detector's own score, and pixel metrics where it gives maps.

    A defective image whose defect was never located counts for the image metrics alone.
    """
    labels = test.labels
    values = {"ap_step": average_precision(labels, scores.image, "step"), OWN_AUROC: auroc(labels, scores.image)}
    if scores.pixel is None:
        return values
    masks, maps = [], []
    for i in range(len(test)):
        sample = test[i]
        if sample.mask is not None or not sample.label:
            empty = np.zeros(sample.image.shape[1:], bool)
            masks.append(empty if sample.mask is None else sample.mask[0].numpy())
            maps.append(scores.pixel[i])
    located = localisation_metrics(masks, maps)
    return values | {"pixel_ap": located.average_precision, "pixel_auroc": located.auroc, "aupro": located.aupro}


def _scores(test: SurfaceDataset, scores: Scores) -> pd.DataFrame:
    records = test.records
    about = {name: [getattr(record, name) for record in records] for name in ("id", "label", "defect", "group")}
    return pd.DataFrame({"split": "test", **about, "score": scores.image.astype(float)})


def _rows(params: ComparisonParameters, run: Run, cell: Cell, made: Made | None) -> list[Result]:
    """Rows of a stored cell; the cost of its images is that of the whole set, training of the generator included."""
    stored = run.read_table(f"metrics-{cell.name}").set_index("metric")["value"]
    values = {str(name): float(value) for name, value in stored.items()}
    values[SYNTHESIS_SECONDS] = made.cost if made else 0.0
    about = {"method": cell.method, "n_aug": len(made.images) if made else 0, "seed": cell.seed}
    seconds = values[SYNTHESIS_SECONDS] + values[DETECTOR_SECONDS]
    return [run.result(**about, seconds=seconds, metric=name, value=value) for name, value in values.items()]
