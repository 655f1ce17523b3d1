"""Speed of diffusion in pixels: seconds a training step, and images a second by sampler, streamed to disk.

    python benchmarks/diffusion.py
    python benchmarks/diffusion.py --preset paper --size 128 --device cuda --images 256
    python benchmarks/diffusion.py --images 20000 --samplers dpm_solver:20

The network is untrained: what its images look like does not change how long they take. Images go through the store as
in an experiment, PNG and records included; `store` is the share of the time that this takes, and `resume` what a second
call needs to see that all images are there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from defectlab.data.base import SurfaceDataset
from defectlab.devices import describe, peak_memory, pick_device, set_threads
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.diffusion.classes import PAPER_CLASSES
from defectlab.synthesis.diffusion.ddpm import Ddpm
from defectlab.synthesis.diffusion.model import DiffusionModel, blank_network
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings
from defectlab.synthesis.diffusion.training import Trainer

NOTHING: SurfaceDataset = SyntheticSet([], "none")


def training_step(settings: DiffusionSettings, device: torch.device, steps: int) -> float:
    """Mean seconds of a step, with all that a training does beside checkpoints."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 3, settings.size, settings.size), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        chosen = replace(settings, steps=steps + 1, checkpoint_every=10**9)
        trainer = Trainer(folder, chosen, torch.from_numpy(pixels), ("dent",), device=device)
        trainer._train_step()  # warms up
        begun = time.perf_counter()
        for _ in range(steps):
            trainer._train_step()  # reads the loss, so the clock needs no synchronisation
        return (time.perf_counter() - begun) / steps


def synthesizer(settings: DiffusionSettings, sampling: SamplingSettings, device: torch.device) -> Ddpm:
    """Untrained models of the paper's four classes."""
    ddpm = Ddpm(settings, sampling, ".", PAPER_CLASSES, device=str(device))
    for name in PAPER_CLASSES:
        ddpm.models[name] = DiffusionModel(blank_network(settings, (name,)), settings, (name,)).to(device)
    return ddpm


def streamed(ddpm: Ddpm, images: int, folder: Path) -> tuple[float, float, float]:
    """Seconds to draw and store images, to draw them alone, and to find them all there."""
    times = []
    for out in (folder, None, folder):
        begun = time.perf_counter()
        count = images if out else min(images, len(ddpm.models) * ddpm.sampling.batch_size)
        ddpm.synthesize(NOTHING, count, seed=0, out=out)
        times.append((time.perf_counter() - begun) * images / count if out is None else time.perf_counter() - begun)
    return times[0], times[1], times[2]


def way(text: str) -> tuple[str, int]:
    """``sampler:steps``."""
    sampler, _, steps = text.partition(":")
    return sampler, int(steps)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="laptop", choices=("smoke", "laptop", "paper"))
    parser.add_argument("--size", type=int, help="side in pixels; the preset's by default")
    parser.add_argument("--images", type=int, default=64, help="of all four classes together (default 64)")
    parser.add_argument("--batch-size", type=int, default=16, help="images at a time (default 16)")
    parser.add_argument(
        "--samplers", type=way, nargs="+", metavar="SAMPLER:STEPS",
        default=[("ddpm", 50), ("ddim", 50), ("ddim", 20), ("dpm_solver", 20)],
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=5, help="training steps that are timed (default 5)")
    parser.add_argument("--threads", type=int, help="default: one for each core")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()

    threads, device = set_threads(options.threads), pick_device(options.device)
    settings = getattr(DiffusionSettings, options.preset)()
    settings = settings if options.size is None else replace(settings, size=options.size)
    print(f"{describe(device)}; {threads} threads; {options.preset}, {settings.size} pixels, {options.images} images")
    step = training_step(settings, device, options.steps)
    print(f"training: {step:.3f} s a step of {settings.batch_size}, {settings.batch_size / step:.1f} images/s")
    print(f"{'sampler':<12}{'steps':>6}{'images/s':>10}{'store':>8}{'resume':>10}{'memory':>10}{'20 000 images':>16}")
    for sampler, steps in options.samplers:
        ddpm = synthesizer(settings, SamplingSettings(sampler, steps, batch_size=options.batch_size), device)
        with tempfile.TemporaryDirectory() as folder, peak_memory(device) as peak:
            whole, alone, resume = streamed(ddpm, options.images, Path(folder) / "set")
        rate, share = options.images / whole, max(0.0, 1 - alone / whole)
        print(
            f"{sampler:<12}{steps:>6}{rate:>10.2f}{share:>8.0%}{resume:>8.2f} s{peak.gib:>6.2f} GiB"
            f"{20_000 / rate / 3600:>14.2f} h"
        )


if __name__ == "__main__":
    main()
