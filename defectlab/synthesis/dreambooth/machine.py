"""What computes: accelerate on one device or many, the optimiser that is installed, memory for time."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from defectlab.devices import pick_device
from defectlab.synthesis.dreambooth.settings import DreamBoothSettings


def make_accelerator(settings: DreamBoothSettings, device: str | torch.device = "auto") -> Any:
    """An accelerator: of one device, or of one process of ``accelerate launch``.

    Args:
        settings: mixed precision, and which layers go without gradients.
        device: for one process; where several were launched each takes a GPU of its own.

    Raises:
        ValueError: if the device cannot compute in the precision asked for.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs

    chosen = pick_device(str(device))
    if settings.mixed_precision == "fp16" and chosen.type != "cuda":
        raise ValueError(
            f"mixed_precision: fp16 needs a CUDA device, the device is {chosen}; choose 'no' or 'bf16' for it"
        )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        # one process may fine-tune again, in another precision or on another device, which accelerate refuses
        AcceleratorState._reset_state(reset_partial_state=True)
        if chosen.type == "cuda" and chosen.index is not None:
            torch.cuda.set_device(chosen)
    # a layer behind the one that clip_skip reads has no gradient
    unused = DistributedDataParallelKwargs(find_unused_parameters=settings.clip_skip > 1)
    return Accelerator(mixed_precision=settings.mixed_precision, cpu=chosen.type == "cpu", kwargs_handlers=[unused])


def optimiser_class(settings: DreamBoothSettings, device: torch.device) -> type[torch.optim.Optimizer]:
    """AdamW, or its 8-bit form where it is asked for or, with ``auto``, where it can be had.

    Raises:
        ValueError: if it is asked for by name and cannot be had.
    """
    installed = importlib.util.find_spec("bitsandbytes") is not None
    usable = installed and device.type == "cuda"
    if settings.optimiser == "adamw" or (settings.optimiser == "auto" and not usable):
        return torch.optim.AdamW
    if not usable:
        lacking = f"the device is {device}" if installed else "bitsandbytes is not installed"
        raise ValueError(
            f"optimiser: adamw8bit needs bitsandbytes and a CUDA device, but {lacking}; choose 'adamw', or 'auto' for "
            "whichever there is"
        )
    from bitsandbytes.optim import AdamW8bit

    return AdamW8bit


@contextmanager
def training_mode(pipeline: Any, checkpointing: bool) -> Iterator[None]:
    """UNet and text encoder in training mode, with gradient checkpointing or without, while the block runs."""
    unet, encoder = pipeline.unet, pipeline.text_encoder
    before = _checkpoints(unet), _checkpoints(encoder)
    if checkpointing:
        unet.enable_gradient_checkpointing()
        _of(encoder, "enable")({"use_reentrant": False})
    unet.train()
    encoder.train()
    try:
        yield
    finally:
        if checkpointing and not before[0]:
            unet.disable_gradient_checkpointing()
        if checkpointing and not before[1]:
            _of(encoder, "disable")()


def _checkpoints(model: torch.nn.Module) -> bool:
    return any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


def _of(encoder: Any, what: str) -> Any:
    """The method of a transformer under its new name, or under that of releases before it."""
    return getattr(encoder, f"activation_checkpointing_{what}", None) or getattr(
        encoder, f"gradient_checkpointing_{what}"
    )
