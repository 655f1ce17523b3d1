"""Where a fine-tuning stands: one file, written whole, that a killed one goes on from."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from defectlab.files import atomic_path

CHECKPOINT, LOG = "checkpoint.pt", "log.csv"


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    with atomic_path(folder / CHECKPOINT) as partial:
        torch.save(dict(state), partial)


def load_checkpoint(folder: Path, what: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last checkpoint of a folder, or ``None``.

    Args:
        folder: of the fine-tuning.
        what: settings, model and data that it must be of.

    Raises:
        ValueError: if it is damaged, or of something else; the message names the differences.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged; delete it to start again") from error
    require_same(what, state["what"], path)
    return state


def require_same(asked: Mapping[str, Any], found: Mapping[str, Any], place: Path) -> None:
    """Check that a folder holds the fine-tuning asked for.

    Raises:
        ValueError: if not; the message names each difference.
    """
    asked, found = _flat(asked), _flat(found)
    changed = [key for key in {**found, **asked} if asked.get(key) != found.get(key)]
    if changed:
        lines = "\n".join(
            f"  {key}: stored {found.get(key, 'nothing')!r}, asked {asked.get(key, 'nothing')!r}" for key in changed
        )
        raise ValueError(f"{place} is of another fine-tuning:\n{lines}\nGive another folder, or what is stored.")


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings among the other values, so that a difference is named by its own name."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= {f"{key}.{name}": each for name, each in value.items()} if isinstance(value, Mapping) else {key: value}
    return flat
