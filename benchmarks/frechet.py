"""Fréchet distance beside pytorch-fid and torchmetrics on features of Inception's size.

Run from the root of the repository::

    python benchmarks/frechet.py
    python benchmarks/frechet.py --real 1000 --synthetic 1000 --dim 768

Each timing starts from the features and ends with the number, moments included; the same float64 arrays for all.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from defectlab.evaluation.fid import LIBRARIES, Library, frechet_by_library
from defectlab.evaluation.frechet import frechet_distance


def features(n: int, dim: int, seed: int) -> torch.Tensor:
    """Correlated features with a falling spectrum, float64 ``(n, dim)``."""
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.arange(1, dim + 1, dtype=torch.float64) ** -0.5
    return torch.randn(n, dim, generator=generator, dtype=torch.float64) * spectrum


def library_distance(library: Library, x: torch.Tensor, y: torch.Tensor) -> float:
    """The distance by one library's arithmetic."""
    return frechet_by_library(x, y, (library,))[library]


def timed(call: Callable[[], float], repeats: int) -> tuple[float, float]:
    """The value and the median seconds of a call, after one call to warm up where there are several."""
    if repeats > 1:
        call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = call()
        seconds.append(time.perf_counter() - start)
    return value, statistics.median(seconds)


def main() -> None:
    """Times the three and prints seconds, ratios and values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=int, default=110, help="number of real images")
    parser.add_argument("--synthetic", type=int, default=246, help="number of synthetic images")
    parser.add_argument("--dim", type=int, default=2048, help="number of features")
    parser.add_argument("--repeats", type=int, default=20, help="repeats of ours; the libraries run once")
    options = parser.parse_args()
    x, y = features(options.real, options.dim, 0), features(options.synthetic, options.dim, 1) + 0.01

    ours, seconds = timed(lambda: frechet_distance(x, y, floor_splits=0).distance, options.repeats)
    _, with_floor = timed(lambda: frechet_distance(x, y).distance, options.repeats)
    print(f"{len(x)} real, {len(y)} synthetic, {options.dim} features, {torch.get_num_threads()} threads")
    print(f"{'defectlab':<24}{seconds:>10.4f} s   1.0x   {ours:.8g}   (median of {options.repeats})")
    print(f"{'defectlab with floor':<24}{with_floor:>10.4f} s {with_floor / seconds:>5.1f}x")
    frechet_by_library(x[:8, :4], y[:8, :4])  # first-call costs of the libraries stay out of their timing
    for library in LIBRARIES:
        value, theirs = timed(partial(library_distance, library, x, y), 1)
        gap = abs(value - ours) / ours
        print(f"{library:<24}{theirs:>10.4f} s {theirs / seconds:>5.0f}x   {value:.8g}   relative difference {gap:.0e}")


if __name__ == "__main__":
    main()
