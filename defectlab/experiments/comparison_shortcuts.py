"""Does it help, and why: tell-tales outside the defect, real against synthetic defects, and training the other way."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from defectlab.data.base import MappedDataset, Record, Sample, SurfaceDataset
from defectlab.data.combine import concatenate
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.embedding import embed
from defectlab.evaluation import auroc, bootstrap_interval
from defectlab.experiments.comparison import Cell
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.experiments.comparison_parts import make_detector
from defectlab.experiments.contents import contents
from defectlab.experiments.splits import Splits
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable
from defectlab.runs import Run
from defectlab.synthesis.base import Synthetic, SyntheticSet

ROOMS = (
    "data",
    "detection",
    "evaluation",
    "experiments/comparison",
    "experiments/comparison_parts",
    "experiments/comparison_shortcuts",
    "experiments/detect",
    "experiments/detector_settings",
    "experiments/localise",
    "experiments/network_sizes",
    "experiments/splits",
)
"""Code that the tests depend on; synthetic images count with their pixels."""
STRIDE = 4
"""Pixels from one feature to the next: fine texture is what a tell-tale is made of."""
FOLDS = 4
DRAWS = 100
BLUR = 0.7
"""Deviation in pixels of the blur that is planted."""
PLANTED = "blurred throughout"
UNDONE = "normal or defect undone?"
Images = Mapping[str, SyntheticSet]
"""Synthetic images of one seed by synthesizer."""


def healed(images: SyntheticSet, normals: SurfaceDataset) -> tuple[SurfaceDataset, list[str]]:
    """The synthetic images with their defects undone: under the mask the pixels of the normal image stand again.

    Where a method leaves everything else alone, these *are* the normal images; what differs is a tell-tale.

    Args:
        images: with masks and the normal image each was made from.
        normals: that they were made from.

    Returns:
        The images, and the normal image of each.

    Raises:
        ValueError: if an image has no mask, or its normal image is not there.
    """
    places = {record.id: i for i, record in enumerate(normals.records)}
    shown, sources = [], []
    for item in images.items:
        source = str(item.record.get("source", ""))
        if item.mask is None or source not in places:
            raise ValueError(f"{images.name}: an image without mask or known normal image cannot be healed")
        clean = (normals[places[source]].image * 255).round().byte().permute(1, 2, 0).numpy()
        shown.append(np.where(item.mask[..., None], clean, item.image))
        sources.append(source)
    return _held(shown, f"healed {images.name}"), sources


def blurred(images: SyntheticSet, sigma: float = BLUR) -> SyntheticSet:
    """The same set, every image a little blurred as a whole: a tell-tale that has nothing to do with the defect."""
    items = [
        Synthetic(cv2.GaussianBlur(np.ascontiguousarray(item.image), (0, 0), sigma), item.mask, item.record)
        for item in images.items
    ]
    return SyntheticSet(items, f"{images.name} blurred")


def tell_apart(
    first: np.ndarray, second: np.ndarray, groups: tuple[list[str], list[str]], seed: int = 0
) -> tuple[float, float, float]:
    """AUROC of a linear classifier that never saw the images it judges, with a 95 % interval over groups.

    Args:
        first: features ``(n, d)`` of one kind.
        second: of the other, ``(m, d)``.
        groups: what each image must not be parted from.
        seed: of the folds.

    Returns:
        AUROC, one half where the kinds cannot be told apart, and both ends.

    Raises:
        ValueError: if a kind has fewer than two groups.
    """
    features = np.concatenate([first, second])
    labels = np.repeat([0, 1], [len(first), len(second)])
    names = np.array([*groups[0], *groups[1]])
    folds = min(FOLDS, len(set(groups[0])), len(set(groups[1])))
    if folds < 2:
        raise ValueError(f"two groups of each kind are needed to judge unseen ones, got {len(set(groups[0]))} "
                         f"and {len(set(groups[1]))}")  # fmt: skip
    scores = np.zeros(len(labels))
    for train, test in _parts(labels, names, folds, seed):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        scores[test] = model.fit(features[train], labels[train]).decision_function(features[test])
    found = bootstrap_interval(auroc, labels, scores, groups=names, n_resamples=300)
    return found.value, found.low, found.high


def _parts(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test parts of each fold; drawn again where a training part of few groups lacks a kind."""
    for draw in range(seed, seed + DRAWS):
        division = StratifiedGroupKFold(folds, shuffle=True, random_state=draw)
        parts = list(division.split(labels, labels, groups))
        if all(len(set(labels[train])) == 2 for train, _ in parts):
            return parts
    raise ValueError(f"{DRAWS} divisions into {folds} folds leave one kind out of training; more groups are needed")


def shortcuts(params: ComparisonParameters, splits: Splits, images: Images, run: Run) -> ReportTable:
    """Three questions to a linear classifier on frozen features of whole images, one line a synthesizer.

    A last line plants a tell-tale in MemSeg's images, so that one sees the test find it.

    Args:
        params: size and weights are read.
        splits: real images; positives of training serve as real defects here, whatever the regime.
        images: of one seed.
        run: keeps the values.
    """
    asked = dict(images)
    if "memseg" in asked:
        asked["planted"] = blurred(asked["memseg"])
    lines = []
    for name, made in asked.items():
        inputs = {"made": contents(made), "train": contents(splits.train)}
        frame = run.table(f"shortcuts-{name}", partial(_shortcut, params, splits, made), inputs, ROOMS)
        said = {str(line["question"]): _interval(line) for line in frame.to_dict("records")}
        title = f"{method('memseg').name}, {PLANTED}" if name == "planted" else method(name).name
        lines.append({"images": title, **said})
    notes = (
        "AUROC of images that the classifier never saw (95 % over groups); one half: cannot be told apart.",
        "Defect undone: the masked pixels come from the normal image again, so that only tell-tales are left; an image "
        "that is its normal image again ties with it, at exactly one half.",
    )
    caption = "Can a linear classifier spot that an image is synthetic?"
    return ReportTable(pd.DataFrame(lines).fillna("no masks"), caption, notes)


def directions(params: ComparisonParameters, splits: Splits, images: Images, run: Run) -> ReportTable:
    """Trained on synthetic and tested on real defects, and the reverse; AUROC, for base rates differ.

    The reverse classifier sees all real positives of training, whatever the regime: it asks whether synthetic defects
    are found by somebody who knows real ones. A last line adds the blur of `blurred` to MemSeg's images.

    Args:
        params: settings of the classifier.
        splits: real images; normal images of validation serve as normal test images of the reverse.
        images: of one seed.
        run: keeps the values.
    """
    seed = (params.seeds or [0])[0]
    inputs = {"made": {name: contents(made) for name, made in images.items()}, "real": contents(splits.train)}
    inputs |= {"test": contents(splits.test), "held out": contents(splits.validation)}
    frame = run.table("directions", partial(_directions, params, splits, images, run, seed), inputs, ROOMS)
    shown = frame.assign(**{name: [f"{v:.3f}" if v == v else "–" for v in frame[name]] for name in frame.columns[1:]})
    note = "AUROC of image scores, one seed. Real to real is what the synthetic images stand in for."
    return ReportTable(shown, "Train on one kind, test on the other", (note,))


def _shortcut(params: ComparisonParameters, splits: Splits, made: SyntheticSet) -> pd.DataFrame:
    normals, real = splits.normals, splits.positives
    rows: list[tuple[Any, ...]] = []
    located = all(item.mask is not None and "source" in item.record for item in made.items)
    ours = _features(params, made)
    origins = [str(item.record.get("source", i)) for i, item in enumerate(made.items)]
    if located:
        undone, sources = healed(made, normals)
        # beside its own normal image, so that nothing but a tell-tale can differ; equal images tie at one half
        used = normals.subset(indices=[i for i, r in enumerate(normals.records) if r.id in set(sources)])
        clean = _each(_features(params, used), used, sources)
        rows.append((UNDONE, *tell_apart(clean, _features(params, undone), (sources, sources))))
    if len(set(_groups(real))) > 1:
        rows.append(("real or synthetic defect?", *tell_apart(_features(params, real), ours, (_groups(real), origins))))
    few = normals.subset(indices=np.random.default_rng(0).permutation(len(normals))[: 2 * len(made)].tolist())
    rows.append(("normal or synthetic defect?", *tell_apart(_features(params, few), ours, (_groups(few), origins))))
    return pd.DataFrame(rows, columns=["question", "value", "low", "high"])


def _directions(params: ComparisonParameters, splits: Splits, images: Images, run: Run, seed: int) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    knows = make_detector(params, "classifier", seed).fit(concatenate(splits.normals, splits.positives))
    test, held = splits.test, splits.validation.subset(defective=False)
    rows.append(("real", auroc(test.labels, knows.score(test).image), float("nan")))
    for name, made in images.items():
        both = concatenate(held, made)
        back = auroc(both.labels, knows.score(both).image)
        rows.append((method(name).name, _trained_on(params, splits, made, run, name, seed), back))
    if "memseg" in images:
        planted = blurred(images["memseg"])
        both = concatenate(held, planted)
        forth = _trained_on(params, splits, planted, run, "", seed)
        rows.append((f"{method('memseg').name}, {PLANTED}", forth, auroc(both.labels, knows.score(both).image)))
    columns = ["positives", "trained on them, tested on real", "trained on real, tested on them"]
    return pd.DataFrame(rows, columns=columns)


def _trained_on(
    params: ComparisonParameters, splits: Splits, made: SyntheticSet, run: Run, name: str, seed: int
) -> float:
    """AUROC on the real test images of a classifier that saw these positives alone; the run's own where it has it."""
    if name and params.regime == "zero_shot" and (name, "classifier") in params.cells:
        stored = run.read_table(f"scores-{Cell(name, 'classifier', seed).name}")
        return auroc(stored["label"].to_numpy(), stored["score"].to_numpy())
    detector = make_detector(params, "classifier", seed).fit(concatenate(splits.normals, made))
    return auroc(splits.test.labels, detector.score(splits.test).image)


def _features(params: ComparisonParameters, dataset: SurfaceDataset) -> np.ndarray:
    """Mean of the first feature map of the shipped encoder, float64 ``(n, d)``."""
    config = ClassifierConfig(backbone="auto", weights="pocket", size=params.size)
    return embed(dataset, config, STRIDE, params.device).double().numpy()


def _each(features: np.ndarray, normals: SurfaceDataset, names: list[str]) -> np.ndarray:
    """Features of the named images, in the order of the names."""
    places = {record.id: i for i, record in enumerate(normals.records)}
    return features[[places[name] for name in names]]


def _groups(dataset: SurfaceDataset) -> list[str]:
    return [record.group or record.id for record in dataset.records]


def _interval(line: Mapping[Any, Any]) -> str:
    return f"{line['value']:.2f} ({line['low']:.2f} to {line['high']:.2f})"


def _held(images: list[np.ndarray], name: str) -> SurfaceDataset:
    """Images uint8 ``(H, W, 3)`` as a data set of normal images."""
    records = [Record(f"{name}/{i}", 0) for i in range(len(images))]

    def read(record: Record) -> Sample:
        pixels = torch.from_numpy(images[int(record.id.rsplit("/", 1)[1])])
        return Sample(pixels.permute(2, 0, 1).float() / 255, None, 0)

    return MappedDataset(read, name, "all", records, images[0].shape[:2])
