"""AUPRO and pixel metrics beside anomalib and torchmetrics: same maps, same process, alternating calls.

    python -m pip install "defectlab[comparison]"
    python benchmarks/localisation.py

Every timing starts from the masks and maps in memory and ends with the number. Maps are made up: smooth noise with
defects that are found in part. Their scores are squeezed into [0, 1] for the libraries' sake: torchmetrics puts
anything outside through a sigmoid of its own.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch

from defectlab.evaluation.aupro import aupro
from defectlab.evaluation.aupro_definitions import aupro_by_every_definition
from defectlab.evaluation.localisation import localisation_metrics, pixel_auroc, pixel_average_precision
from defectlab.evaluation.streaming import StreamingLocalisation

Metrics = Mapping[str, Callable[[], float]]
MISSING = """anomalib is not installed, so there is nothing to compare with. It is part of the extra `comparison`:
    python -m pip install "defectlab[comparison]"
"""


def category(n: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks ``(n, side, side)`` of which six in ten hold defects, and float32 maps in [0, 1]."""
    rng = np.random.default_rng(seed)
    masks, maps = np.zeros((n, side, side), np.uint8), np.empty((n, side, side), np.float32)
    for i in range(n):
        for _ in range(rng.integers(1, 5) if i < 0.6 * n else 0):
            centre = tuple(int(v) for v in rng.integers(0, side, 2))
            axes = tuple(int(v) for v in rng.integers(side // 32, side // 12, 2))
            cv2.ellipse(masks[i], centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        noise = cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), 4)
        found = cv2.GaussianBlur(masks[i].astype(np.float64), (0, 0), 6) * rng.uniform(0, 3)
        maps[i] = 1 / (1 + np.exp(-noise / noise.std() - found - rng.normal(0, 0.01, noise.shape)))
    return masks > 0, maps


def streamed(masks: np.ndarray, maps: np.ndarray, batch: int = 8) -> StreamingLocalisation:
    """The maps counted as a test loop would hand them over."""
    stream = StreamingLocalisation()
    for start in range(0, len(masks), batch):
        stream.update(masks[start : start + batch], maps[start : start + batch])
    return stream


def peers(masks: np.ndarray, maps: np.ndarray) -> tuple[Metrics, Metrics, Metrics]:
    """What anomalib and torchmetrics offer for AUPRO, pixel AUROC and pixel average precision."""
    try:
        from anomalib.metrics.aupro import _AUPRO
        from torchmetrics.functional.classification import binary_auroc, binary_average_precision
    except ImportError as error:
        sys.exit(f"{MISSING}({error})")
    preds, target = torch.from_numpy(maps), torch.from_numpy(masks.astype(np.int64))

    def anomalib_aupro() -> float:
        metric = _AUPRO(fpr_limit=0.3)
        metric.update(preds, target)
        return float(metric.compute())

    return (
        {"anomalib": anomalib_aupro},
        {"torchmetrics": lambda: float(binary_auroc(preds.flatten(), target.flatten()))},
        {"torchmetrics": lambda: float(binary_average_precision(preds.flatten(), target.flatten()))},
    )


def compare(title: str, ours: Metrics, theirs: Metrics, rounds: int) -> None:
    """Times all in alternating rounds; prints medians and the median of the paired ratios."""
    calls = {**ours, **theirs}
    values = {name: call() for name, call in calls.items()}  # warms up
    wall: dict[str, list[float]] = {name: [] for name in calls}
    busy: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start, start_busy = time.perf_counter(), time.process_time()
            call()
            wall[name].append(time.perf_counter() - start)
            busy[name].append(time.process_time() - start_busy)
    print(f"{title}, median of {rounds} alternating rounds; CPU seconds do not see other programs")
    for name in calls:
        line = f"  {name:<26}{statistics.median(wall[name]):>9.3f} s {statistics.median(busy[name]):>9.3f} s CPU"
        print(f"{line}   {values[name]:.7f}")
    for name in ours:
        for peer in theirs:
            ratios = [statistics.median(np.divide(t[peer], t[name])) for t in (wall, busy)]
            print(f"    {name} is {ratios[0]:.1f} times as fast as {peer} ({ratios[1]:.1f} in CPU seconds)")


def extra_memory(call: Callable[[], float]) -> float:
    """Peak of what numpy allocates during a call, in MB (10^6 bytes)."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Times AUPRO, AUROC and AP of one made-up category and prints ratios, values, memory and definitions."""
    parser = argparse.ArgumentParser(description="localisation metrics beside anomalib and torchmetrics")
    parser.add_argument("--images", type=int, default=100, help="maps (default 100)")
    parser.add_argument("--side", type=int, default=256, help="pixels a side (default 256)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    masks, maps = category(args.images, args.side, args.seed)
    pro, roc, precision = peers(masks, maps)
    ours: dict[str, Callable[[], float]] = {
        "defectlab exact": lambda: aupro(masks, maps),
        "defectlab streaming": lambda: streamed(masks, maps).compute().aupro.value,
        "defectlab all, exact": lambda: localisation_metrics(masks, maps).aupro,
    }
    report = localisation_metrics(masks, maps)
    print(f"{args.images} maps {args.side} x {args.side}, {report.n_regions} regions, {args.threads} threads")
    print(f"defects are {masks.mean():.2%} of the pixels")
    compare("AUPRO", ours, pro, args.rounds)
    compare("pixel AUROC", {"defectlab": lambda: pixel_auroc(masks, maps)}, roc, args.rounds)
    compare("pixel AP", {"defectlab": lambda: pixel_average_precision(masks, maps)}, precision, args.rounds)
    for name in ("defectlab exact", "defectlab streaming"):
        print(f"  {name:<26}{extra_memory(ours[name]):>9.1f} MB extra at the peak")
    bounds = streamed(masks, maps).compute().aupro
    print(f"  streaming: exact AUPRO is within [{bounds.lower:.7f}, {bounds.upper:.7f}]")
    for name, value in aupro_by_every_definition(masks, maps).items():
        print(f"  {name:<26}{value:>9.6f}")


if __name__ == "__main__":
    main()
