"""MobileNet v1 as Keras Applications published it, from plain arrays into timm's ``mobilenetv1_100``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from defectlab.detection.backbones import BackboneSpec

ARCHITECTURE = "mobilenetv1_100"
BLOCKS = ((0, 1), (1, 2), (2, 2), (3, 6), (4, 2))  # (timm stage, blocks in it): 13 pairs depthwise, pointwise
LAST = 13
BATCH_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def read_mobilenet(path: Path) -> tuple[BackboneSpec, dict[str, Tensor]]:
    """Reads the arrays and says what network they make.

    Keras pads a stride-2 convolution by one pixel right and below; timm's ``pad_type="same"`` does so for every
    even side. Inputs are RGB in [-1, 1], BatchNorm's epsilon is 1e-3, the activation ReLU6 (Howard et al. 2017;
    Keras Applications).

    Args:
        path: an ``.npz`` with keys such as ``conv_pw_3/kernel``; it may end early, from the top.

    Returns:
        The spec, with the blocks that the file does not reach in ``absent``, and the state in timm's names.

    Raises:
        ValueError: if the file holds something else, or the arrays leave a gap or have another width.
    """
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if "conv1/kernel" not in arrays:
        raise ValueError(
            f"{path} is no MobileNet v1 of Keras: no array 'conv1/kernel' among {sorted(arrays)[:4]}. "
            "Other architectures are read from .safetensors or .pth"
        )
    reached = _reached(arrays, path)
    state = _convolution(arrays, "conv1/kernel", "conv_stem", path, (32, 3, 3, 3))
    state |= _batch_norm(arrays, "conv1_bn", "bn1", path, 32)
    for number, name in enumerate(_block_names(), start=1):
        if number > reached:
            break
        inputs, outputs = _width(number - 1), _width(number)
        state |= _convolution(arrays, f"conv_dw_{number}/depthwise_kernel", f"{name}.conv_dw", path, (inputs, 1, 3, 3))
        state |= _batch_norm(arrays, f"conv_dw_{number}_bn", f"{name}.bn1", path, inputs)
        state |= _convolution(arrays, f"conv_pw_{number}/kernel", f"{name}.conv_pw", path, (outputs, inputs, 1, 1))
        state |= _batch_norm(arrays, f"conv_pw_{number}_bn", f"{name}.bn2", path, outputs)
    half = (0.5, 0.5, 0.5)  # [0, 1] to [-1, 1]
    spec = BackboneSpec(
        ARCHITECTURE,
        {"pad_type": "same", "bn_eps": 1e-3},
        tuple(_block_names()[reached:]),
        half,
        half,
    )
    return spec, state


def _block_names() -> list[str]:
    return [f"blocks.{stage}.{block}" for stage, blocks in BLOCKS for block in range(blocks)]


def _width(block: int) -> int:
    """Channels behind a block: 32 behind the stem, 1024 at the top."""
    return (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)[block]


def _reached(arrays: Mapping[str, np.ndarray], path: Path) -> int:
    """The last block of which both convolutions are there; below it none may be missing."""
    present = [n for n in range(1, LAST + 1) if f"conv_pw_{n}/kernel" in arrays and f"conv_pw_{n}_bn/gamma" in arrays]
    if present != list(range(1, len(present) + 1)):
        raise ValueError(f"{path} has a gap: pointwise convolutions {present} of 1 to {LAST}; is the file complete?")
    return len(present)


def _convolution(
    arrays: Mapping[str, np.ndarray], name: str, target: str, path: Path, shape: tuple[int, ...]
) -> dict[str, Tensor]:
    kernel = _array(arrays, name, path)
    # HWIO -> OIHW; a depthwise kernel is HWC1 and its torch form C1HW
    axes = (2, 3, 0, 1) if "depthwise" in name else (3, 2, 0, 1)
    if kernel.ndim != 4 or tuple(kernel.shape[axis] for axis in axes) != shape:
        raise ValueError(
            f"{path}: {name} has shape {kernel.shape}; MobileNet v1 of width 1.0 needs {shape} once transposed"
        )
    return {f"{target}.weight": torch.from_numpy(kernel.transpose(axes).astype(np.float32))}


def _batch_norm(arrays: Mapping[str, np.ndarray], name: str, target: str, path: Path, width: int) -> dict[str, Tensor]:
    state = {}
    for ours, theirs in BATCH_NORM.items():
        values = _array(arrays, f"{name}/{theirs}", path)
        if values.shape != (width,):
            raise ValueError(f"{path}: {name}/{theirs} has shape {values.shape}, needs ({width},)")
        state[f"{target}.{ours}"] = torch.from_numpy(values.astype(np.float32))
    return state


def _array(arrays: Mapping[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    if name not in arrays:
        raise ValueError(f"{path} lacks the array {name!r}; is the file complete?")
    return arrays[name]
