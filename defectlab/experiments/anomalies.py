"""Synthetic defects for the detectors that learn from pairs: one synthesizer a model, one set a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from defectlab.data.anomaly_layout import category_of
from defectlab.data.base import SurfaceDataset
from defectlab.experiments.categories import Unit, Units
from defectlab.experiments.contents import contents
from defectlab.experiments.student_teacher_parameters import PAIRED, StudentTeacherParameters
from defectlab.files import fingerprint, slug
from defectlab.runs import Run
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.diffusion.settings import DiffusionSettings
from defectlab.synthesis.foreground import Foreground, foreground_for, foreground_of
from defectlab.synthesis.masks import MaskSource, PerlinMasks
from defectlab.synthesis.morphology import MasksWithin, MorphedMasks
from defectlab.synthesis.perturbed.normals import pixels
from defectlab.synthesis.perturbed.perturbed_ddpm import ANYWHERE, PerturbedDdpm
from defectlab.synthesis.perturbed.settings import PerturbedSettings, laptop_model, paper_model, smoke_model
from defectlab.synthesis.textures import texture_source

MODELS = {"smoke": smoke_model, "laptop": laptop_model, "paper": paper_model}
FEW = 4
"""Images P at a time on a laptop: figures ask for a few, and a batch that is not full is filled up."""
Sets = Mapping[tuple[str, str, int], SyntheticSet]
"""Synthetic images by model, content (``"diffusion"`` or ``"texture"``) and seed."""


def content_of(params: StudentTeacherParameters, arm: str) -> str:
    """What the synthetic images of an arm hold in place of P: its own, or a texture for the row ``textures_for_p``."""
    return "texture" if arm == "textures_for_p" else params.anomalies


def contents_needed(params: StudentTeacherParameters) -> tuple[str, ...]:
    """What has to be made for the arms of the parameters, each once."""
    return tuple(dict.fromkeys(content_of(params, arm) for arm in params.arms if arm in PAIRED))


def diffusion_settings(params: StudentTeacherParameters) -> DiffusionSettings:
    """The diffusion model of normal images: the preset of the profile, with the parameters' steps."""
    model = MODELS[params.profile]()
    return model if params.diffusion_steps is None else replace(model, steps=params.diffusion_steps)


def perturbation(params: StudentTeacherParameters, content: str) -> PerturbedSettings:
    """How defects come about: the preset of the profile with the parameters' values.

    Raises:
        ValueError: if strength, opacity or steps cannot be.
    """
    preset = PerturbedSettings.smoke() if params.profile == "smoke" else PerturbedSettings.laptop()
    strength = (params.strength[0], params.strength[1]) if params.strength else None
    given: dict[str, Any] = {} if params.sampling_steps is None else {"steps": params.sampling_steps}
    given |= {} if params.profile == "paper" else {"batch_size": FEW}
    given |= {"content": content, "extra": params.extra, "sampler": params.sampler, "label": params.label}
    return replace(preset, strength=strength, opacity=(params.opacity[0], params.opacity[1]), **given)


def mask_source(params: StudentTeacherParameters) -> MaskSource:
    """Where masks come from: Perlin noise, thinner or thicker where the parameters say so."""
    masks = PerlinMasks()
    if params.morphology == "none":
        return masks
    return MorphedMasks(masks, params.morphology, params.morphology_radius)


def foreground(params: StudentTeacherParameters, unit: Unit) -> Foreground | dict[str, Foreground | None] | None:
    """Where defects may be on the images of a model: one for all, one for each category, or ``None`` for anywhere.

    Raises:
        ValueError: if there is none of the name that is asked for.
    """
    if params.foreground != "auto":
        return foreground_for(params.foreground)
    of_categories = {name: foreground_of(params.dataset, name) for name in unit.tests}
    if len(unit.tests) == 1:
        return of_categories[next(iter(unit.tests))]
    return of_categories if any(each is not None for each in of_categories.values()) else None


def mask_sources(params: StudentTeacherParameters, unit: Unit) -> dict[str, MaskSource]:
    """Masks to look at by title: as drawn, thinner, thicker, and those of the run, on its first normal image."""
    radius, used = params.morphology_radius, mask_source(params)
    shown: dict[str, MaskSource] = {"Perlin": PerlinMasks()}
    shown |= {f"{title}, up to {radius} px": MorphedMasks(PerlinMasks(), operation, radius)
              for title, operation in (("Eroded", "erode"), ("Dilated", "dilate"))}  # fmt: skip
    allowed, first = foreground(params, unit), unit.train.records[0]
    of_first = allowed.get(category_of(first)) if isinstance(allowed, dict) else allowed
    if of_first is not None:
        return shown | {"This run, on an object": MasksWithin(used, of_first(pixels(unit.train, 0)))}
    return shown | {"This run": used}


def make_synthesizer(params: StudentTeacherParameters, unit: Unit, content: str, folder: Path) -> PerturbedDdpm:
    """The synthesizer of one model's normal images.

    Args:
        params: settings.
        unit: a diffusion model of several categories is told which it draws.
        content: ``"diffusion"`` or ``"texture"``.
        folder: where the diffusion model is kept.

    Raises:
        ValueError: if settings do not go together, before any training.
        FileNotFoundError: if there are no textures where they are asked for.
    """
    textures = texture_source(params.textures, params.data_root or None) if content == "texture" else None
    if content == "texture" and textures is None:
        raise ValueError("textures: 'none' gives nothing to put in place of P; take surfaces, dtd or a folder")
    several = category_of if len(unit.tests) > 1 else None
    return PerturbedDdpm(
        diffusion_settings(params),
        perturbation(params, content),
        folder,
        mask_source(params),
        foreground=foreground(params, unit),
        textures=textures,
        category=several,
        device=params.device,
    )


def make_synthesizers(params: StudentTeacherParameters, units: Units, run: Run) -> dict[tuple[str, str], PerturbedDdpm]:
    """The synthesizers of all models and contents that the arms need, checked and not fitted."""
    folder = run.folder("diffusion")
    return {
        (unit.name, content): make_synthesizer(params, unit, content, folder)
        for content in contents_needed(params)
        for unit in units.units
    }


def synthesise(
    params: StudentTeacherParameters, units: Units, makers: Mapping[tuple[str, str], PerturbedDdpm], run: Run
) -> dict[tuple[str, str, int], SyntheticSet]:
    """Fits the synthesizers and makes ``n_synthetic`` images of every model, content and seed, with their triplets.

    A diffusion model is trained once and serves all seeds; what is stored already is not made again.

    Args:
        params: counts and seeds are read.
        units: the normal images.
        makers: of `make_synthesizers`; fitted by this.
        run: keeps the diffusion models, and the triplets (I, A, M) below ``synthetic/``.

    Raises:
        ValueError: if the parameters do not say how many.
    """
    if params.n_synthetic is None:
        raise ValueError("n_synthetic: expected how many synthetic images each model is to have, got None")
    root, made = run.folder("synthetic"), {}
    for (name, content), maker in makers.items():
        normals = _unit(units, name).train
        maker.fit(normals)
        # another folder for other images or another model, so that a set never goes on from a foreign one
        model = "none" if maker.trained is None else maker.trained.fingerprint
        key = fingerprint({"model": model, "normals": contents(normals)})
        for seed in params.seeds:
            out = root / slug(f"{name}-{content}-{key}-seed-{seed}")
            made[name, content, seed] = maker.synthesize(normals, params.n_synthetic, seed, out)
    return made


def training_set(
    params: StudentTeacherParameters, unit: Unit, sets: Sets, arm: str, seed: int
) -> tuple[SurfaceDataset, SyntheticSet | None]:
    """Normal images of a model, and the synthetic ones where the arm learns from pairs."""
    return unit.train, sets[unit.name, content_of(params, arm), seed] if arm in PAIRED else None


def anomaly_table(sets: Sets) -> pd.DataFrame:
    """One line a set: how many images, what s and delta were, how much of them is defect, what did not change."""
    lines = []
    for (name, content, seed), made in sets.items():
        records = pd.DataFrame([item.record for item in made.items])
        strength = pd.to_numeric(records["strength"], errors="coerce")
        lines.append(
            {
                "model": name,
                "content": content,
                "seed": seed,
                "images": len(made),
                "s": "–" if strength.isna().all() else f"{strength.min():.2f} to {strength.max():.2f}",
                "delta": f"{records['opacity'].min():.2f} to {records['opacity'].max():.2f}",
                "defect, median": f"{100 * records['area'].median():.1f} %",
                "of the mask unchanged, mean": f"{100 * records['unchanged'].mean():.1f} %",
                "masks drawn again": int((records["draws"] - 1).sum()),
                "kept to an object": _kept_to_an_object(records),
            }
        )
    return pd.DataFrame(lines)


def _kept_to_an_object(records: pd.DataFrame) -> int:
    """Images whose defect had to lie on a foreground."""
    return int((records["foreground"] != ANYWHERE).sum()) if "foreground" in records else 0


def _unit(units: Units, name: str) -> Unit:
    return next(unit for unit in units.units if unit.name == name)
