"""Speed of `pocket`: images a second by size, steps, guidance and batch, with the shipped model or another.

    python benchmarks/pocket.py
    python benchmarks/pocket.py --model my_pocket/model --threads 2
    python benchmarks/pocket.py --device cuda

Crops, network and composition are all in the time; loading the model is not.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from PIL import Image

from defectlab.data.surfaces import load
from defectlab.devices import describe, pick_device, set_threads
from defectlab.synthesis.lines import LineMasks
from defectlab.synthesis.pipelines import load_inpainting

SIZES = ((128, 128), (256, 96), (632, 224))


def inputs(size: tuple[int, int], count: int) -> tuple[list[Image.Image], list[Image.Image]]:
    """Normal images of the data set and drawn masks."""
    dataset = load("train", size=size).subset(defective=False, indices=range(count))
    pixels = [(dataset[i].image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for i in range(count)]
    masks = [LineMasks().draw(np.random.default_rng(i), *size)[0] for i in range(count)]
    return [Image.fromarray(p) for p in pixels], [Image.fromarray(m.astype(np.uint8) * 255) for m in masks]


def rate(pipeline: Any, size: tuple[int, int], batch: int, steps: int, guidance: float, repeats: int) -> float:
    """Images a second, the best of some repeats after one to warm up."""
    images, masks = inputs(size, batch)
    seconds = []
    for _ in range(repeats + 1):
        generators = [torch.Generator().manual_seed(i) for i in range(batch)]
        start = time.perf_counter()
        pipeline(
            "a crack", images, masks, num_inference_steps=steps, guidance_scale=guidance, generator=generators
        )  # results come back to the CPU, so the clock needs no synchronisation
        seconds.append(time.perf_counter() - start)
    return batch / min(seconds[1:])


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket", metavar="pocket|FOLDER")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, help="default: one for each core")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    threads, device = set_threads(options.threads), pick_device(options.device)
    pipeline = load_inpainting(options.model, device)
    print(f"{describe(device)}; {threads} threads; images a second")
    print(f"{'size':<12}{'batch':>6}{'steps':>7}{'guidance':>10}{'images/s':>10}")
    cases = [(size, batch, 8, 4.0) for size in SIZES for batch in (1, 8)]
    cases += [(SIZES[0], 8, steps, guidance) for steps, guidance in ((8, 1.0), (4, 4.0), (20, 4.0))]
    for size, batch, steps, guidance in cases:
        value = rate(pipeline, size, batch, steps, guidance, options.repeats)
        print(f"{size[0]:>4} x {size[1]:<5}{batch:>6}{steps:>7}{guidance:>10g}{value:>10.2f}")


if __name__ == "__main__":
    main()
