"""The embedded default needs no network: every module imported, a small experiment run, each connection noted."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import defectlab

PACKAGE = Path(defectlab.__file__).parent
CLIENTS = {"aiohttp", "ftplib", "http", "httpx", "huggingface_hub", "requests", "socket", "urllib3", "webbrowser"}
WATCH = """
import sys
tried = []
def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        tried.append((event, str(arguments[1:] or arguments)))
        raise OSError("no network in this test")
sys.addaudithook(note)
"""
IMPORT_ALL = """
import importlib, pkgutil, defectlab
for module in pkgutil.walk_packages(defectlab.__path__, "defectlab."):
    if module.name != "defectlab.__main__":
        importlib.import_module(module.name)
"""
EXPERIMENT = """
from defectlab.experiments import arms, detect, splits, views
from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.experiments.fidelity import fidelity
from defectlab.params import resolve
from defectlab.report import claims
from defectlab.runs import Run

given = {"profile": "smoke", "scale": 0.02, "height": 64, "width": 64, "n_aug": 2, "seeds": [0], "steps": 1}
params = resolve(DiagParameters, {**given, "epochs": 1})
assert (params.generator, params.weights, params.textures) == ("pocket", "pocket", "surfaces")
run = Run.open(None, "diag", params)
data = splits.load_splits(params)
synthetics = arms.synthesise(params, data, arms.make_synthesizers(params, data), run)
detect.detect(params, data, synthetics, run)
rows = fidelity(params, data, synthetics, run)
claims.findings_table(rows)
views.curves(params, run)
assert set(rows["method"]) == {"memseg", "diag"}
"""
MIXED = """
from defectlab.experiments import arms, closeness, detect, splits
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.params import resolve
from defectlab.runs import Run

given = {"profile": "smoke", "scale": 0.02, "height": 64, "width": 64, "n_aug": 2, "seeds": [0], "canvas": 32}
params = resolve(InAndOutParameters, {**given, "epochs": 1, "fine_tune_steps": 1})
assert (params.base_model, params.weights, params.textures) == ("pocket-sd", "pocket", "surfaces")
run = Run.open(None, "in_and_out", params)
data = splits.load_splits(params)
makers = arms.make_synthesizers(params, data)
closeness.closeness(params, closeness.changes(params, data, makers, run), run)
rows = detect.detect(params, data, arms.synthesise(params, data, makers, run), run)
assert set(rows["method"]) == {"memseg", "ddpm", "in_and_out"}
"""
VERDICT = "\nprint('connections:', tried)"


def run(tmp_path, code):
    """Runs a script with the hub's own switch off, an empty cache and no data or weights of the user."""
    chosen = {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0", "DEFECTLAB_CACHE": str(tmp_path / "cache")}
    chosen |= {"HF_HOME": str(tmp_path / "hub"), "DEFECTLAB_RUNS": str(tmp_path / "runs")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DEFECTLAB_")}
    script = WATCH + code + VERDICT
    return subprocess.run([sys.executable, "-c", script], env=kept | chosen, capture_output=True, text=True)


def test_the_watch_sees_a_connection(tmp_path):
    code = "import urllib.request\ntry:\n    urllib.request.urlopen('http://localhost:9')\nexcept OSError:\n    pass"
    assert "urllib.Request" in run(tmp_path, code).stdout


def test_importing_every_module_opens_no_connection(tmp_path):
    done = run(tmp_path, IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("connections: []")


@pytest.mark.parametrize("experiment", [EXPERIMENT, MIXED], ids=["diag", "in_and_out"])
def test_an_experiment_on_the_embedded_default_opens_no_connection(tmp_path, experiment):
    done = run(tmp_path, experiment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("connections: []")
    assert not (tmp_path / "hub").exists(), "something was written to the cache of the hub"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_a_network_client_when_it_is_loaded(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert not CLIENTS & {name.split(".")[0] for name in names}
