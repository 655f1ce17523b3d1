"""`finetune`: a pipeline and some images in, an adapter out, and the pipeline as it was."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from defectlab.data.base import SurfaceDataset
from defectlab.synthesis.dreambooth.adapters import adapted, plan_adapters
from defectlab.synthesis.dreambooth.checkpoint import load_checkpoint, require_same
from defectlab.synthesis.dreambooth.examples import hash_examples, instance_examples, regularisation_examples
from defectlab.synthesis.dreambooth.machine import make_accelerator, training_mode
from defectlab.synthesis.dreambooth.merging import is_merged
from defectlab.synthesis.dreambooth.sampling import base_of, regularisation_images, side_unit
from defectlab.synthesis.dreambooth.settings import DreamBoothSettings
from defectlab.synthesis.dreambooth.storage import RECORD, Adapter
from defectlab.synthesis.dreambooth.training import FineTuning
from defectlab.synthesis.records import jsonable

REGULARISATION = "regularisation"


def finetune(
    pipeline: Any,
    instances: SurfaceDataset,
    settings: DreamBoothSettings,
    folder: str | Path,
    device: str | torch.device = "auto",
    regularisation: str | Path | None = None,
) -> Adapter:
    """Teach a Stable Diffusion pipeline what a token means.

    Args:
        pipeline: text to image; it is moved to the device, and its weights are what they were afterwards.
        instances: the images.
        settings: how.
        folder: for checkpoint, log and adapter. A second call goes on where the first stopped; one that is finished
            is only loaded.
        device: ``auto``, ``cpu``, ``cuda``; several GPUs by ``accelerate launch``, which share each batch.
        regularisation: folder of the regularisation images, which fine-tunings of one model may share; by default
            one in ``folder``.

    Returns:
        The adapter, stored in ``folder``.

    Raises:
        ValueError: before any work, if settings, device, model and data do not fit each other, or the folder holds
            another fine-tuning.
        DivergedError: if the loss is no number any more; the last good checkpoint stays.
    """
    folder = Path(folder)
    _require_fits(pipeline, settings)
    accelerator = make_accelerator(settings, device)
    instance_set = instance_examples(instances, settings)
    what = {"settings": asdict(settings), "base": base_of(pipeline), "instances": hash_examples(instance_set)}
    if (folder / RECORD).is_file():
        adapter = Adapter.load(folder)
        require_same(jsonable(what), adapter.record["what"], folder / RECORD)
        return adapter
    load_checkpoint(folder, what)  # another fine-tuning is refused before images are made
    pipeline.to(accelerator.device)
    examples = instance_set
    if settings.regularised:
        place = Path(regularisation) if regularisation is not None else folder / REGULARISATION
        with accelerator.main_process_first():  # the others find the images made
            images = regularisation_images(pipeline, settings, place)
        examples = instance_set + regularisation_examples(images, instance_set, settings)
    plans = plan_adapters(pipeline, settings)
    gpus = [accelerator.device] if accelerator.device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=gpus),  # the caller's random numbers stay as they are
        adapted(pipeline, plans, settings.seed),
        training_mode(pipeline, settings.gradient_checkpointing),
    ):
        run = FineTuning(pipeline, plans, examples, settings, folder, accelerator, what)
        run.run()
        return run.finish()


def _require_fits(pipeline: Any, settings: DreamBoothSettings) -> None:
    if is_merged(pipeline):
        raise ValueError("an adapter is merged into this pipeline; call unmerge(pipeline) before a fine-tuning")
    unit = side_unit(pipeline)
    if settings.side_step % unit:
        raise ValueError(f"side_step: expected a multiple of {unit} for this model, got {settings.side_step}")
    layers = pipeline.text_encoder.config.num_hidden_layers
    if max(settings.clip_skip, settings.sampling_clip_skip) > layers:
        raise ValueError(f"clip_skip: the text encoder has {layers} layers only")
