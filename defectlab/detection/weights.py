"""Where a backbone's weights come from, and what that means for the numbers; nothing is ever taken silently instead."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from defectlab.detection.backbones import BackboneSpec, create
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.keras import read_mobilenet
from defectlab.files import read_json
from defectlab.paths import resolve_weights

POCKET = Path(__file__).parent / "pocket_encoder"
NOTES = {
    "imagenet": "Pretrained on ImageNet, as the papers' backbone: as far as weights go, numbers compare with theirs.",
    "pocket": (
        "A small encoder trained by this project without any real defect; the papers use an ImageNet ResNet-50. "
        "Compare the rows of one table with each other, not with the papers."
    ),
    "none": (
        "Random weights: nothing was pretrained. Expect a much lower AP than the papers', above all with few images "
        "or frozen layers; compare the rows of one table with each other only."
    ),
    "file": (
        "A local file: this package does not know what it was trained on. Numbers compare with the papers' only if "
        "it holds an ImageNet {architecture}, and that is their ResNet-50."
    ),
    "keras": (
        "ImageNet weights of MobileNet v1, a network a sixth the size of the papers' ResNet-50: "
        "real pretrained features, yet not the papers' backbone."
    ),
}


@dataclass(frozen=True)
class WeightsReport:
    """Which weights a classifier started from.

    Attributes:
        name: as in the settings: ``"imagenet"``, ``"pocket"``, ``"none"``, or the file that was named.
        source: hub name, file, or ``"random"``.
        sha256: of the file; for weights that timm fetched, of their values; empty for random weights.
        note: what they mean for the numbers, in a sentence or two for a notebook to print.
    """

    name: str
    source: str
    sha256: str
    note: str

    def __str__(self) -> str:
        digest = f", sha256 {self.sha256[:12]}" if self.sha256 else ""
        source = Path(self.source).name if Path(self.source).is_absolute() else self.source  # pages are published
        return f"weights: {self.name} ({source}{digest}). {self.note}"


def load_backbone(config: ClassifierConfig) -> tuple[nn.Module, BackboneSpec, WeightsReport]:
    """The backbone that the settings name, with the weights that they name or an error.

    Args:
        config: ``backbone``, ``weights`` and, for random weights, ``seed`` are read.

    Returns:
        The model without classifier, what it takes to build it again, and what its weights are.

    Raises:
        ValueError: if the weights do not fit the backbone, or there are none for it.
        FileNotFoundError: if they are not found, or not reachable.
    """
    if config.weights == "none":
        model = create(BackboneSpec(config.backbone), config.seed)
        return model, _with_scale(BackboneSpec(config.backbone), model), _report("none", "random", "", "none")
    if config.weights == "imagenet":
        return _from_timm(config.backbone)
    if config.weights == "pocket":
        if not (POCKET / "config.json").is_file():
            raise FileNotFoundError(
                f"the pocket encoder is not in this copy of the package ({POCKET} holds no config.json): "
                "take weights='imagenet', a local file, or 'none'"
            )
        return _from_folder(POCKET, config, "pocket")
    path = resolve_weights(config.weights)
    if path.is_dir():
        return _from_folder(path, config, "file")
    return _from_npz(path, config) if path.suffix == ".npz" else _from_file(path, config)


def _from_timm(name: str) -> tuple[nn.Module, BackboneSpec, WeightsReport]:
    spec = BackboneSpec(name)
    if timm.is_model(name) and not timm.models.is_model_pretrained(name):
        raise ValueError(f"timm has no trained weights for {name!r}: take weights='none', or another backbone")
    try:
        model = create(spec, seed=0, pretrained=True)
    except OSError as error:
        raise FileNotFoundError(
            f"the ImageNet weights of {name!r} are neither in the hub's cache nor reachable ({type(error).__name__}). "
            "Connect once, or give a local copy by path or under DEFECTLAB_WEIGHTS (weights='FILE.safetensors'), "
            "or choose weights='pocket' or 'none' knowing what they mean for the numbers"
        ) from error
    cfg: dict[str, Any] = getattr(model, "pretrained_cfg", {})
    source = str(cfg.get("hf_hub_id") or cfg.get("url") or name)
    return model, _with_scale(spec, model), _report("imagenet", source, state_digest(model), "imagenet")


def _from_folder(folder: Path, config: ClassifierConfig, name: str) -> tuple[nn.Module, BackboneSpec, WeightsReport]:
    """A folder as timm writes to the hub: ``config.json`` with ``architecture``, and ``model.safetensors``."""
    settings, file = read_json(folder / "config.json"), folder / "model.safetensors"
    if "architecture" not in settings or not file.is_file():
        raise ValueError(f"{folder} must hold model.safetensors and a config.json that names the 'architecture'")
    architecture = str(settings["architecture"])
    _require_same(config.backbone, architecture, str(folder))
    spec = BackboneSpec(architecture, dict(settings.get("model_args", {})))
    model = create(spec, seed=0)
    _load(model, _read_state(file), file, spec)
    scale = settings.get("pretrained_cfg", {})
    given = name if name == "pocket" else config.weights
    report = _report(given, str(file), file_digest(file), name, architecture)
    return model, _with_scale(spec, model, scale), report


def _from_file(path: Path, config: ClassifierConfig) -> tuple[nn.Module, BackboneSpec, WeightsReport]:
    if config.backbone == "auto":
        raise ValueError(f"{path} does not say what architecture it is for: name the backbone, not 'auto'")
    spec = BackboneSpec(config.backbone)
    model = create(spec, seed=0)
    _load(model, _read_state(path), path, spec)
    report = _report(config.weights, str(path), file_digest(path), "file", config.backbone)
    return model, _with_scale(spec, model), report


def _from_npz(path: Path, config: ClassifierConfig) -> tuple[nn.Module, BackboneSpec, WeightsReport]:
    spec, state = read_mobilenet(path)
    _require_same(config.backbone, spec.architecture, str(path))
    model = create(spec, seed=0)
    _load(model, state, path, spec)
    report = _report(config.weights, str(path), file_digest(path), "keras")
    if spec.absent:
        missing = f" The file ends early: {', '.join(spec.absent)} passes its input on."
        report = WeightsReport(report.name, report.source, report.sha256, report.note + missing)
    return model, spec, report


def _require_same(backbone: str, architecture: str, where: str) -> None:
    if backbone not in ("auto", architecture):
        raise ValueError(
            f"weights and backbone do not fit: {where} is for {architecture!r}, the settings name {backbone!r}; "
            f"take backbone={architecture!r} or 'auto'"
        )


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} cannot be read as weights ({reason}): expected .safetensors, or .pth with tensors only"
        ) from error
    for key in ("state_dict", "model"):  # what training scripts commonly wrap a state in
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
    if not tensors:
        raise ValueError(f"{path} holds no named tensors: expected the state_dict of a model")
    return tensors


def _load(model: nn.Module, state: dict[str, Tensor], path: Path, spec: BackboneSpec) -> None:
    """Fills the model; only a classifier's weights may be left over, nothing may be missing."""
    needed = model.state_dict()
    heads = getattr(model, "pretrained_cfg", {}).get("classifier") or ()
    prefixes = tuple(f"{head}." for head in ((heads,) if isinstance(heads, str) else heads))
    missing = [k for k in needed if k not in state and not k.endswith("num_batches_tracked")]
    extra = [k for k in state if k not in needed and not (prefixes and k.startswith(prefixes))]
    shapes = [k for k in needed if k in state and state[k].shape != needed[k].shape]
    if missing or extra or shapes:
        raise ValueError(
            f"{path} does not fit {spec.architecture!r}: {len(missing)} tensors missing {missing[:3]}, "
            f"{len(extra)} unknown {extra[:3]}, {len(shapes)} of another shape {shapes[:3]}"
        )
    model.load_state_dict({k: v for k, v in state.items() if k in needed}, strict=False)


def _with_scale(spec: BackboneSpec, model: nn.Module, scale: Mapping[str, Any] | None = None) -> BackboneSpec:
    """The spec with the mean and deviation that the weights expect, timm's where the weights do not say."""
    known = {**getattr(model, "pretrained_cfg", {}), **(scale or {})}
    mean, std = tuple(known.get("mean", spec.mean)), tuple(known.get("std", spec.std))
    return BackboneSpec(spec.architecture, spec.options, spec.absent, mean, std)


def _report(name: str, source: str, sha256: str, kind: str, architecture: str = "") -> WeightsReport:
    return WeightsReport(name, source, sha256, NOTES[kind].format(architecture=architecture))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_digest(module: nn.Module) -> str:
    """SHA-256 of a module's parameters and buffers with their names, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name}{values.dtype}{tuple(values.shape)}".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()
