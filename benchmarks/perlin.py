"""Perlin masks beside anomalib's generator: same process, same size, same threads; milliseconds a mask and areas.

    python -m pip install "defectlab[comparison]"
    python benchmarks/perlin.py

Both sides do what a training loop does for one mask: draw the lattice, make the noise, turn it, threshold it.
anomalib's part is taken from `PerlinAnomalyGenerator.generate_perturbation`, without the texture that follows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.stats
import torch

from defectlab.synthesis.perlin import Perlin

MISSING = """anomalib is not installed, so there is nothing to compare with. It is part of the extra `comparison`:
    python -m pip install "defectlab[comparison]"
"""


def peer_maker(side: int) -> Callable[[], np.ndarray]:
    """Makes one mask with anomalib's public parts, on the CPU."""
    try:
        from anomalib.data.utils.generators.perlin import PerlinAnomalyGenerator, generate_perlin_noise
    except ImportError as error:
        sys.exit(f"{MISSING}({error})")
    rotation = PerlinAnomalyGenerator().perlin_rotation_transform
    device = torch.device("cpu")

    def make() -> np.ndarray:
        noise = generate_perlin_noise(side, side, device=device)
        return (rotation(noise.unsqueeze(0)).squeeze(0) > 0.5).numpy()

    return make


def our_maker(side: int, seed: int) -> Callable[[], np.ndarray]:
    """Makes one mask; empty ones are kept, as anomalib's parts keep them, so that the same law is compared."""
    law, rng = Perlin(allow_empty=True), np.random.default_rng(seed)
    return lambda: law.draw(rng, side, side).mask


def seconds_a_mask(make: Callable[[], np.ndarray], n: int) -> float:
    """Mean seconds a mask over ``n`` masks."""
    start = time.perf_counter()
    for _ in range(n):
        make()
    return (time.perf_counter() - start) / n


def main() -> None:
    """Times both in alternating rounds and compares the areas of their masks."""
    parser = argparse.ArgumentParser(description="Perlin masks beside anomalib's generator")
    parser.add_argument("--side", type=int, default=256, help="pixels a side (default 256)")
    parser.add_argument("--masks", type=int, default=200, help="masks a round (default 200)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds; the median is printed (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (default 2)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    ours, peer = our_maker(args.side, args.seed), peer_maker(args.side)
    areas = [[float(make().mean()) for _ in range(2000)] for make in (ours, peer)]  # warms both up
    rounds = [(seconds_a_mask(ours, args.masks), seconds_a_mask(peer, args.masks)) for _ in range(args.rounds)]
    our_ms, peer_ms = np.median(rounds, axis=0) * 1e3

    print(f"Perlin mask {args.side} x {args.side}, {args.threads} threads, median of {args.rounds} rounds")
    print(f"  defectlab  {our_ms:8.3f} ms/img  {1e3 / our_ms:8.0f} img/s")
    print(f"  anomalib   {peer_ms:8.3f} ms/img  {1e3 / peer_ms:8.0f} img/s")
    print(f"  ratio      {peer_ms / our_ms:8.1f} times as fast")
    test = scipy.stats.ks_2samp(*areas)
    means = [np.mean(area) for area in areas]
    print(f"  mean area  {means[0]:.4f} and {means[1]:.4f}; same law? Kolmogorov-Smirnov p = {test.pvalue:.3f}")


if __name__ == "__main__":
    main()
