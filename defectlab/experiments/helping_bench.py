"""Real and synthetic images as features, computed once, and trainings on any part of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from defectlab.data.base import SurfaceDataset
from defectlab.detection.config import laptop
from defectlab.detection.frozen_heads import FrozenHeads, join, pick
from defectlab.detection.inputs import Inputs
from defectlab.detection.mixtures import NORMAL, REAL, SYNTHETIC, Stages
from defectlab.experiments import comparison_images, comparison_parts
from defectlab.experiments.arms import Maker
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.experiments.contents import contents
from defectlab.experiments.helping_parameters import HelpingParameters
from defectlab.experiments.splits import Splits
from defectlab.params import resolve
from defectlab.runs import Run
from defectlab.synthesis.base import SyntheticSet

ROOMS = (
    "data",
    "detection",
    "evaluation",
    "experiments/helping",
    "experiments/helping_bench",
    "experiments/helping_calibration",
    "experiments/helping_parameters",
    "experiments/helping_transfer",
    "experiments/splits",
)
"""Code that the tables of the chapter depend on; synthetic images count with their pixels."""
HALVES = 2
"""Stages of every training; only the curriculum draws from another source in each."""
SAME = ("dataset", "data_root", "seeds", "profile", "masks", "generator", "textures", "scale", "device")

Rows = Callable[["Bench", int], "pd.DataFrame | Iterator[dict[str, Any]]"]
"""Makes the rows of one seed."""


def make_heads(params: HelpingParameters, size: tuple[int, int]) -> FrozenHeads:
    """The classifier of the laptop profile on frozen features, without mirror images, for images of a size."""
    backbone = "resnet50.tv_in1k" if (params.backbone, params.weights) == ("auto", "imagenet") else params.backbone
    return FrozenHeads(laptop(size=size, weights=params.weights, backbone=backbone, flips="none"), params.device)


def stages(params: HelpingParameters, *shares: float | None) -> Stages:
    """The draws of a training of ``steps`` steps, in as many equal stages as there are shares.

    Args:
        params: ``steps`` is read.
        shares: synthetic share of the defective draws, of each stage; without any, all positives equally in two.
    """
    wanted = shares or (None,) * HALVES
    return Stages(max(2, (params.steps or HALVES) // len(wanted) * laptop().batch_size), wanted)


class Bench:
    """What the experiments of the chapter share.

    Args:
        params: of the notebook.
        run: keeps synthetic images and tables.

    Attributes:
        splits: the real images.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if a file is damaged, or there are fewer real positives than ``total``.
    """

    def __init__(self, params: HelpingParameters, run: Run) -> None:
        self.params, self.run = params, run
        self._comparison = _comparison(params)
        self.splits: Splits = comparison_parts.load(self._comparison)
        there = len(self.splits.positives)
        if there < max(params.total or 0, params.n_shot or 0):
            raise ValueError(
                f"total, n_shot: {max(params.total or 0, params.n_shot or 0)} real positives asked for, the training "
                f"part of {params.dataset} has {there}; lower them, or raise scale"
            )
        self._makers: Mapping[str, Maker] = comparison_parts.make_synthesizers(self._comparison, self.splits, run)
        self._heads: FrozenHeads | None = None
        self._sets: dict[tuple[str, int], SyntheticSet] = {}
        self._features: dict[Any, Inputs] = {}

    @property
    def heads(self) -> FrozenHeads:
        """Backbone and settings, built when first asked for."""
        self._heads = self._heads or make_heads(self.params, self.params.size)
        return self._heads

    def made(self, name: str, seed: int) -> SyntheticSet:
        """Synthetic images of one synthesizer and seed, made when first asked for and kept in the run."""
        if (name, seed) not in self._sets:
            params = replace(self._comparison, n_aug=self.params.n_of(name))
            made = comparison_images.synthesise(params, self.splits, self._makers, self.run, name, seed)
            assert made is not None  # no synthesizer of the chapter is `none`
            self._sets[name, seed] = made.images
        return self._sets[name, seed]

    def table(self, name: str, rows: Rows) -> pd.DataFrame:
        """Rows of all seeds; those of a seed are stored when it is done, so that a killed notebook goes on.

        Args:
            name: of the tables in the run.
            rows: makes those of one seed.
        """
        parts = []
        for seed in self.params.seeds or []:
            parts.append(self.run.table(f"{name}-{seed}", partial(_frame, rows, self, seed), self._inputs(seed), ROOMS))
        return pd.concat(parts, ignore_index=True)

    def part(self, part: str) -> Inputs:
        """Features of ``normals``, ``positives``, ``validation`` or ``test``, real images all."""
        return self._kept(part, getattr(self.splits, part))

    def synthetic(self, name: str, seed: int) -> Inputs:
        """Features of the synthetic images."""
        return self._kept((name, seed), self.made(name, seed))

    def train(
        self,
        seed: int,
        real: int,
        name: str = "",
        synthetic: int = 0,
        shares: tuple[float | None, ...] = (),
        skip: int = 0,
    ) -> torch.nn.Sequential:
        """A head trained on all normal images, some real positives and some synthetic ones.

        Of each kind the first are taken, in an order drawn by the seed: a larger number holds the smaller one, and
        trainings of one seed are paired.

        Args:
            seed: of the order, of the synthetic images and of the training.
            real: real positives.
            name: of the synthesizer.
            synthetic: its images.
            shares: see `stages`.
            skip: synthetic images that are passed over, so that two trainings of a seed need share none.
        """
        normals = self.part("normals")
        parts, kinds = [normals], [NORMAL] * len(normals.labels)
        if real:
            parts.append(_first(self.part("positives"), real, seed))
            kinds += [REAL] * real
        if synthetic:
            parts.append(_first(self.synthetic(name, seed), skip + synthetic, seed, skip))
            kinds += [SYNTHETIC] * synthetic
        return self.heads.train(join(parts), torch.tensor(kinds), stages(self.params, *shares), seed)

    def logits(self, trained: torch.nn.Sequential, part: str = "test") -> np.ndarray:
        """Logits of the images of a part, float64 ``(n,)``."""
        return self.heads.logits(trained, self.part(part))

    def _inputs(self, seed: int) -> dict[str, str]:
        """Digits of all images that the tables of a seed depend on."""
        real = {part: contents(getattr(self.splits, part)) for part in ("train", "validation", "test")}
        return real | {name: contents(self.made(name, seed)) for name in self.params.synthesizers}

    def _kept(self, key: Any, dataset: SurfaceDataset) -> Inputs:
        if key not in self._features:
            self._features[key] = self.heads.features(dataset)
        return self._features[key]


def _frame(rows: Rows, bench: Bench, seed: int) -> pd.DataFrame:
    return pd.DataFrame(rows(bench, seed))


def _first(inputs: Inputs, n: int, seed: int, skip: int = 0) -> Inputs:
    order = np.random.default_rng([seed, 14]).permutation(len(inputs.labels))
    return pick(inputs, order[skip:n])


def _comparison(params: HelpingParameters) -> ComparisonParameters:
    """The same experiment in terms of the comparison, whose images and synthesizers are used."""
    height, width = params.size
    given = {name: value for name in SAME if (value := getattr(params, name)) is not None}
    own = {"synthesizers": params.synthesizers, "detectors": ["classifier"], "n_aug": max(params.counts or [2])}
    shot = {"regime": "few_shot", "n_shot": params.n_shot, "height": height, "width": width, "weights": params.weights}
    named = {} if params.backbone == "auto" else {"backbone": params.backbone}
    return resolve(ComparisonParameters, {**given, **own, **shot, **named, "epochs": 1})
