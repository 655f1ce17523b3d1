"""Folders that hold a generator trained by this package: ``config.json``, which says the format, and the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from defectlab.files import atomic_path, read_json

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def write_weights(folder: Path, weights: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> None:
    """Writes weights by name, whole or not at all; as another type where one is given."""
    tensors = {name: value.detach().to("cpu", dtype).contiguous() for name, value in weights.items()}
    with atomic_path(folder / WEIGHTS) as partial:
        save_file(tensors, partial)


def read_config(folder: Path, form: str, wrote: str) -> dict[str, Any]:
    """What the configuration of a model says.

    Args:
        folder: of the model.
        form: that its ``format`` must name.
        wrote: what writes such a folder, in words.

    Raises:
        FileNotFoundError: if the folder holds no model.
        ValueError: if it is of another kind or version.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} holds no {name}: expected a model that {wrote}")
    config = read_json(folder / CONFIG)
    if config.get("format") != form:
        raise ValueError(f"{folder / CONFIG}: expected the format {form!r}, found {config.get('format')!r}")
    return config


@contextmanager
def weights_of(folder: Path) -> Iterator[dict[str, Tensor]]:
    """The weights of a model, on the processor, to be given to its networks inside of the block.

    Raises:
        ValueError: if the file is damaged, or its weights do not fit the networks.
    """
    try:
        yield load_file(folder / WEIGHTS)
    except (SafetensorError, RuntimeError) as error:  # what a damaged file and foreign weights give
        first = " ".join(str(error).split("\n\t")[:2])  # one line a weight would follow
        raise ValueError(f"{folder / WEIGHTS} does not hold the weights of this model: {first}") from error
