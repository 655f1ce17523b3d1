"""What the outputs of a notebook depend on, as one hash: its code, its parameters, the package, the lock file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from defectlab.provenance import PACKAGE


def environment_key(root: Path) -> str:
    """Key of what all notebooks of a checkout share: the package and the lock file."""
    return package_hash() + file_hash(root / "requirements.lock")


def notebook_key(source: Path, parameters: Mapping[str, Any], environment: str) -> str:
    """Key of a notebook's outputs.

    Args:
        source: notebook of the checkout; its prose has no part in the key.
        parameters: what papermill passes.
        environment: from `environment_key`.
    """
    code = [cell.source for cell in nbformat.read(source, as_version=4).cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps([code, dict(parameters), environment], sort_keys=True).encode()).hexdigest()


def package_hash() -> str:
    """Hash of every file of the package: code, style, ledgers, published numbers, weights."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + file_hash(path).encode())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
