"""The first blocks of Keras' MobileNet v1 as one small file of arrays, which `read_mobilenet` takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from defectlab.files import atomic_path

_BLOCK = re.compile(r"conv_[dp]w_(\d+)(?:_bn)?$")


def keep_trunk(arrays: Mapping[str, np.ndarray], path: Path, blocks: int = 12) -> list[str]:
    """Writes the arrays of the stem and of the first blocks, kernels in half precision, the rest as it is.

    Args:
        arrays: by the names that Keras gives them in a file of weights: ``conv_pw_3/conv_pw_3/kernel:0`` or
            ``conv_pw_3/kernel``.
        path: of the ``.npz`` to write.
        blocks: depthwise and pointwise pairs to keep, 1 to 13.

    Returns:
        The names that were kept.

    Raises:
        ValueError: if there is no stem among the arrays, or no such block.
    """
    if not 1 <= blocks <= 13:
        raise ValueError(f"blocks must be 1 to 13, got {blocks}")
    named = {_short(name): np.asarray(values) for name, values in arrays.items()}
    kept = {name: values for name, values in named.items() if 0 <= _block(name) <= blocks}
    for needed in ("conv1/kernel", f"conv_pw_{blocks}/kernel"):
        if needed not in kept:
            raise ValueError(f"no array {needed!r} among {sorted(named)[:4]}; is it all of Keras' MobileNet v1?")
    half: dict[str, Any] = {}
    for name, values in kept.items():
        half[name] = values.astype(np.float16) if name.endswith("kernel") else values
    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez(file, **half)
    return list(half)


def _short(name: str) -> str:
    """Layer and array: Keras repeats the layer, and numbers the arrays of a session."""
    parts = name.removesuffix(":0").strip("/").split("/")
    return f"{parts[0]}/{parts[-1]}"


def _block(name: str) -> int:
    """Number of the block of an array, 0 for the stem, -1 for the classifier above."""
    layer = name.split("/")[0]
    found = _BLOCK.match(layer)
    return int(found[1]) if found else 0 if layer in ("conv1", "conv1_bn") else -1
