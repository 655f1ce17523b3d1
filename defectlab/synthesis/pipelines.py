"""Inpainting pipelines by name or folder: ``pocket``, ``sdxl``, or anything in diffusers format.

Weights are safetensors only, code from a model repository is never run, and nothing is fetched unless the name of
a model on the hub was given.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from defectlab.choices import unknown_choice
from defectlab.devices import dtype_for, pick_device
from defectlab.paths import MissingPathError, resolve_weights

__all__ = ["ModelSource", "faster_scheduler", "load_inpainting", "model_source", "scheduler_name", "speed_up"]

SDXL = "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"
SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SHORT_NAMES = {"sdxl": SDXL}
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
HUB_FP16 = frozenset({SDXL, SD15})  # hub models known to offer half-precision files
SCHEDULERS = ("checkpoint", "dpmsolver++")


@dataclass(frozen=True)
class ModelSource:
    """Which weights made an image.

    Attributes:
        name: hub name, folder name, or class of a pipeline that was built by hand.
        revision: commit on the hub, or hash of the files of a folder; empty for a pipeline built by hand.
    """

    name: str
    revision: str = ""


def load_inpainting(
    name_or_folder: str | Path,
    device: str | torch.device = "auto",
    dtype: torch.dtype | None = None,
    *,
    scheduler: str = "checkpoint",
    attention_slicing: bool = False,
    vae_tiling: bool = False,
    cpu_offload: bool = False,
    compiled: bool = False,
) -> Any:
    """An inpainting pipeline, ready to be called.

    Args:
        name_or_folder: ``"pocket"``, ``"sdxl"``, a folder in diffusers format or of `defectlab pocket train`, or a
            name ``owner/model`` on the hub, which is fetched unless it is in the cache.
        device: ``auto``, ``cpu``, ``cuda``, ...
        dtype: by default float16 on a GPU and float32 elsewhere.
        scheduler: ``"checkpoint"`` keeps the one that the model was published with; ``"dpmsolver++"`` reaches a
            like result in 10 to 15 steps (Lu et al. 2022), multistep, second order, on the same noise schedule.
        attention_slicing: attention in slices: less memory, slower.
        vae_tiling: images decoded in tiles: less memory.
        cpu_offload: only the model at work is on the GPU: much less memory, slower.
        compiled: see `speed_up`; worth its minutes of compilation for hundreds of images on a GPU.

    Returns:
        Something called like a diffusers inpainting pipeline.

    Raises:
        MissingPathError: if there is no such folder, or the hub cannot be reached and the model is not cached.
        ValueError: if the folder is no inpainting pipeline, has no safetensors, or an option does not apply.
    """
    if scheduler not in SCHEDULERS:
        raise unknown_choice("scheduler", scheduler, SCHEDULERS)
    device = pick_device(str(device))
    if cpu_offload and device.type == "cpu":
        raise ValueError("cpu_offload: the device is the CPU already; leave it off or choose a GPU")
    if is_pocket(name_or_folder):
        given = {
            "dtype": dtype not in (None, torch.float32),
            "scheduler": scheduler != "checkpoint",
            "attention_slicing": attention_slicing,
            "vae_tiling": vae_tiling,
            "cpu_offload": cpu_offload,
            "compiled": compiled,
        }
        return _load_pocket(name_or_folder, device, [name for name, is_given in given.items() if is_given])
    folder, source = locate(str(name_or_folder), device)
    pipeline = _from_folder(folder, dtype or dtype_for(device))
    if scheduler == "dpmsolver++":
        pipeline.scheduler = faster_scheduler(pipeline.scheduler)
    if attention_slicing:
        pipeline.enable_attention_slicing()
    if vae_tiling:
        pipeline.vae.enable_tiling()
    if cpu_offload:
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)  # the store shows one bar for the whole set
    if getattr(pipeline, "watermark", None) is not None:
        pipeline.watermark = None  # it would depend on whether an optional package is installed
    pipeline.model_source = source
    return speed_up(pipeline) if compiled else pipeline


def speed_up(pipeline: Any, compiled: bool = True) -> Any:
    """The pipeline in channels-last memory and, unless told otherwise, with compiled UNet and decoder.

    The first call of a batch size compiles it, for minutes on a GPU. Results differ from those of the plain pipeline
    by rounding.
    """
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.vae.to(memory_format=torch.channels_last)
    if compiled:
        pipeline.unet = torch.compile(pipeline.unet)
        pipeline.vae.decode = torch.compile(pipeline.vae.decode)
    return pipeline


def faster_scheduler(scheduler: Any) -> Any:
    """DPM-Solver++ 2M on the noise schedule of another scheduler, for 10 to 15 steps instead of 30."""
    from diffusers import DPMSolverMultistepScheduler

    return DPMSolverMultistepScheduler.from_config(
        scheduler.config, algorithm_type="dpmsolver++", solver_order=2, use_karras_sigmas=True
    )


def model_source(pipeline: Any) -> ModelSource:
    """Where the weights of a pipeline come from, as far as it is known."""
    known = getattr(pipeline, "model_source", None)
    return known if isinstance(known, ModelSource) else ModelSource(type(pipeline).__name__)


def scheduler_name(pipeline: Any) -> str:
    """Class of the scheduler, such as ``EulerDiscreteScheduler``."""
    return type(getattr(pipeline, "scheduler", None)).__name__


def crops_batches(pipeline: Any) -> bool:
    """True where the pipeline takes ``padding_mask_crop`` for a list of images; diffusers takes it for one only."""
    return not hasattr(pipeline, "mask_processor")


def hash_folder(folder: Path) -> str:
    """Twelve hexadecimal digits of the names and contents of all configurations and weights below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".safetensors", ".txt") and path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def is_pocket(name_or_folder: str | Path) -> bool:
    """True for ``"pocket"`` and for a folder that holds a model of that kind."""
    from defectlab.synthesis.pocket.storage import is_model

    return str(name_or_folder) == "pocket" or is_model(name_or_folder)


def _load_pocket(name_or_folder: str | Path, device: torch.device, given: list[str]) -> Any:
    from defectlab.synthesis.pocket import PocketPipeline
    from defectlab.synthesis.pocket.storage import SHIPPED

    if given:
        raise ValueError(
            f"{', '.join(given)}: not an option of pocket, which computes in float32 with its own scheduler"
        )
    shipped = str(name_or_folder) == "pocket"
    folder = SHIPPED if shipped else Path(name_or_folder)
    pipeline = PocketPipeline.from_pretrained(folder).to(device)
    pipeline.model_source = ModelSource("pocket" if shipped else folder.resolve().name, hash_folder(folder))
    return pipeline


def locate(
    name: str, device: torch.device, short_names: Mapping[str, str] = SHORT_NAMES, embedded: str = "pocket"
) -> tuple[Path, ModelSource]:
    """Folder of the weights and what they are called; fetches a hub model that was asked for by name.

    Args:
        name: a folder, a name on the hub, or one of ``short_names``.
        device: where it will run: half-precision files are fetched for a GPU.
        short_names: names on the hub by their short forms.
        embedded: the model of the package that an error recommends.

    Raises:
        MissingPathError: if there is no such folder, or the hub cannot be reached and the model is not cached.
        ValueError: if the folder is no pipeline or has no safetensors.
    """
    hub = short_names.get(name, name)
    try:
        folder = resolve_weights(hub)
    except MissingPathError as missing:
        if not HUB_NAME.fullmatch(hub):
            raise MissingPathError(
                f"generator: {name!r} is no folder, no name on the hub (owner/model) and none of "
                f"{', '.join((embedded, *short_names))}"
            ) from missing
    else:
        _require_pipeline(folder)
        return folder, ModelSource(hub if hub in short_names.values() else folder.name, hash_folder(folder))
    folder = _fetch(hub, "fp16" if hub in HUB_FP16 and device.type == "cuda" else None, embedded)
    return folder, ModelSource(hub, folder.name)  # the cache names a snapshot by its commit


def _fetch(hub: str, variant: str | None, embedded: str) -> Path:
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(hub, variant=variant, use_safetensors=True))
    except OSError as error:  # diffusers reports no network, no such model and no permission as this
        raise MissingPathError(
            f"{hub} is not in the cache and could not be fetched from the hub. Without a network give a folder: copy "
            f"the model to a machine that has one (`huggingface-cli download {hub} --local-dir FOLDER`), bring FOLDER "
            f"here and give its path as the generator, or use generator {embedded!r}, which is part of the package.\n"
            f"{error}"
        ) from error


def _from_folder(folder: Path, dtype: torch.dtype) -> Any:
    from diffusers import AutoPipelineForInpainting

    keep_quiet_about_upcasts()
    try:
        return AutoPipelineForInpainting.from_pretrained(
            str(folder), dtype=dtype, variant=variant_of(folder, dtype), use_safetensors=True, local_files_only=True
        )
    except ValueError as error:
        raise ValueError(f"{folder}: expected an inpainting pipeline in diffusers format; {error}") from error


def _require_pipeline(folder: Path) -> None:
    if not (folder / "model_index.json").is_file():
        raise ValueError(f"{folder}: expected a folder in diffusers format, found no model_index.json in it")
    if not any(folder.rglob("*.safetensors")):
        others = sorted({path.suffix for path in folder.rglob("*") if path.suffix in (".bin", ".ckpt", ".pt", ".pth")})
        raise ValueError(f"{folder}: expected weights as .safetensors, found {', '.join(others) or 'none'}")


def variant_of(folder: Path, dtype: torch.dtype) -> str | None:
    """``"fp16"`` where half precision is wanted and there, or where nothing else is there."""
    files = [path.name for path in folder.rglob("*.safetensors")]
    half = [name for name in files if name.endswith(".fp16.safetensors")]
    return "fp16" if half and (dtype == torch.float16 or len(half) == len(files)) else None


def keep_quiet_about_upcasts() -> None:
    """Drop the notice that models repeat when they change place; it names no module and asks for nothing."""
    logging.getLogger("diffusers.models.modeling_utils").addFilter(_is_not_upcast_notice)


def _is_not_upcast_notice(record: logging.LogRecord) -> bool:
    return "should be kept in float32: []" not in record.getMessage()
