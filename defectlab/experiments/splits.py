"""Which real images an experiment may see, and when: training, validation, test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from defectlab.data import SurfaceDataset, load_dataset, split_by_group
from defectlab.data.files import FileDataset, require_readable
from defectlab.experiments.experiment_parameters import ExperimentParameters

FEW = 5
"""Test images of a class below which one image moves every number by more than anything that is compared."""


@dataclass(frozen=True)
class Splits:
    """Real images by their part in an experiment.

    Attributes:
        train: normal and all defective images that training may draw from, whatever the regime uses of them.
        validation: held out of training, same source; thresholds are chosen on it.
        test: touched once, for the results.
    """

    train: SurfaceDataset
    validation: SurfaceDataset
    test: SurfaceDataset

    @property
    def normals(self) -> SurfaceDataset:
        """Normal training images: what defects are synthesised into."""
        return self.train.subset(defective=False)

    @property
    def positives(self) -> SurfaceDataset:
        """Real defective training images; the zero-shot regime may not use them."""
        return self.train.subset(normal=False)

    def table(self) -> pd.DataFrame:
        """Images by part and class."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        rows = [
            {"part": name, "normal": int((part.labels == 0).sum()), "defective": int(part.labels.sum())}
            for name, part in parts.items()
        ]
        return pd.DataFrame(rows).set_index("part")

    @property
    def few(self) -> tuple[str, ...]:
        """A sentence for each class with fewer than `FEW` test images, for the tables of their results."""
        counts = {"defective": int(self.test.labels.sum()), "normal": int((self.test.labels == 0).sum())}
        return tuple(
            f"Too few to say: {n} {what} test image{'s' * (n != 1)}, fewer than {FEW}. AP and its interval, which is "
            "over seeds on these same images, say nothing of other images, also where they are 1."
            for what, n in counts.items()
            if n < FEW
        )


def load_splits(params: ExperimentParameters) -> Splits:
    """The data set of the parameters, its training part divided by group for validation.

    The division depends on the data alone, not on a seed, so that all seeds are paired. Every file is read once, so
    that a damaged one stops the run here and not hours later.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if a file is damaged, a part has too few images, or the regime needs more real positives.
    """
    options = {"scale": params.scale} if params.dataset == "surfaces" else {}
    root = params.data_root or None
    train, test = (load_dataset(params.dataset, split, root, params.size, **options) for split in ("train", "test"))
    for part in (train, test):
        if isinstance(part, FileDataset):
            require_readable(part)
    rest, held_out = split_by_group(train, params.validation, seed=0)
    splits = Splits(rest, held_out, test)
    real_positives(splits, params, params.seeds[0])  # raises where the regime asks for more than there are
    return splits


def real_positives(splits: Splits, params: ExperimentParameters, seed: int) -> SurfaceDataset:
    """The real defective images that the regime gives to training.

    Args:
        splits: the real images.
        params: ``regime`` and ``n_shot`` are read.
        seed: few-shot draws its images by it.

    Raises:
        ValueError: if full-shot finds none, or few-shot asks for more than there are.
    """
    positives = splits.positives
    if params.regime == "zero_shot":
        return positives.subset(indices=[])
    if not len(positives):
        raise ValueError(f"regime: {params.regime} trains on real positives, the training part of the data has none")
    if params.regime == "full_shot":
        return positives
    if params.n_shot > len(positives):
        raise ValueError(f"n_shot: {params.n_shot} real positives asked for, the training part has {len(positives)}")
    chosen = np.random.default_rng([seed, 5]).choice(len(positives), params.n_shot, replace=False)
    return positives.subset(indices=chosen.tolist())
