"""Trained detectors as single safetensors files that say what they are: written, read, and loaded whatever they are."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from defectlab.detection.backbones import BackboneSpec
from defectlab.detection.base import Detector
from defectlab.files import atomic_path

KINDS = {
    "classifier": "defectlab.detection.classifier:Classifier",
    "student_teacher": "defectlab.detection.student_teacher:StudentTeacher",
    "nearest": "defectlab.detection.baselines.nearest:Nearest",
    "destseg": "defectlab.detection.baselines.destseg:Destseg",
    "simplenet": "defectlab.detection.baselines.simplenet:SimpleNet",
    "anomalib": "defectlab.detection.baselines.anomalib_adapter:AnomalibDetector",
}
"""Class of each kind of file; a kind is the key of its facts in the file's metadata."""


S = TypeVar("S")


class Loadable(Protocol):
    """A class of detectors with files."""

    def load(self, path: Path, device: str = "auto") -> Detector:
        """Reads what ``save`` wrote."""
        ...


def write_detector(path: Path, kind: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Writes tensors and facts as one file, atomically.

    Args:
        path: the file.
        kind: a key of `KINDS`.
        tensors: on any device.
        facts: what JSON can hold.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as partial:
        save_file(plain, partial, {kind: json.dumps(facts)})


def read_detector(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a file of one kind.

    Raises:
        ValueError: if the file is of another kind, or of none.
    """
    found = kind_of(path)
    if found != kind:
        raise ValueError(f"{path} is a detector of kind {found!r}, not {kind!r}: load it with load_detector(path)")
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        facts: dict[str, Any] = json.loads(file.metadata()[kind])
    return tensors, facts


def kind_of(path: Path) -> str:
    """Which of `KINDS` wrote a file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if none did.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"detector: expected a file written by a detector's save, found none at {path}")
    try:
        with safe_open(path, "pt") as file:
            kinds = [kind for kind in file.metadata() or {} if kind in KINDS]
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error}): expected one written by a detector") from error
    if not kinds:
        raise ValueError(
            f"{path} holds weights, but no detector of {', '.join(KINDS)}: it was not written by their save"
        )
    return kinds[0]


def load_detector(path: Path, device: str = "auto") -> Detector:
    """The detector that a file holds, whichever it is.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if no detector wrote it.
    """
    module, _, name = KINDS[kind_of(path)].partition(":")
    loadable = cast(Loadable, getattr(importlib.import_module(module), name))
    return loadable.load(Path(path), device=device)


def spec_from(values: Mapping[str, Any]) -> BackboneSpec:
    """A `BackboneSpec` from what ``dataclasses.asdict`` and JSON made of it."""
    lists = {name: tuple(values[name]) for name in ("absent", "mean", "std")}
    return BackboneSpec(values["architecture"], values["options"], **lists)


def settings_from(schema: type[S], values: Mapping[str, Any]) -> S:
    """Settings from what ``dataclasses.asdict`` and JSON made of them: what were tuples are lists there."""
    return schema(**{name: _tuples(value) for name, value in values.items()})


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of one part of a detector, by their names in its file."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors that `prefixed` named."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
