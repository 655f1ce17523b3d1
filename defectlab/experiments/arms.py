"""The arms of the comparison: one synthesizer each, one synthetic set for every seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.splits import Splits
from defectlab.runs import Run
from defectlab.synthesis.base import Synthesizer, SyntheticSet
from defectlab.synthesis.diag import Diag, DiagSettings
from defectlab.synthesis.masks import MaskSource, mask_source
from defectlab.synthesis.memseg import MemSeg
from defectlab.synthesis.pipelines import is_pocket, load_inpainting, model_source
from defectlab.synthesis.textures import texture_source

VALIDATION_SEED = 100_000
"""Added to a seed for the synthetic images that thresholds are chosen on."""


@dataclass(frozen=True)
class Synthetics:
    """Synthetic images of one arm and seed.

    Attributes:
        train: the ``n_aug`` images that are added to training.
        validation: further images for choosing a threshold where no real positives may be used.
    """

    train: SyntheticSet
    validation: SyntheticSet


def choose_masks(params: DiagParameters, splits: Splits) -> MaskSource:
    """Where the defects of DIAG go; ``real`` takes the masks of the real training positives, as the paper does."""
    return mask_source(params.masks, dataset=splits.positives)


def make_synthesizers(params: DiagParameters, masks: MaskSource) -> dict[str, Synthesizer]:
    """MemSeg and DIAG with the settings of the parameters, the generator loaded."""
    pipeline = load_inpainting(params.generator or "pocket", params.device)
    preset = DiagSettings.pocket if is_pocket(params.generator or "pocket") else DiagSettings
    changes = {"num_inference_steps": params.steps, "guidance_scale": params.guidance_scale, "canvas": params.canvas}
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    settings = preset(prompts=params.descriptions, **given)
    return {"memseg": MemSeg(textures=texture_source(params.textures)), "diag": Diag(pipeline, masks, settings)}


def synthesise(
    params: DiagParameters, splits: Splits, synthesizers: Mapping[str, Synthesizer], run: Run
) -> dict[tuple[str, int], Synthetics]:
    """Synthetic images of every arm and seed, stored in the run; what is stored already is not made again."""
    made = {}
    for seed in params.seeds:
        for arm, synthesizer in synthesizers.items():
            folder = run.folder("synthetic") / _name(arm, synthesizer)
            train = synthesizer.synthesize(splits.normals, params.n_aug, seed, folder / f"seed-{seed}")
            extra = synthesizer.synthesize(
                splits.validation.subset(defective=False),
                max(10, params.n_aug // 5),
                seed + VALIDATION_SEED,
                folder / f"seed-{seed}-validation",
            )
            made[arm, seed] = Synthetics(train, extra)
    return made


def _name(arm: str, synthesizer: Synthesizer) -> Path:
    """Folder of an arm: another model makes other images, so its revision is part of the name."""
    if not isinstance(synthesizer, Diag):
        return Path(arm)
    return Path(f"{arm}-{model_source(synthesizer.pipeline).revision or 'unnamed'}")
