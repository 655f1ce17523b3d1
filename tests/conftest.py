"""Settings of the whole test suite; the environment is set before anything imports torch."""

import os

# Idle threads that spin would take the cores from the other test workers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # not what the process that starts the workers has set for itself
else:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that reaches for the network fails at once, not after retries
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch

from defectlab import runs

collect_ignore = ["browser"]  # has an environment of its own, without torch: `make browser`

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def pytest_collection_modifyitems(config, items):
    """Deselect tests that need a GPU where there is none."""
    if torch.cuda.is_available():
        return
    kept = [item for item in items if item.get_closest_marker("gpu") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture
def one_thread():
    """Sums in one order whatever the machine: for tests of values that rounding would move."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch, tmp_path_factory):
    """Give each test an empty cache and run store, and no setting of the person who runs it."""
    for name in ("DEFECTLAB_DATA", "DEFECTLAB_WEIGHTS", "DEFECTLAB_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(runs, "_OPENED", [])
    home = tmp_path_factory.mktemp("defectlab")
    monkeypatch.setenv("DEFECTLAB_CACHE", str(home / "cache"))
    monkeypatch.setenv("DEFECTLAB_RUNS", str(home / "runs"))
