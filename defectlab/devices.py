"""The machine: which device computes, in which precision, on how many threads, with how much memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

GIB = 2**30
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class DeviceInfo:
    """What a device is.

    Attributes:
        device: as torch writes it, such as ``cuda:0``.
        name: of the hardware, such as ``NVIDIA A100`` or the architecture of the processor.
        memory: in bytes; of the device, or of the machine where the device shares it.
        cores: processor cores this process may use.
    """

    device: str
    name: str
    memory: int
    cores: int

    def __str__(self) -> str:
        return f"{self.device} ({self.name}, {self.memory / GIB:.0f} GiB, {self.cores} cores)"


@dataclass
class PeakMemory:
    """Highest use of memory, in bytes; filled when the block of `peak_memory` ends."""

    bytes: int = 0

    @property
    def gib(self) -> float:
        """The peak in GiB."""
        return self.bytes / GIB


def pick_device(name: str = "auto") -> torch.device:
    """The device to compute on.

    Args:
        name: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ValueError: if the name is not a device, or the machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdecimal()):
        raise ValueError(f"device: expected auto, cpu, cuda, cuda:N or mps, got {name!r}")
    if kind == "cuda":
        _require_cuda(name, int(number or 0))
    if kind == "mps" and not _has_mps():
        raise ValueError(f"device: {name!r} was asked for, but this machine has no Apple GPU; use 'auto' or 'cpu'")
    return torch.device(name)


def dtype_for(device: torch.device | str) -> torch.dtype:
    """float16 on a GPU, float32 elsewhere: half precision is slow and partly unsupported on processors."""
    return torch.float16 if torch.device(device).type == "cuda" else torch.float32


def set_threads(n: int | None = None) -> int:
    """Let torch use ``n`` threads, by default one for each core this process may use; returns the number.

    Raises:
        ValueError: if ``n`` is less than 1.
    """
    threads = available_cores() if n is None else n
    if threads < 1:
        raise ValueError(f"threads: expected at least 1, got {threads}")
    torch.set_num_threads(threads)
    return threads


def describe(device: torch.device | str = "cpu") -> DeviceInfo:
    """Name, memory and cores of a device."""
    device = torch.device(device)
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return DeviceInfo(str(device), properties.name, properties.total_memory, available_cores())
    return DeviceInfo(str(device), _processor_name(), total_memory(), available_cores())


def available_cores() -> int:
    """Cores this process may run on, which a container may make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def total_memory() -> int:
    """Main memory this process may use, in bytes, which a container may make less than the machine has."""
    machine = int(psutil.virtual_memory().total)
    limit = CGROUP_LIMIT.read_text().strip() if CGROUP_LIMIT.is_file() else "max"
    return min(machine, int(limit)) if limit.isdecimal() else machine


@contextmanager
def peak_memory(device: torch.device | str = "cpu") -> Iterator[PeakMemory]:
    """Measure the highest use of memory.

    On a GPU that of the block; on a processor that of the process so far, which is what the system records.
    """
    device = torch.device(device)
    peak = PeakMemory()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        yield peak
    finally:
        peak.bytes = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _peak_of_process()


def _peak_of_process() -> int:
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # absent on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts KiB


def _require_cuda(name: str, number: int) -> None:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if number >= count:
        found = f"{count} CUDA device{'s' * (count != 1)}" if count else "no CUDA device"
        raise ValueError(f"device: {name!r} was asked for, but torch {torch.__version__} sees {found}; use 'auto'")


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _processor_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else os.uname().machine if hasattr(os, "uname") else sys.platform
