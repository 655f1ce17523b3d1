"""`defectlab doctor`: what this machine has, which data and weights resolve and from where, which profile to take."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import defectlab
from defectlab.paths import MissingPathError, cache_dir, resolve_data, resolve_weights, runs_dir
from defectlab.provenance import git_state, package_versions

GIB = 2**30
PACKAGES = (
    *("torch", "torchvision", "diffusers", "transformers", "accelerate", "peft", "timm", "torchmetrics"),
    *("pytorch-fid", "scipy", "scikit-learn", "numpy", "pandas", "matplotlib", "opencv-python-headless", "safetensors"),
    *("papermill", "nbval", "jupyter-book", "anomalib"),
)
SMOKE_MEMORY = 5 * GIB  # below this, `make demo` (at most 6 GiB) would swap
PAPER_MEMORY = 12 * GIB  # SDXL inpainting at 1024 in half precision takes about ten


@dataclass(frozen=True)
class Weights:
    """Trained weights that a parameter may name.

    Attributes:
        name: of the parameter's value.
        used_for: in a few words.
        file: name looked for under the weights folder, or hub name ``owner/model``.
        hub_file: of a hub model, one that is there when the model is.
        shipped: folder inside the package, for weights that come with it.
    """

    name: str
    used_for: str
    file: str = ""
    hub_file: str = ""
    shipped: str = ""


WEIGHTS = (
    Weights("pocket", "generator of the laptop profile", shipped="synthesis/pocket"),
    Weights("pocket encoder", "detector of the laptop profile", shipped="detection/pocket_encoder"),
    Weights("pocket teacher", "teacher of the laptop profile", shipped="detection/student_teacher/pocket_teacher"),
    Weights("sdxl", "generator of the paper", "diffusers/stable-diffusion-xl-1.0-inpainting-0.1", "model_index.json"),
    Weights("imagenet", "ResNet-50 of the paper", "timm/resnet50.a1_in1k", "model.safetensors"),
    Weights("inception", "features of FID", "pt_inception-2015-12-05-6726825d.pth"),
)


@dataclass(frozen=True)
class Found:
    """Where something resolves to.

    Attributes:
        name: of the data set or the weights.
        path: where it lies, ``None`` where it is not on this machine.
        note: what it is for, or how to get it.
    """

    name: str
    path: str | None
    note: str


def examine() -> dict[str, Any]:
    """Everything the command reports, as plain values; reads the machine and no network."""
    from defectlab.devices import describe, pick_device  # imports torch, which takes a second

    device = describe(pick_device("auto"))
    commit, dirty = git_state()
    return {
        "defectlab": defectlab.__version__,
        "commit": commit + (" with changes" if dirty else ""),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": asdict(device),
        "memory_gib": round(device.memory / GIB, 1),
        "profile": recommend(device.device, device.memory, device.cores),
        "folders": {"cache": str(cache_dir()), "runs": str(runs_dir())},
        "packages": package_versions(PACKAGES),
        "data": [asdict(found) for found in find_data()],
        "weights": [asdict(find_weights(weights)) for weights in WEIGHTS],
    }


def recommend(device: str, memory: int, cores: int) -> str:
    """The profile this machine can run in its stated time: ``smoke``, ``laptop`` or ``paper``."""
    if device.startswith("cuda") and memory >= PAPER_MEMORY:
        return "paper"
    if not device.startswith("cuda") and (memory < SMOKE_MEMORY or cores < 2):
        return "smoke"
    return "laptop"


def find_data() -> list[Found]:
    """Each data set that needs files, and the textures of MemSeg, with the folder found."""
    from defectlab.data.entries import ENTRIES  # its room imports torch

    read = [entry for entry in ENTRIES.values() if not entry.made and not entry.own]
    return [_find_dataset(entry.name, entry.folders) for entry in read]


def find_weights(weights: Weights) -> Found:
    """Where weights lie: in the package, under the weights folder, or in the cache of the hub."""
    if weights.shipped:
        folder = Path(defectlab.__file__).parent / weights.shipped
        there = any(folder.rglob("*.safetensors"))
        return Found(weights.name, str(folder) if there else None, f"{weights.used_for}; part of the package")
    try:
        return Found(weights.name, str(resolve_weights(weights.file)), weights.used_for)
    except MissingPathError:
        cached = _cached_on_this_machine(weights)
    how = f"fetched as {weights.file} when asked for" if weights.hub_file else f"looked for as {weights.file}"
    return Found(weights.name, cached, weights.used_for if cached else f"{weights.used_for}; {how}")


def render(report: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    device = report["device"]
    head = [
        ("defectlab", f"{report['defectlab']} (commit {report['commit']})"),
        ("python", f"{report['python']} on {report['system']}"),
        ("device", f"{device['device']}: {device['name']}"),
        ("memory", f"{report['memory_gib']} GiB"),
        ("cores", str(device["cores"])),
        *report["folders"].items(),
    ]
    packages = [(name, version or "not installed") for name, version in report["packages"].items()]
    sections = {
        "machine": head,
        "packages": packages,
        "data": [_line(found) for found in report["data"]],
        "weights": [_line(found) for found in report["weights"]],
    }
    text = "\n\n".join(f"{title}\n{_columns(rows)}" for title, rows in sections.items())
    return f"{text}\n\nrecommended profile: {report['profile']}"


def register(subparsers: Any) -> None:
    """Add ``defectlab doctor``."""
    parser = subparsers.add_parser(
        "doctor",
        help="what this machine has",
        description=__doc__,
        epilog="examples:\n  defectlab doctor\n  defectlab doctor --json > machine.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(handler=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    report = examine()
    print(json.dumps(report, indent=2, ensure_ascii=False) if args.json else render(report))
    return 0


def _find_dataset(name: str, folders: Iterable[str]) -> Found:
    try:
        return Found(name, str(resolve_data(name, folders=folders)), "")
    except MissingPathError:
        return Found(name, None, "set DEFECTLAB_DATA; `defectlab data where` says how to get it")


def _cached_on_this_machine(weights: Weights) -> str | None:
    if not weights.hub_file:
        return None
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(weights.file, weights.hub_file)
    return str(Path(path).parent) if isinstance(path, str) else None


def _line(found: Mapping[str, Any]) -> tuple[str, str]:
    where = found["path"] or "not here"
    return found["name"], f"{where} ({found['note']})" if found["note"] else where


def _columns(rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)
