"""The arms of the comparison: one synthesizer each for every seed, and the synthetic sets that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.experiment_parameters import ExperimentParameters
from defectlab.experiments.fine_tuning import fine_tuned, instances, require_fine_tuning
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.experiments.kept import VALIDATION_SEED, Kept
from defectlab.experiments.splits import Splits, real_positives
from defectlab.files import fingerprint
from defectlab.runs import Run
from defectlab.synthesis.base import Synthesizer, SyntheticSet
from defectlab.synthesis.diag import Diag, DiagSettings
from defectlab.synthesis.fine_tuned import FineTuned
from defectlab.synthesis.in_and_out import InAndOut
from defectlab.synthesis.masks import MaskSource, mask_source
from defectlab.synthesis.memseg import MemSeg
from defectlab.synthesis.pipelines import is_pocket, load_inpainting, model_source
from defectlab.synthesis.text_to_image import load_text_to_image
from defectlab.synthesis.textures import texture_source

AnyParameters = DiagParameters | InAndOutParameters
Maker = Callable[[int, Path], Synthesizer]
"""The synthesizer of an arm for a seed; what it learns and makes is kept below the folder."""


@dataclass(frozen=True)
class Synthetics:
    """Synthetic images of one arm and seed.

    Attributes:
        train: the ``n_aug`` images that are added to training; none for training without augmentation.
        validation: further images for choosing a threshold where no real positives may be used.
    """

    train: SyntheticSet
    validation: SyntheticSet


def choose_masks(params: AnyParameters, splits: Splits, seed: int) -> MaskSource:
    """Where the defects of DIAG go; ``real`` takes the masks of the real training positives, as the paper does.

    In the few-shot regime these are the ``n_shot`` that the seed has drawn and no others: a mask says where and how
    large a defect is, and of the others nothing may be known.
    """
    known = real_positives(splits, params, seed) if params.regime == "few_shot" else splits.positives
    return mask_source(params.masks, dataset=known)


def make_synthesizers(params: AnyParameters, splits: Splits) -> dict[str, Maker]:
    """How each arm makes its images, with the settings of the parameters and its generator loaded.

    Training without augmentation is among them in the few-shot regime alone, where it needs images of MemSeg for its
    threshold; see `defectlab.experiments.detect.Fold`. MemSeg and, where In&Out is compared, diffusion alone are there
    even if they are no arm of their own.

    Raises:
        ValueError: if settings, images and masks do not go together; before any image is made.
    """
    memseg: Maker = partial(_memseg, params)
    makers: dict[str, Maker] = {"memseg": memseg}
    if params.regime == "few_shot":
        makers["none"] = memseg
    if isinstance(params, InAndOutParameters) and {"ddpm", "in_and_out"} & set(params.arms):
        pipeline = load_text_to_image(params.base_model or "pocket-sd", params.device)
        require_fine_tuning(params, splits, pipeline)
        makers["ddpm"] = partial(_ddpm, params, splits, pipeline)
        makers["in_and_out"] = partial(_in_and_out, makers["ddpm"], memseg)
    if "diag" in params.arms:
        masks = {seed: choose_masks(params, splits, seed) for seed in params.seeds}
        makers["diag"] = partial(_diag, params, load_inpainting(params.generator or "pocket", params.device), masks)
    return makers


def fine_tune(
    params: ExperimentParameters, makers: Mapping[str, Maker], run: Run, folder: Path | None = None
) -> dict[int, FineTuned]:
    """The fine-tuned model of every seed, picked up where it is stored; none where no method asks for one.

    Args:
        params: seeds are read.
        makers: of `make_synthesizers`.
        run: keeps the adapters.
        folder: keeps them in place of the run; see `synthesise`.
    """
    root = folder or run.folder("synthetic")
    tuned = {}
    for seed in params.seeds if "ddpm" in makers else []:
        kept = makers["ddpm"](seed, root)
        assert isinstance(kept, Kept) and isinstance(kept.synthesizer, FineTuned)  # what `_ddpm` gives
        tuned[seed] = kept.synthesizer
    return tuned


def synthesise(
    params: ExperimentParameters,
    splits: Splits,
    makers: Mapping[str, Maker],
    run: Run,
    folder: Path | None = None,
) -> dict[tuple[str, int], Synthetics]:
    """Synthetic images of every arm and seed; what is stored already is not made again.

    Args:
        params: arms, seeds and counts are read.
        splits: the real images.
        makers: of `make_synthesizers`.
        run: keeps the images.
        folder: keeps them in place of the run, for several runs: a longer set gives the shorter ones.
    """
    root = folder or run.folder("synthetic")
    held_out = splits.validation.subset(defective=False)
    made = {}
    for seed in params.seeds:
        for arm in [arm for arm in params.arms if arm in makers]:
            synthesizer = makers[arm](seed, root)
            n = params.n_aug
            train = SyntheticSet([], arm) if arm == "none" else synthesizer.synthesize(splits.normals, n, seed)
            extra = synthesizer.synthesize(held_out, max(10, n // 5), seed + VALIDATION_SEED)
            made[arm, seed] = Synthetics(train, extra)
    return made


def _memseg(params: ExperimentParameters, seed: int, root: Path) -> Kept:
    return Kept(MemSeg(textures=texture_source(params.textures)), root / "memseg")


def _ddpm(params: InAndOutParameters, splits: Splits, pipeline: Any, seed: int, root: Path) -> Kept:
    """Fine-tunes, or picks up what was fine-tuned; adapter and sampling are part of the folder's name."""
    model = fine_tuned(params, pipeline, seed, root).fit(instances(params, splits, seed))
    assert model.adapter is not None  # after fit
    key = fingerprint({"adapter": model.adapter.fingerprint, **asdict(model.sampling)})
    return Kept(model, root / f"ddpm-{key}")


def _in_and_out(diffusion: Maker, memseg: Maker, seed: int, root: Path) -> Synthesizer:
    """Nothing is made twice: the halves are the beginnings of the sets that both methods have alone."""
    return InAndOut(diffusion(seed, root), memseg(seed, root))


def _diag(params: AnyParameters, pipeline: Any, masks: Mapping[int, MaskSource], seed: int, root: Path) -> Kept:
    """Another model makes other images, and few-shot knows few masks: both are part of the folder's name."""
    preset = DiagSettings.pocket if is_pocket(params.generator or "pocket") else DiagSettings
    settings = preset(prompts=params.descriptions, **params.painting)
    few = f"-{params.n_shot}_shot" if params.regime == "few_shot" and params.masks == "real" else ""
    by_count = settings.order == "paper" and len(settings.prompts) > 1
    revision = model_source(pipeline).revision or "unnamed"
    return Kept(Diag(pipeline, masks[seed], settings), root / f"diag-{revision}{few}", by_count)
