"""Run a notebook of the checkout with small images and random networks, in seconds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from tiny_pocket import write_tiny_pocket

sys.path.append(str(Path(__file__).parents[1] / "synthesis"))  # tiny models of real classes are at home there
from tiny_sd import save_tiny_sd

SMALL: dict[str, Any] = {
    "profile": "smoke",
    "height": 64,
    "width": 32,
    "scale": 0.02,
    "n_aug": 4,
    "seeds": [0],
    "steps": 1,
    "guidance_scale": 1.0,
    "weights": "none",
    "backbone": "test_resnet",
    "epochs": 1,
    "device": "cpu",
}


@pytest.fixture(scope="session")
def pocket(tmp_path_factory) -> Path:
    """A random model of `pocket` in a folder."""
    return write_tiny_pocket(tmp_path_factory.mktemp("models") / "untrained")


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory) -> Path:
    """A random Stable Diffusion in a folder."""
    return save_tiny_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture
def execute(pocket, tmp_path, monkeypatch):
    """Executes a notebook with papermill; gives it back with its outputs, and the folder of its run."""

    def run(notebook: Path, cwd: Path | None = None, **changes: Any) -> tuple[nbformat.NotebookNode, Path]:
        monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        monkeypatch.chdir(cwd or notebook.parents[1])
        store = tmp_path / "runs"
        parameters = {**SMALL, "generator": str(pocket), "runs": str(store), **changes}
        target = tmp_path / "executed.ipynb"
        papermill.execute_notebook(
            str(notebook), str(target), parameters, kernel_name="python3", language="python", progress_bar=False
        )
        folders = sorted(store.glob("*/*/"), key=lambda path: path.stat().st_mtime)
        return nbformat.read(target, as_version=4), folders[-1]

    return run
