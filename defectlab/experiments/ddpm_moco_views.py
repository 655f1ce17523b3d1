"""From the run store to what the report of DDPM-MoCo draws: curves, confusions, collapse, rows of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from textwrap import fill

import pandas as pd
import torch

from defectlab.data.base import SurfaceDataset
from defectlab.detection.moco.batches import epoch_batches
from defectlab.detection.moco.training import FEATURES, classes_of
from defectlab.evaluation import average_precision, precision_recall_curve
from defectlab.experiments.contrast import BASELINES, method_name, report_of
from defectlab.experiments.ddpm_moco import TRAINED, moco_settings, setting_of
from defectlab.experiments.ddpm_moco_data import ClassSplits
from defectlab.experiments.ddpm_moco_parameters import DdpmMocoParameters
from defectlab.experiments.generator_measures import ALL
from defectlab.experiments.generators import Comparison
from defectlab.files import slug
from defectlab.report.collapse_plots import MEASURES
from defectlab.report.contrastive_plots import ClassCurve
from defectlab.report.contrastive_setting import shown_class
from defectlab.report.curves import Curve
from defectlab.report.grids import GridRow
from defectlab.report.identity import method
from defectlab.report.style import Plot
from defectlab.report.tables import ReportTable
from defectlab.runs import Run
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.diffusion.classical import VERSIONS, augment_classically, version_names
from defectlab.synthesis.diffusion.ddpm import Ddpm
from defectlab.synthesis.diffusion.network import parameter_count

FEATURES_SHOWN = ("mean_norm", "effective_rank")
"""Measures of collapse that the table has of the backbone's features too."""

LINE = 50
"""Characters of a heading that fit above a figure of one column."""


def class_curves(params: DdpmMocoParameters, run: Run, backbone: str, data: str = "") -> list[ClassCurve]:
    """Precision-recall curves of each class against the rest, of all losses and seeds on one kind of data.

    Args:
        params: losses and seeds are read.
        run: where the scores are.
        backbone: timm name.
        data: ``"augmented"`` or ``"original"``; empty: the first of those that are trained on.
    """
    curves, data = [], data or params.kinds_of_data[0]
    for kind in params.losses:
        for seed in params.seeds:
            report = report_of(_table(params, run, "scores", method_name(kind, data), backbone, seed))
            for place, name in enumerate(report.classes):
                labels, scores = (report.labels == place).astype(int), report.probabilities[:, place]
                found, ap = precision_recall_curve(labels, scores), average_precision(labels, scores)
                curve = Curve(method_name(kind, data), seed, found.recall, found.precision, ap)
                curves.append(ClassCurve(name, curve))
    return curves


def base_rates(params: DdpmMocoParameters, data: ClassSplits) -> dict[str, float]:
    """Share of each class in the test set: the precision of chance. Generated sets are balanced."""
    if params.test_on == "generated":
        return dict.fromkeys(data.classes, 1 / len(data.classes))
    return _shares(data.test)


def confusions(params: DdpmMocoParameters, run: Run, backbone: str, data: str = "") -> dict[str, list[pd.DataFrame]]:
    """Counts of predicted classes by true class, by method: one table a seed."""
    data = data or params.kinds_of_data[0]
    methods = [method_name(kind, of) for kind, of in params.arms if of == data]
    return {
        name: [report_of(_table(params, run, "scores", name, backbone, seed)).confusion for seed in params.seeds]
        for name in methods
    }


def histories(params: DdpmMocoParameters, run: Run, backbone: str, data: str = "") -> pd.DataFrame:
    """Measures of collapse and the loss by epoch, on one kind of data: method, seed, epoch, metric, value."""
    data = data or params.kinds_of_data[0]
    trained = [(name, seed) for name, seed, of in _trained(params) if of == data]
    tables = [_table(params, run, "history", name, backbone, seed) for name, seed in trained]
    if not tables:
        return pd.DataFrame(columns=["method", "seed", "epoch", "metric", "value"])
    columns = ["method", "seed", "epoch"]
    return pd.concat(tables).melt(columns, ["loss", *MEASURES], "metric")


def collapse_table(params: DdpmMocoParameters, run: Run) -> ReportTable:
    """What each pretraining says of itself after the last epoch: of the embeddings, and of what the head reads."""
    lines = []
    for backbone in params.backbones:
        for name, seed, _ in _trained(params):
            last = _table(params, run, "history", name, backbone, seed).iloc[-1]
            said = last["collapsed"] if isinstance(last["collapsed"], str) else "no collapse"
            numbers = {measure: f"{last[measure]:.4g}" for measure in MEASURES}
            numbers |= {f"{measure}, features": f"{last[FEATURES + measure]:.4g}" for measure in FEATURES_SHOWN}
            lines.append({"backbone": backbone, "method": method(name).name, "seed": seed, **numbers, "verdict": said})
    columns = ["backbone", "method", "seed", *MEASURES, *(f"{name}, features" for name in FEATURES_SHOWN), "verdict"]
    return ReportTable(pd.DataFrame(lines, columns=columns), "The embeddings after the last epoch")


def versions(data: ClassSplits) -> list[GridRow]:
    """The first training image of each class and its eight versions, as the generators and the study see them."""
    defects = [record.defect for record in data.train.records]
    rows = []
    for name in data.classes:
        made = augment_classically(data.train.subset(indices=[defects.index(name)]))
        images = tuple((made[v].image * 255).round().byte().permute(1, 2, 0).numpy() for v in range(VERSIONS))
        rows.append(GridRow(shown_class(name), images, version_names()))
    return rows


def steps(params: DdpmMocoParameters, data: ClassSplits) -> dict[str, int]:
    """Steps of the training of the backbone, by method: equal epochs over fewer images are fewer steps."""
    settings = moco_settings(params, params.backbones[0])
    labels, names = classes_of(data.train)
    parts = {"original": labels, "augmented": torch.arange(round(TRAINED * (params.n_generated or 0))) % len(names)}

    def count(kind: str, name: str) -> int:
        composition = "shuffled" if kind in BASELINES else settings.batch_composition
        return settings.epochs * len(epoch_batches(parts[name], settings.batch_size, composition, 0, 0))

    return {method_name(*arm): 0 if arm[0] == "untrained" else count(*arm) for arm in params.arms}


def heading(params: DdpmMocoParameters, *backbones: str) -> str:
    """Data set and setting of a figure: batches, normalisation, and generated test images where they are."""
    words = dict.fromkeys(setting_of(params, backbone).label for backbone in backbones or params.backbones)
    return f"{params.dataset}: {'; '.join(words)}"


def wrapped(words: str) -> str:
    """A heading in lines that a figure of one column has room for."""
    return fill(words, LINE)


def headed(plot: Plot, words: str) -> Plot:
    """The same figure, whose alt text begins with its heading."""
    return replace(plot, alt=f"{words}. {plot.alt}")


def models_table(ddpm: Ddpm) -> pd.DataFrame:
    """The diffusion models: class, parameters, steps and seconds of the training."""
    lines = [
        {
            "class": shown_class(name),
            "parameters": f"{parameter_count(model.network):,}",
            "side": model.settings.size,
            "steps": model.steps,
            "told the class": "yes" if model.conditional else "no",
            "seconds": round(ddpm.seconds[name]),
        }
        for name, model in ddpm.models.items()
    ]
    return pd.DataFrame(lines)


def floor(compared: Comparison) -> dict[str, float]:
    """Metrics of the real training images, all classes at once: what a generator can be compared with.

    They are the images as they are, without augmented versions, as many as of each generator.
    """
    frame = compared.frame
    own = frame[(frame["method"] == "real") & (frame["class"] == ALL)]
    return {str(name): float(value) for name, value in zip(own["metric"], own["value"], strict=True)}


def other_backbone(params: DdpmMocoParameters) -> str | None:
    """The second backbone, where both are trained."""
    return params.backbones[1] if len(params.backbones) > 1 else None


def records_table(made: SyntheticSet, n: int = 4) -> ReportTable:
    """The first records of the generated images: how each was made."""
    columns = ["index", "defect", "seed", "sampler", "steps", "guidance", "trained_steps", "conditional"]
    records = pd.DataFrame([item.record for item in made.items[:n]])
    return ReportTable(records[[name for name in columns if name in records]], "The first generated images")


def images_table(made: SyntheticSet) -> ReportTable:
    """How many images of each class there are."""
    counts = Counter(record.defect for record in made.records)
    frame = pd.DataFrame([{"class": shown_class(name), "images": n} for name, n in counts.items()])
    return ReportTable(frame, f"{len(made)} generated images")


def _trained(params: DdpmMocoParameters) -> Iterator[tuple[str, int, str]]:
    """Methods and seeds that have a history, and the kind of their data."""
    for kind, data in params.arms:
        if kind not in BASELINES:
            yield from ((method_name(kind, data), seed, data) for seed in params.seeds)


def _table(params: DdpmMocoParameters, run: Run, what: str, name: str, backbone: str, seed: int) -> pd.DataFrame:
    regime = setting_of(params, backbone).regime
    return run.read_table("-".join((what, name, slug(regime), str(seed))))


def _shares(dataset: SurfaceDataset) -> dict[str, float]:
    counts = Counter(record.defect for record in dataset.records)
    return {name: n / len(dataset) for name, n in counts.items()}
