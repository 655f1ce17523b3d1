"""The synthetic images of every synthesizer and seed, and what they cost in seconds."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from defectlab.data.base import SurfaceDataset
from defectlab.experiments.arms import Maker
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.experiments.contents import contents
from defectlab.experiments.kept import Kept
from defectlab.experiments.splits import Splits
from defectlab.runs import Run
from defectlab.synthesis.base import Synthesizer, SyntheticSet
from defectlab.synthesis.fine_tuned import FineTuned
from defectlab.synthesis.in_and_out import halves
from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm

TIMED = 16
"""Images that the pace of a synthesizer is taken on, at least, or all where there are fewer."""
PARTS = ("ddpm", "memseg")
"""Whose images In&Out is put together from, in the order of `halves`."""


@dataclass(frozen=True)
class Cost:
    """What the images of one synthesizer and seed cost.

    Attributes:
        training: seconds of the training of its generator. A model that serves all seeds counts whole for each: who
            wants one set pays it once.
        each: seconds an image.
    """

    training: float
    each: float

    def of(self, n: int) -> float:
        """Seconds of ``n`` images, training included."""
        return self.training + n * self.each


@dataclass(frozen=True)
class Made:
    """Images of one synthesizer and seed.

    Attributes:
        images: ``n_aug`` of them.
        cost: of all together, in seconds.
    """

    images: SyntheticSet
    cost: float


def synthesise(
    params: ComparisonParameters, splits: Splits, makers: Mapping[str, Maker], run: Run, name: str, seed: int
) -> Made | None:
    """Images of a synthesizer, ``None`` for ``none``; what is stored already is not made again.

    Args:
        params: ``n_aug`` is read.
        splits: normal images to make defects in.
        makers: of `comparison_parts.make_synthesizers`.
        run: keeps images, models and costs.
        name: of the synthesizer.
        seed: of the images.
    """
    if name == "none":
        return None
    n = params.n_aug or 2
    if name == "in_and_out":
        wanted = list(zip(PARTS, halves(n), strict=True))
        costs = [_images(splits.normals, makers[part], run, part, seed, count)[1] for part, count in wanted]
        images = makers[name](seed, run.folder("synthetic")).synthesize(splits.normals, n, seed)
        return Made(images, sum(cost.of(count) for cost, (_, count) in zip(costs, wanted, strict=True)))
    images, cost = _images(splits.normals, makers[name], run, name, seed, n)
    return Made(images, cost.of(n))


def synthesise_all(
    params: ComparisonParameters, splits: Splits, makers: Mapping[str, Maker], run: Run
) -> Iterator[tuple[str, int, Made | None]]:
    """Images of every synthesizer, one seed after the other, made when they are asked for."""
    for seed in params.seeds or []:
        for name in params.compared:
            yield name, seed, synthesise(params, splits, makers, run, name, seed)


def _images(normals: SurfaceDataset, maker: Maker, run: Run, name: str, seed: int, n: int) -> tuple[SyntheticSet, Cost]:
    """The set, and its cost as it was measured when the set was first made."""
    root = run.folder("synthetic")
    begun = time.perf_counter()
    kept = maker(seed, root)
    before, trained = _count(root), time.perf_counter()
    images = kept.synthesize(normals, n, seed)
    ended, made = time.perf_counter(), _count(root) - before
    table = f"cost-{name}-{seed}"
    with run.step(f"cost/{name}/{seed}", {"normals": contents(normals)}, ()) as todo:
        if todo:
            # after a resume the clock saw a part of the training only, and its log all of it
            training = max(trained - begun, _logged(kept)) if _learns(kept) else 0.0
            each = (ended - trained) / made if made >= min(n, TIMED) else _pace(kept, normals, seed, n)
            run.write_table(table, pd.DataFrame([{"training": training, "each": each}]))
    line = run.read_table(table).iloc[0]
    return images, Cost(float(line["training"]), float(line["each"]))


def _pace(kept: Synthesizer, normals: SurfaceDataset, seed: int, n: int) -> float:
    """Seconds an image, measured on a few that are made again in memory."""
    few = min(n, TIMED)
    begun = time.perf_counter()
    _inner(kept).synthesize(normals, few, seed)
    return (time.perf_counter() - begun) / few


def _count(root: Path) -> int:
    return sum(1 for _ in root.rglob("images/*.png"))


def _inner(kept: Synthesizer) -> Synthesizer:
    return kept.synthesizer if isinstance(kept, Kept) else kept


def _learns(kept: Synthesizer) -> bool:
    inner = _inner(kept)
    return isinstance(inner, FineTuned) or (isinstance(inner, PerturbedDdpm) and inner.trained is not None)


def _logged(kept: Synthesizer) -> float:
    """Seconds that the newest log of the training says, over all its sessions; 0 without a log."""
    inner = _inner(kept)
    if isinstance(inner, FineTuned):
        folder = None if inner.adapter is None else inner.adapter.folder
    else:
        folder = inner.folder if isinstance(inner, PerturbedDdpm) else None
    logs = [] if folder is None else sorted(folder.rglob("log.csv"), key=lambda path: path.stat().st_mtime)
    if not logs:
        return 0.0
    with logs[-1].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return float(rows[-1]["seconds"]) if rows else 0.0
