"""Speed of the procedural data set: images a second, drawn in one process and in several.

    python benchmarks/surfaces.py
    python benchmarks/surfaces.py --size 632 224 --images 100

An image is drawn whenever it is read; what a training reads more than once is better kept in memory.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread a process, so that processes compare

import cv2
import torch
from torch.utils.data import DataLoader

from defectlab.data.base import SurfaceDataset
from defectlab.data.surfaces import PRESETS, load
from defectlab.devices import available_cores, describe
from defectlab.synthesis.pocket.examples import ExampleStream


def rate(dataset: SurfaceDataset, processes: int) -> float:
    """Images a second of wall clock, the start of the processes left out."""
    workers = 0 if processes == 1 else processes
    loader = iter(DataLoader(dataset, batch_size=None, num_workers=workers, collate_fn=as_it_is))
    next(loader)
    start = time.perf_counter()
    count = sum(1 for _ in loader)
    return count / (time.perf_counter() - start)


def as_it_is(sample: object) -> object:
    """A sample as it is; a loader would make tensors of its fields."""
    return sample


def example_rate(count: int) -> float:
    """Training examples of `pocket` a second, in one process."""
    stream = iter(ExampleStream(0))
    next(stream)
    start = time.perf_counter()
    for _ in range(count):
        next(stream)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Times every preset in one process and in two, and the examples of `pocket`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--images", type=int, default=400, help="images of each measurement (default: 400)")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print(f"{describe().name}, {available_cores()} cores; {options.size[0]} x {options.size[1]}; images a second")
    print(f"{'preset':<12}" + "".join(f"{n:>6} process{'es' * (n > 1):<3}" for n in options.processes))
    for preset in PRESETS:
        dataset = load("test", size=tuple(options.size), preset=preset, scale=1)
        step = max(1, len(dataset) // options.images)
        chosen = dataset.subset(indices=range(0, len(dataset), step))
        rates = [rate(chosen, n) for n in options.processes]
        print(f"{preset:<12}" + "".join(f"{value:>17.0f}" for value in rates))
    print(f"examples of pocket, 128 x 128, one process: {example_rate(options.images):.0f}")


if __name__ == "__main__":
    main()
