"""Does the improved loss of DDPM-MoCo help? Losses x batches x BatchNorm x seeds on the same real images.

The generators are left out, so that what differs is the loss: all trainings see the real training images after the
classical augmentation by eight, and all are tested on real images that share no group with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pandas as pd

from defectlab.detection.moco import MoCoSettings
from defectlab.detection.moco import paper as moco_paper
from defectlab.detection.moco.model import check_backbone, has_batch_norm
from defectlab.detection.moco.settings import laptop as moco_laptop
from defectlab.devices import describe, pick_device
from defectlab.experiments.collected import collect, study_command
from defectlab.experiments.contrast import BASELINES, Contrast, contrast
from defectlab.experiments.ddpm_moco_data import ClassSplits, load_classes
from defectlab.experiments.ddpm_moco_study_parameters import StudyParameters
from defectlab.experiments.held_images import HeldImages
from defectlab.params import resolve
from defectlab.report.contrastive_setting import ContrastiveSetting
from defectlab.report.contrastive_tables import loss_effect_table
from defectlab.runs import Run
from defectlab.synthesis.diffusion.classical import augment_classically

NAME = "ddpm_moco_study"
Say = Callable[[str], None]


def study_parameters(given: Mapping[str, Any]) -> StudyParameters:
    """The parameters of a study.

    Raises:
        ParameterError: if a value cannot be used.
    """
    return resolve(StudyParameters, given)


def study(params: StudyParameters, say: Say = print) -> Run:
    """Runs what is left of the study; the same parameters go on where they were stopped.

    At the end the folder of the run holds ``grid.csv`` and ``collected.json``, which `defectlab claims store` takes.

    Args:
        params: resolved.
        say: told of the plan, of each training and the time left.

    Returns:
        The run with its rows.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if images or parameters cannot be used, before anything is trained.
        FloatingPointError: if a loss is no longer finite.
    """
    assert params.image_size is not None and params.scale is not None  # every profile gives them
    real = load_classes(params.dataset, params.data_root, params.classes, params.image_size, params.scale)
    line = study_command("ddpm_moco", params)
    run = Run.open(params.runs or None, NAME, params, str(describe(pick_device(params.device))), line)
    jobs = list(plan(params, real))
    for settings in {job.settings.but(batch_composition="shuffled") for job in jobs}:
        check_backbone(settings)
    say(f"{len(jobs)} trainings on {len(jobs[0].train)} images of {params.dataset}, tested on {len(jobs[0].test)}")
    say(f"kept in {run.path}")
    begun, done = time.perf_counter(), 0
    for place, job in enumerate(jobs, start=1):
        fresh = contrast(job, run, params.device)
        done += fresh
        left = (time.perf_counter() - begun) / max(1, done) * (len(jobs) - place) / 60
        rest = f", about {left:.0f} min left" if done else ""
        say(f"{place}/{len(jobs)} {job.method}, {job.regime}, seed {job.seed}: {_outcome(run, job)}{rest}")
    run.finish()
    collect(run, params, line, real.test)
    return run


def plan(params: StudyParameters, real: ClassSplits) -> Iterator[Contrast]:
    """The trainings, a seed after the other, so that a study that is stopped has whole comparisons.

    What has no BatchNorm, as a transformer, is trained once for all settings of it. Baselines do not depend on batches.
    """
    assert params.image_size is not None and params.backbones is not None  # every profile gives them
    train = HeldImages(augment_classically(real.train), params.image_size)
    test = HeldImages(real.test, params.image_size)
    for seed, backbone in product(params.seeds, params.backbones):
        norms = params.batch_norms if has_batch_norm(backbone) else ["plain"]
        for norm in norms:
            regimes = {each: ContrastiveSetting(backbone, each, norm).regime for each in params.batches}
            settings = moco_settings(params, backbone, len(train), norm)
            first, *others = regimes.values()
            for kind in [name for name in BASELINES if name in params.baselines]:
                yield Contrast(kind, settings, seed, train, test, first, also=tuple(others))
            for (batches, regime), loss in product(regimes.items(), params.losses):
                job = Contrast(loss, settings.but(batch_composition=batches), seed, train, test, regime)
                yield replace(job, keep=seed == params.seeds[0])


def moco_settings(params: StudyParameters, backbone: str, n_images: int, batch_norm: str = "plain") -> MoCoSettings:
    """Settings of a pretraining of that many steps, in whole epochs, at the rate that the normalisation asks for."""
    given: dict[str, Any] = {"queue": params.queue, "m": params.m, "temperature": params.tau}
    given |= {"batch_size": params.batch_size, "batch_norm": batch_norm, "lr": params.lr}
    given |= {"size": params.image_size, "backbone": backbone}
    preset = moco_paper if params.profile == "paper" else moco_laptop
    settings = preset(**{name: value for name, value in given.items() if value is not None})
    epochs = max(1, round((params.steps or 1) / max(1, n_images // settings.batch_size)))
    return settings.but(epochs=epochs)


def summary(rows: pd.DataFrame) -> str:
    """What a finished study says, for a terminal."""
    return str(loss_effect_table(rows))


def _outcome(run: Run, job: Contrast) -> str:
    rows = run.results()
    own = rows[(rows["method"] == job.method) & (rows["regime"] == job.regime) & (rows["seed"] == job.seed)]
    values = own.set_index("metric")["value"]
    norm = f", norm {values['mean_norm']:.2f}" if "mean_norm" in values else ""
    return f"mAP {values['map_step']:.3f}{norm}"
