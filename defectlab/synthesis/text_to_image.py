"""Text-to-image pipelines by name or folder: ``pocket-sd``, ``sd15``, or any Stable Diffusion 1 or 2 of diffusers.

Weights are safetensors only, code from a model repository is never run, and nothing is fetched unless the name of
a model on the hub was given. Pipelines come without a safety checker: it judges photographs of people, would blacken
an image of a surface that it mistakes, and is not asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from defectlab.devices import dtype_for, pick_device
from defectlab.files import read_json
from defectlab.paths import MissingPathError
from defectlab.synthesis.pipelines import (
    SD15,
    ModelSource,
    hash_folder,
    keep_quiet_about_upcasts,
    locate,
    variant_of,
)

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

POCKET_SD = "pocket-sd"
SHORT_NAMES = {"sd15": SD15}
PIPELINE = "StableDiffusionPipeline"


def load_text_to_image(
    name_or_folder: str | Path = POCKET_SD,
    device: str | torch.device = "auto",
    dtype: torch.dtype | None = None,
) -> StableDiffusionPipeline:
    """A text-to-image pipeline, ready to be called or fine-tuned.

    Args:
        name_or_folder: ``"pocket-sd"``, ``"sd15"``, a folder in diffusers format or of `defectlab pocket train-sd`,
            or a name ``owner/model`` on the hub, which is fetched unless it is in the cache.
        device: ``auto``, ``cpu``, ``cuda``, ...
        dtype: by default float32 for ``pocket-sd`` and on a CPU, float16 for others on a GPU.

    Returns:
        The pipeline, its ``model_source`` set, its progress bar off.

    Raises:
        MissingPathError: if there is no such folder, the hub cannot be reached and the model is not cached, or this
            installation holds no weights of ``pocket-sd``.
        ValueError: if the folder is no Stable Diffusion pipeline or has no safetensors.
    """
    device = pick_device(str(device))
    keep_quiet_about_upcasts()
    pipeline: Any
    if is_pocket_sd(name_or_folder):
        pipeline, source = _load_pocket_sd(name_or_folder)
        pipeline.to(device, dtype or torch.float32)
    else:
        folder, source = locate(str(name_or_folder), device, SHORT_NAMES, POCKET_SD)
        pipeline = _from_folder(folder, dtype or dtype_for(device))
        pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)  # the store shows one bar for the whole set
    pipeline.model_source = source
    return pipeline


def is_pocket_sd(name_or_folder: str | Path) -> bool:
    """True for ``"pocket-sd"`` and for a folder that holds a model of that kind."""
    from defectlab.synthesis.pocket_sd.storage import is_model

    return str(name_or_folder) == POCKET_SD or is_model(name_or_folder)


def _load_pocket_sd(name_or_folder: str | Path) -> tuple[StableDiffusionPipeline, ModelSource]:
    from defectlab.synthesis.pocket_sd.storage import SHIPPED, is_model, read_pipeline

    shipped = str(name_or_folder) == POCKET_SD
    folder = SHIPPED if shipped else Path(name_or_folder)
    if shipped and not is_model(folder):
        raise MissingPathError(
            f"{POCKET_SD}: this installation holds no weights of it (expected in {folder}). Train it with "
            "`defectlab pocket train-sd --out FOLDER`, about an hour of one core, and give FOLDER/model instead"
        )
    return read_pipeline(folder), ModelSource(POCKET_SD if shipped else folder.resolve().name, hash_folder(folder))


def _from_folder(folder: Path, dtype: torch.dtype) -> StableDiffusionPipeline:
    from diffusers import StableDiffusionPipeline

    found = read_json(folder / "model_index.json").get("_class_name")
    if found != PIPELINE:
        raise ValueError(f"{folder}: expected a text-to-image pipeline of class {PIPELINE}, found {found}")
    return StableDiffusionPipeline.from_pretrained(
        str(folder),
        dtype=dtype,
        variant=variant_of(folder, dtype),
        use_safetensors=True,
        local_files_only=True,
        safety_checker=None,
        requires_safety_checker=False,
    )
