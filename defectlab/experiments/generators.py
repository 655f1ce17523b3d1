"""Generators side by side: diffusion beside GAN, VAE and flow, samplers, and one model for all classes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from defectlab.data.base import SurfaceDataset
from defectlab.experiments.contents import contents
from defectlab.experiments.equal_draws import at_side
from defectlab.experiments.generator_choices import Generator, common_classes, learnt_from
from defectlab.experiments.generator_features import Features
from defectlab.experiments.generator_measures import ALL, Judge
from defectlab.report.compared import SIDE
from defectlab.runs import Run
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.diffusion.classes import of_classes
from defectlab.synthesis.diffusion.ddpm import Ddpm
from defectlab.synthesis.diffusion.network import parameter_count
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings

ROOMS: tuple[str, ...] = (
    "data",
    "detection/backbones",
    "detection/embedding",
    "detection/weights",
    "evaluation",
    "experiments/equal_draws",
    "experiments/generator_choices",
    "experiments/generator_features",
    "experiments/generator_measures",
    "experiments/generators",
)
"""Code that measured values depend on; generated images count with their pixels."""
TIMED = (*ROOMS, "synthesis/diffusion")
"""Code that the speed of a sampler depends on."""
SPEED_OF = 16
"""Images that the speed of a generator is taken on, at most."""


@dataclass(frozen=True)
class Comparison:
    """Generators that learnt the same images.

    Attributes:
        frame: tidy: method, seed, class (``all`` for all at once), metric, value. The method ``real`` is the real
            images that were learnt from, as they are: the floor of every distance, at the same number of images.
        images: what each generator made, by method, in the order of the figure.
    """

    frame: pd.DataFrame
    images: dict[str, SyntheticSet]


def compare_generators(
    run: Run,
    generators: Mapping[str, Generator],
    train: SurfaceDataset,
    held_out: SurfaceDataset,
    n: int,
    seed: int,
    features: Features,
) -> Comparison:
    """Trains each generator on the same images, draws ``n`` from each and measures them; results are rows of the run.

    Metrics are those of `Judge`, ``train_seconds``, ``draw_seconds`` (an image of a full batch), ``parameters`` of all
    models, and ``side``: where generators make images of different sizes, all are judged at the smallest, in pixels.

    Args:
        run: keeps images and results.
        generators: by method, all of the same classes; those that are fitted already are taken as they are, such as
            ``ddpm.of("scratch")``.
        train: real images of these classes.
        held_out: real images of these classes that share no group with them.
        n: images a generator, at least two a class.
        seed: of the images.
        features: that distances are measured in.

    Raises:
        ValueError: if generators differ in their classes or augmentation, or a class has too few images.
    """
    classes = common_classes(generators, train)
    side = min(generator.settings.size for generator in generators.values())
    real, kept = (at_side(of_classes(part, classes), side) for part in (train, held_out))
    learnt = learnt_from(next(iter(generators.values())), real)
    judge = Judge(real, kept, classes, features, n, seed, learnt)
    inputs = {"features": features.digest, "train": contents(real), "held out": contents(kept), "n": n, "seed": seed}
    frames, images = [], {}
    for name, generator in generators.items():
        if not generator.models:
            generator.fit(at_side(train, generator.settings.size))
        made = images[name] = generator.synthesize(train, n, seed, _place(run, name, generator, seed))
        own = inputs | {"made": contents(made), "classical": str(generator.classical)}
        frame = run.table(f"generator-{name}-{seed}", partial(_measured, judge, generator, made, side), own, ROOMS)
        known = {"method": name, "regime": "", "n_aug": n, "seed": seed}
        run.add([run.result(**known, metric=m, value=v) for m, v in frame.itertuples(index=False)])
        frames.append(_tidy(frame, name, seed, classes))
    floor = run.table(f"generator-real-{seed}", lambda: _metrics(judge.floor()), inputs, ROOMS)
    return Comparison(pd.concat([*frames, _tidy(floor, "real", seed, classes)], ignore_index=True), images)


def sampler_quality(
    run: Run,
    ddpm: Ddpm,
    held_out: SurfaceDataset,
    features: Features,
    samplings: Iterable[SamplingSettings],
    n: int = 64,
    seed: int = 0,
) -> pd.DataFrame:
    """Ways to ask the same models: seconds an image, and distance to held-out real images.

    Args:
        run: keeps each way.
        ddpm: fitted.
        held_out: real images; as many of each class of the models are taken as are made.
        features: that distances are measured in.
        samplings: ways; see `SAMPLERS`.
        n: images of each way.
        seed: of the images; the same noise for all ways.

    Returns:
        sampler, steps, seconds (an image of a full batch), metric, distance, seed, images (on each side of a
        distance), features (numbers that an image is described by).
    """
    real = of_classes(held_out, ddpm.models)
    judge = Judge(real, real, tuple(ddpm.models), features, n, seed)

    def measure(way: Ddpm) -> pd.DataFrame:
        made, seconds = _timed(way, real, n, seed)
        distances, dimension = judge.distances(made), judge.held_out.features.shape[1]
        values = {"metric": list(distances), "distance": list(distances.values())}
        return pd.DataFrame({"seconds": seconds, **values, "features": dimension})

    fixed = {"n": n, "seed": seed, "real": contents(real), "features": features.digest}
    tables = []
    for sampling in samplings:
        way, steps = ddpm.asked(sampling), sampling.calls(ddpm.settings.timesteps)
        inputs = fixed | {"models": way.fingerprint, "threads": torch.get_num_threads()}
        table = run.table(f"sampler-{sampling.sampler}-{steps}-{seed}", partial(measure, way), inputs, TIMED)
        tables.append(table.assign(sampler=sampling.sampler, steps=steps, seed=seed, images=judge.images))
    columns = ["sampler", "steps", "seconds", "metric", "distance", "seed", "images", "features"]
    return pd.concat(tables, ignore_index=True)[columns]


def class_conditional(
    run: Run,
    apart: Ddpm,
    train: SurfaceDataset,
    held_out: SurfaceDataset,
    features: Features,
    n: int = 64,
    seed: int = 0,
    shares: Sequence[float] = (0.25, 1.0),
    guidances: Sequence[float] = (1.0, 2.0),
) -> pd.DataFrame:
    """One model that is told the class, beside one model a class: same quality for a quarter of the training?

    Args:
        run: keeps each arm once it is measured.
        apart: one model a class, not conditional; its settings, classes and folder serve for the other arm.
        train: real images.
        held_out: real images that share no group with them.
        features: that distances are measured in.
        n: images of each arm.
        seed: of the images.
        shares: steps of the one model over those of all class models together.
        guidances: weights of the class that the one model is asked with.

    Returns:
        model (``one a class`` or ``one for all``), share, steps (of the training, all models together), guidance,
        train_seconds, class (``all`` for all at once), metric, value, seed.

    Raises:
        ValueError: if ``apart`` is conditional, or a class has fewer than two images.
    """
    if apart.conditional:
        raise ValueError("apart: expected one model a class, got a conditional Ddpm")
    apart.fit(train)
    classes = tuple(apart.models)
    total = apart.settings.steps * len(classes)
    arms = [("one a class", 1.0, apart)]
    for share in shares:
        settings = replace(apart.settings, steps=max(1, round(share * total)))
        one = _conditional(apart, settings, classes).fit(train)
        arms += [("one for all", share, one.asked(replace(apart.sampling, guidance=g))) for g in guidances]
    real, kept = of_classes(train, classes), of_classes(held_out, classes)
    judge = Judge(real, kept, classes, features, n, seed, learnt_from(apart, real))
    inputs = {"features": features.digest, "n": n, "seed": seed, "train": contents(real), "held out": contents(kept)}
    tables = []
    for model, share, ddpm in arms:

        def measure(ddpm: Ddpm = ddpm) -> pd.DataFrame:
            return _metrics(judge(ddpm.synthesize(train, n, seed)))

        about: dict[str, Any] = {"model": model, "share": share, "guidance": ddpm.sampling.guidance}
        name = "conditional-" + "-".join(map(str, about.values())) + f"-{seed}"
        frame = run.table(name, measure, inputs | {"models": ddpm.fingerprint}, TIMED)
        costs = {"steps": round(share * total), "train_seconds": sum(ddpm.seconds.values())}
        tables.append(_tidy(frame, "ddpm", seed, classes).assign(**{**about, **costs}))
    columns = ["model", "share", "steps", "guidance", "train_seconds", "class", "metric", "value", "seed"]
    return pd.concat(tables, ignore_index=True)[columns]


def _conditional(apart: Ddpm, settings: DiffusionSettings, classes: tuple[str, ...]) -> Ddpm:
    return Ddpm(settings, apart.sampling, apart.folder, classes, True, apart.classical, str(apart.device))


def _measured(judge: Judge, generator: Generator, made: SyntheticSet, side: int) -> pd.DataFrame:
    """Metrics of a set, and what its generator costs; the speed is that of drawing a few again, in full batches."""
    costs = {
        "train_seconds": sum(generator.seconds.values()),
        "draw_seconds": _timed(generator, made, min(len(made), SPEED_OF), judge.seed)[1],
        SIDE: side,
        "parameters": sum(parameter_count(network) for network in {m.network for m in generator.models.values()}),
    }
    return _metrics(judge(at_side(made, side)) | costs)


def _timed(generator: Generator, real: SurfaceDataset, n: int, seed: int) -> tuple[SyntheticSet, float]:
    """Images, and seconds for each that was computed, those that filled up a batch among them."""
    begun = time.perf_counter()
    made = generator.synthesize(real, n, seed)
    return made, (time.perf_counter() - begun) / generator.computed(n)


def _metrics(values: Mapping[str, float]) -> pd.DataFrame:
    return pd.DataFrame(values.items(), columns=["metric", "value"])


def _tidy(frame: pd.DataFrame, method: str, seed: int, classes: Iterable[str]) -> pd.DataFrame:
    """Metric and class apart, which are one name in rows of results."""
    split = [_split(name, classes) for name in frame["metric"]]
    about = {"method": method, "seed": seed, "class": [c for _, c in split], "metric": [m for m, _ in split]}
    return pd.DataFrame({**about, "value": frame["value"]})


def _split(name: str, classes: Iterable[str]) -> tuple[str, str]:
    return next(((name.removesuffix(f"_{c}"), c) for c in classes if name.endswith(f"_{c}")), (name, ALL))


def _place(run: Run, name: str, generator: Generator, seed: int) -> Path:
    """Folder of a set: other models and other ways to ask them have another one."""
    return run.folder("generated") / f"{name}-{generator.fingerprint}-seed-{seed}"
