"""Where a result comes from: version, source, commit, packages and command, without a name of the machine."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import defectlab
from defectlab.command_lines import command_line, spelled
from defectlab.paths import checkout_dir

PACKAGE = Path(defectlab.__file__).resolve().parent
UNKNOWN = "unknown"

# What a computed number can depend on. Report and command line are left out, so that a restyled figure
# does not make a stored result stale.
COMPUTING = (
    "data",
    "synthesis",
    "detection",
    "evaluation",
    "experiments/arms",
    "experiments/closeness",
    "experiments/detect",
    "experiments/fidelity",
    "experiments/fine_tuning",
    "experiments/kept",
    "experiments/splits",
)

CORE_PACKAGES = ("torch", "torchvision", "diffusers", "timm", "torchmetrics", "numpy", "scipy", "pandas")


def provenance(device: str = "cpu", command: str = "") -> dict[str, Any]:
    """What a reader needs to judge and repeat a run.

    Args:
        device: description of the device that computed.
        command: line that repeats the run.

    Returns:
        Version of the package, hashes of its source and of the part that computes, commit, whether tracked files differ
        from it, versions.
    """
    commit, dirty = git_state()
    return {
        "defectlab": defectlab.__version__,
        "source": source_hash(),
        "computing": source_hash(COMPUTING),
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "packages": package_versions(CORE_PACKAGES),
        "device": device,
        "command": command,
    }


@cache
def source_hash(rooms: tuple[str, ...] = ()) -> str:
    """Hash of the Python source of the package.

    Args:
        rooms: modules or sub-packages to hash, such as ``("data", "evaluation")``; all of it by default.

    Returns:
        Twelve hexadecimal digits, equal for equal sources, whatever their place, time or line ending.

    Raises:
        ValueError: if a room is not in the package.
    """
    digest = hashlib.sha256()
    for path in _sources(rooms):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:12]


@cache
def git_state() -> tuple[str, bool]:
    """Commit of the checkout and whether tracked files differ from it; ``("unknown", False)`` outside one."""
    root = checkout_dir()
    if root is None or not (root / ".git").exists():
        return UNKNOWN, False
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):  # no git, no commit yet, or a checkout git will not read
        return UNKNOWN, False


def package_versions(names: Iterable[str]) -> dict[str, str | None]:
    """Version of each package, ``None`` where it is not installed."""
    return {name: _version(name) for name in names}


def papermill_command(notebook: str, settings: Mapping[str, Any]) -> str:
    """The line that repeats a run: ``papermill notebooks/diag.ipynb out.ipynb -p n_aug 100``.

    Args:
        notebook: name without folder or suffix.
        settings: the parameters that differ from the defaults.
    """
    words = ["papermill", f"notebooks/{notebook}.ipynb", "out.ipynb"]
    for name, value in settings.items():
        words += ["-r" if isinstance(value, str) else "-p", name, spelled(value)]
    return command_line(words)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _sources(rooms: tuple[str, ...]) -> list[Path]:
    if not rooms:
        return sorted(PACKAGE.rglob("*.py"))
    found: list[Path] = []
    for room in rooms:
        folder, module = PACKAGE / room, PACKAGE / f"{room}.py"
        if not folder.is_dir() and not module.is_file():
            raise ValueError(f"no module or sub-package {room!r} in {PACKAGE.name}")
        found += folder.rglob("*.py") if folder.is_dir() else [module]
    return sorted(set(found))


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
