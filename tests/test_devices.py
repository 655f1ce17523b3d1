import pytest
import torch

from defectlab import devices


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_has_mps", lambda: False)
    assert devices.pick_device() == torch.device("cpu")


def test_auto_prefers_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.pick_device("auto") == torch.device("cuda")


def test_a_gpu_that_is_there_is_picked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="'cuda:2' was asked for, but torch .* sees 2 CUDA devices"):
        devices.pick_device("cuda:2")


def test_a_gpu_that_is_not_there_is_an_error_not_a_fallback(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_has_mps", lambda: False)
    with pytest.raises(ValueError, match="'cuda' was asked for, but torch .* sees no CUDA device; use 'auto'"):
        devices.pick_device("cuda")
    with pytest.raises(ValueError, match="no Apple GPU"):
        devices.pick_device("mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "cuda:-1", "tpu"])
def test_a_name_that_is_no_device_is_refused(name):
    with pytest.raises(ValueError, match="expected auto, cpu, cuda, cuda:N or mps, got"):
        devices.pick_device(name)


def test_half_precision_is_for_gpus_only():
    assert devices.dtype_for("cuda:1") is torch.float16
    assert devices.dtype_for("cpu") is torch.float32
    assert devices.dtype_for(torch.device("mps")) is torch.float32


def test_threads_are_set_and_told():
    before = torch.get_num_threads()
    try:
        assert devices.set_threads(1) == 1 == torch.get_num_threads()
        assert devices.set_threads() == devices.available_cores()
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ValueError, match="threads: expected at least 1, got 0"):
        devices.set_threads(0)


def test_the_processor_is_described():
    info = devices.describe("cpu")
    assert info.device == "cpu" and info.name and info.cores >= 1 and info.memory > 0
    assert str(info).startswith("cpu (") and "GiB" in str(info)


@pytest.mark.parametrize(("limit", "expected"), [("1024\n", 1024), ("max\n", None)])
def test_the_memory_of_a_container_counts(monkeypatch, tmp_path, limit, expected):
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(devices, "CGROUP_LIMIT", tmp_path / "memory.max")
    machine = int(devices.psutil.virtual_memory().total)
    assert devices.total_memory() == (expected or machine)


def test_the_peak_covers_what_the_block_used():
    with devices.peak_memory() as peak:
        block = torch.ones(2_000_000)
    assert peak.bytes > block.numel() * 4 and peak.gib == peak.bytes / 2**30


@pytest.mark.gpu
def test_a_gpu_is_described_and_its_peak_measured():
    assert devices.describe("cuda").memory > 2**30
    with devices.peak_memory("cuda") as peak:
        torch.ones(1_000_000, device="cuda")
    assert 4_000_000 <= peak.bytes < 2**30
