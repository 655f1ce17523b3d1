"""DDPM-MoCo step by step: generators of the classes, what they make, encoders on it, and what these are worth."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from defectlab.detection.moco import MoCoSettings
from defectlab.detection.moco import paper as moco_paper
from defectlab.detection.moco.batches import check_batches
from defectlab.detection.moco.model import check_backbone, has_batch_norm
from defectlab.detection.moco.settings import laptop as moco_laptop
from defectlab.detection.moco.settings import v1, v2
from defectlab.detection.moco.training import classes_of
from defectlab.experiments import collected
from defectlab.experiments.contents import contents
from defectlab.experiments.contrast import Contrast, contrast_all
from defectlab.experiments.ddpm_moco_data import ClassSplits, load_classes
from defectlab.experiments.ddpm_moco_parameters import DdpmMocoParameters
from defectlab.experiments.generator_choices import SAMPLERS, Generator, comparator_settings, comparators
from defectlab.experiments.generator_features import Features, encoder_features, inception_features
from defectlab.experiments.generators import Comparison, class_conditional, compare_generators, sampler_quality
from defectlab.experiments.held_images import HeldImages
from defectlab.provenance import papermill_command
from defectlab.report.contrastive_plots import class_faces
from defectlab.report.contrastive_setting import V_16, ContrastiveSetting
from defectlab.report.tables import EXPORT_NOTE, ReportTable
from defectlab.runs import Run
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.diffusion.classical import ClassicalSettings
from defectlab.synthesis.diffusion.ddpm import Ddpm
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings
from defectlab.synthesis.store import collect

LARGEST = 224
"""Side of the views that encoders are trained on, at most; larger images are made smaller."""
PRESETS = {"v1": v1(), "v2": v2()}
"""MoCo's own augmentations and projections, by the value of ``preset``."""
TRAINED = 0.8
"""Share of the generated images that is trained on; the rest is tested on where ``test_on`` says so."""


def load(params: DdpmMocoParameters) -> ClassSplits:
    """The real images of the parameters; everything that can be wrong with settings or images is found here.

    Raises:
        FileNotFoundError: if the data or weights are not there.
        ValueError: if settings do not go together, or images or classes cannot be used.
    """
    assert params.image_size is not None and params.scale is not None  # every profile gives them
    diffusion_settings(params)
    sampling_settings(params)
    if params.compare_generators:
        comparator_settings(params.profile, comparator_side(params))
    data = load_classes(params.dataset, params.data_root, params.classes, params.image_size, params.scale)
    for backbone in params.backbones:
        check_backbone(moco_settings(params, backbone))
    _require_batches(params, data)
    class_faces(data.classes)  # refuses more classes than a figure can tell apart
    least = 2 * len(data.classes)
    if min(params.n_compared or least, params.n_generated or least) < least:
        raise ValueError(
            f"n_generated, n_compared: {len(data.classes)} classes need {least} images at least, "
            f"got {params.n_generated} and {params.n_compared}"
        )
    return data


def diffusion_settings(params: DdpmMocoParameters) -> DiffusionSettings:
    """The profile's preset at the parameters' size; attention stays at those sides that there are."""
    settings: DiffusionSettings = getattr(DiffusionSettings, params.profile)()
    size = params.image_size or settings.size
    sides = [(size // settings.patch) >> level for level in range(len(settings.channels))]
    at = tuple(side for side in settings.attention_at if side in sides)
    steps = params.diffusion_steps or settings.steps
    return replace(settings, size=size, attention_at=at, steps=steps, seed=params.generator_seed)


def comparator_side(params: DdpmMocoParameters) -> int:
    """Side of the images of GAN, VAE and flow, in pixels."""
    return params.comparator_size or diffusion_settings(params).size


def sampling_settings(params: DdpmMocoParameters) -> SamplingSettings:
    """The profile's preset with the parameters' sampler, steps and guidance.

    Raises:
        ValueError: if the steps do not divide the levels of the model.
    """
    preset: SamplingSettings = getattr(SamplingSettings, params.profile)()
    changed: dict[str, Any] = {"sampler": params.sampler, "steps": params.steps, "guidance": params.guidance}
    sampling = replace(preset, **{name: value for name, value in changed.items() if value is not None})
    sampling.calls(diffusion_settings(params).timesteps)
    return sampling


def moco_settings(params: DdpmMocoParameters, backbone: str) -> MoCoSettings:
    """Settings of a pretraining, without its loss and seed."""
    preset = moco_paper if params.profile == "paper" else moco_laptop
    given: dict[str, Any] = {
        "queue": params.queue,
        "m": params.m,
        "temperature": params.tau,
        "batch_size": params.batch_size,
        "epochs": params.epochs,
        "keep": params.keep,
        "lr": params.lr,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    norm = params.batch_norm if has_batch_norm(backbone) else "plain"
    if params.preset is not None:
        of = PRESETS[params.preset]
        chosen |= {"augmentation": of.augmentation, "head": of.head, "dim": of.dim}
    size = min(params.image_size or LARGEST, LARGEST)
    more: dict[str, Any] = {"batch_composition": params.batches, "batch_norm": norm, "schedule": "cosine"}
    return preset(backbone=backbone, size=size, **chosen, **more)


def setting_of(params: DdpmMocoParameters, backbone: str) -> ContrastiveSetting:
    """Setting of a backbone, as result rows have it in the column ``regime``."""
    return ContrastiveSetting(backbone, params.batches, moco_settings(params, backbone).batch_norm, params.test_on)


def learn(params: DdpmMocoParameters, data: ClassSplits, run: Run) -> Ddpm:
    """The diffusion models of all classes, trained on the classically augmented training images.

    They lie beside the run, so that runs that differ in what comes later have them in common.
    """
    folder, classical = models_folder(run), ClassicalSettings()
    ddpm = Ddpm(
        diffusion_settings(params),
        sampling_settings(params),
        folder,
        data.classes,
        params.conditional,
        classical,
        params.device,
    )
    return ddpm.fit(data.train)


def generate(params: DdpmMocoParameters, data: ClassSplits, ddpm: Ddpm, run: Run) -> SyntheticSet:
    """The generated images, of all classes in turn; written as they are made, and kept beside the run."""
    assert params.n_generated is not None  # every profile gives it
    seed = params.generator_seed
    place = run.path.parent / "generated" / f"{ddpm.fingerprint}-seed-{seed}"
    return ddpm.synthesize(data.train, params.n_generated, seed, place)


def export(params: DdpmMocoParameters, made: SyntheticSet) -> ReportTable:
    """Writes the images and their records where ``out`` says; the table names the folder, and is empty without one.

    A second call writes what is missing.
    """
    if not params.out:
        nothing = pd.DataFrame(columns=["images", "folder"])
        return ReportTable(nothing, "Images that were written", (EXPORT_NOTE,))
    folder = Path(params.out).expanduser()
    settings = {"contents": contents(made)}
    collect(lambda indices: [made.items[i] for i in indices], len(made), name=made.name, settings=settings, out=folder)
    return ReportTable(pd.DataFrame([{"images": len(made), "folder": str(folder)}]), "Images that were written")


def compare(params: DdpmMocoParameters, data: ClassSplits, ddpm: Ddpm, run: Run) -> Comparison:
    """GAN, VAE and flow beside diffusion on the same images, or diffusion alone where they are not asked for.

    Where the three learn smaller images, all four are judged at that size.
    """
    assert params.n_compared is not None  # every profile gives it
    generators: dict[str, Generator] = {}
    if params.compare_generators:
        folder, seed = models_folder(run), params.generator_seed
        size, classical = comparator_side(params), ddpm.classical
        generators = comparators(params.profile, folder, data.classes, size, classical, params.device, seed)
    generators["ddpm"] = ddpm
    features = features_of(params)
    return compare_generators(
        run, generators, data.train, data.test, params.n_compared, params.generator_seed, features
    )


def samplers(params: DdpmMocoParameters, data: ClassSplits, ddpm: Ddpm, run: Run) -> pd.DataFrame:
    """Samplers and steps: seconds an image and distance to real images; empty where not asked for."""
    if not params.compare_samplers:
        return pd.DataFrame(columns=["sampler", "steps", "seconds", "metric", "distance", "seed", "images"])
    few = max(2 * len(data.classes), (params.n_compared or 0) // 3)
    ways, seed = SAMPLERS[params.profile], params.generator_seed
    return sampler_quality(run, ddpm, data.test, features_of(params), ways, few, seed)


def conditional(params: DdpmMocoParameters, data: ClassSplits, ddpm: Ddpm, run: Run) -> pd.DataFrame:
    """One model that is told the class beside one a class; empty where not asked for."""
    columns = ["model", "share", "steps", "guidance", "train_seconds", "class", "metric", "value", "seed"]
    if not params.compare_conditional or ddpm.conditional:
        return pd.DataFrame(columns=columns)
    few = max(2 * len(data.classes), params.n_compared or 0)
    return class_conditional(run, ddpm, data.train, data.test, features_of(params), few, params.generator_seed)


def features_of(params: DdpmMocoParameters) -> Features:
    """Inception's features where its weights are given, else those of the small encoder of the package."""
    if params.inception:
        return inception_features(params.inception, params.device)
    return encoder_features(params.device)


def models_folder(run: Run) -> Path:
    """Folder of generators, the same for all runs of the notebook."""
    return run.path.parent / "models"


def train_encoders(params: DdpmMocoParameters, data: ClassSplits, made: SyntheticSet, run: Run) -> pd.DataFrame:
    """Every loss and baseline on every kind of data, each seed and backbone; what is stored is not trained again.

    Returns:
        Rows of the run store, one a metric value; scores and histories are tables of the run.
    """
    contrast_all(encoder_jobs(params, data, made), run, params.device)
    return run.results()


def encoder_jobs(params: DdpmMocoParameters, data: ClassSplits, made: SyntheticSet) -> list[Contrast]:
    """The trainings: seed by seed, so that what is finished is a comparison."""
    size = moco_settings(params, params.backbones[0]).size
    held: dict[str, tuple[HeldImages, int]] = {"original": (HeldImages(data.train, size), 0)}
    generated, cut = HeldImages(made, size), _cut(len(made))
    held["augmented"] = generated.subset(indices=range(cut)), len(made)
    of_generated = params.test_on == "generated"
    tested = generated.subset(indices=range(cut, len(made))) if of_generated else HeldImages(data.test, size)
    jobs = []
    for seed, backbone, (kind, name) in product(params.seeds, params.backbones, params.arms):
        settings, regime = moco_settings(params, backbone), setting_of(params, backbone).regime
        job = Contrast(kind, settings, seed, held[name][0], tested, regime, name, held[name][1])
        jobs.append(replace(job, head=head_of(params, backbone), keep=seed == params.seeds[0]))
    return jobs


def head_of(params: DdpmMocoParameters, backbone: str) -> str:
    """Head on the frozen backbone; the paper's is an MLP on its transformer and linear on its ResNet."""
    if params.head != "paper":
        return params.head
    return "mlp" if setting_of(params, backbone).family == V_16 else "linear"


def finish(params: DdpmMocoParameters, data: ClassSplits, run: Run) -> None:
    """Marks the run as finished and makes it ready to be stored with `defectlab claims store`."""
    run.finish()
    collected.collect(run, params, papermill_command("ddpm_moco", collected.changed(params)), data.test)


def _cut(n_generated: int) -> int:
    """How many of the generated images are trained on."""
    return round(TRAINED * n_generated)


def _require_batches(params: DdpmMocoParameters, data: ClassSplits) -> None:
    """Stops before any training where a pretraining could not fill a batch."""
    settings = moco_settings(params, params.backbones[0])
    labels, names = classes_of(data.train)
    made = torch.arange(_cut(params.n_generated or 0)) % len(names)
    parts = {"original": labels, "augmented": made}
    for kind in params.kinds_of_data:
        check_batches(parts[kind], names, settings.batch_size, settings.batch_composition)
