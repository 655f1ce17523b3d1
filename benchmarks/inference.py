"""Images a second at inference, beside anomalib's DRAEM and Reverse Distillation: same images, same process.

    python -m pip install "defectlab[comparison]"
    python benchmarks/inference.py --size 256 --batch 16

Every timing starts from images on the device, in [0, 1], and ends with maps of their size and one score an image, in
float32. Calls alternate, and a ratio is the median of paired ones. Weights are random, for the time does not depend on
them, with two exceptions: the laptop preset takes the shipped teacher, whose patches and blocks are its own, and the
memory of the nearest patch has as many entries as the paper's coreset of `--train` images.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from defectlab.detection.baselines import destseg, nearest, simplenet
from defectlab.detection.baselines.anomalib_adapter import build
from defectlab.detection.baselines.anomalib_settings import AnomalibSettings
from defectlab.detection.baselines.features import STRIDES, PatchFeatures, load_model, map_indices
from defectlab.detection.baselines.simplenet_training import Critic
from defectlab.detection.scoring import resize_map
from defectlab.detection.student_teacher import StudentTeacher, laptop, paper
from defectlab.detection.student_teacher.maps import smooth, top_k_mean
from defectlab.detection.student_teacher.pair_detector import PairDetector
from defectlab.devices import describe, pick_device

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
PEERS = ("reverse_distillation", "draem")


def pair(detector: PairDetector) -> Forward:
    """The network of a detector, trained or not."""
    network, _ = detector.make_network()
    network.to(detector.device).eval()

    def forward(images: Tensor) -> tuple[Tensor, Tensor]:
        maps = network.maps(images, "head")
        return top_k_mean(maps, 100), maps

    return forward


def shipped(size: tuple[int, int], device: str) -> StudentTeacher:
    """The laptop preset as it is: the timm name alone would build another ViT, of larger patches and more blocks."""
    return StudentTeacher(laptop(size=size, weights="pocket"), device=device)


def of_patches(name: str, size: tuple[int, int], device: torch.device, n_train: int) -> Forward:
    """SimpleNet or the nearest patch on the papers' backbone."""
    model, spec, _ = load_model("wide_resnet50_2", "none", size, 0)
    features = PatchFeatures(model, spec, map_indices(model, spec, None, STRIDES), 3).to(device)
    channels = sum(features.channels)
    critic = Critic(channels, simplenet.paper()).to(device).eval()
    n_memory = min(nearest.paper().limit, n_train * (size[0] // 8) * (size[1] // 8) // 10)
    memory = torch.randn(n_memory, channels, device=device) if name == "nearest" else None

    def forward(images: Tensor) -> tuple[Tensor, Tensor]:
        patches = features.patches(images)
        rows = patches.permute(0, 2, 3, 1).flatten(0, 2)
        if memory is None:
            scores = -critic(rows)
            grid = scores.reshape(len(images), 1, *patches.shape[2:])
            of_images = grid.flatten(1).amax(dim=1)
        else:
            distances, positions = nearest.nearest(rows, memory)
            grid = distances.reshape(len(images), 1, *patches.shape[2:])
            of_images = nearest.image_scores(patches.flatten(2).mT, grid.flatten(1), positions, memory, 9)
        return of_images, smooth(resize_map(grid, size), 4.0)

    return forward


def peer(name: str, size: tuple[int, int], device: torch.device) -> Forward:
    """A model of anomalib with random weights."""
    settings = AnomalibSettings(name, weights="none", size=size).filled()
    with tempfile.TemporaryDirectory() as place:
        try:
            module = build(settings, Path(place)).to(device).eval()
        except ImportError as error:
            sys.exit(f"{error}\n(or time this package alone: --alone)")

    def forward(images: Tensor) -> tuple[Tensor, Tensor]:
        found = module(images)
        return found.pred_score, found.anomaly_map

    return forward


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """Wall seconds of one call, the device's work included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    begun = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun


def compare(calls: dict[str, Forward], images: Tensor, rounds: int) -> None:
    """Times all in alternating rounds and prints images a second, peak memory and ratios to the peers."""
    device = images.device
    taken: dict[str, list[float]] = {name: [] for name in calls}
    memory: dict[str, float] = {}
    with torch.inference_mode():
        for name, call in calls.items():  # warms up
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            call(images)
            memory[name] = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else float("nan")
        for _ in range(rounds):
            for name, call in calls.items():
                taken[name].append(seconds(lambda call=call: call(images), device))  # type: ignore[misc]
    for name, times in taken.items():
        middle = statistics.median(times)
        peak = "" if device.type != "cuda" else f"{memory[name]:>9.0f} MiB with all models loaded"
        print(f"  {name:<32}{len(images) / middle:>9.1f} images a second{peak}")
    for ours in (name for name in calls if not name.startswith("anomalib")):
        for theirs in (name for name in calls if name.startswith("anomalib")):
            ratios = [b / a for a, b in zip(taken[ours], taken[theirs], strict=True)]
            print(f"    {ours} is {statistics.median(ratios):.2f} times as fast as {theirs}")


def main() -> None:
    """Times the detectors of this package and anomalib's."""
    parser = argparse.ArgumentParser(description="images a second at inference beside anomalib")
    parser.add_argument("--size", type=int, default=256, help="pixels a side (default 256)")
    parser.add_argument("--batch", type=int, default=16, help="images at once (default 16)")
    parser.add_argument("--rounds", type=int, default=20, help="alternating rounds (default 20)")
    parser.add_argument("--train", type=int, default=200, help="training images behind the memory (default 200)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on a CPU (default 1)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda")
    parser.add_argument("--alone", action="store_true", help="without anomalib")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    device, size = pick_device(args.device), (args.size, args.size)
    for_vit = (round(args.size / 14) * 14,) * 2  # patches of 14 pixels
    calls: dict[str, Forward] = {
        "student-teacher ViT-B/14": pair(StudentTeacher(paper(size=for_vit, weights="none"), device=args.device)),
        "student-teacher, shipped ViT": pair(shipped(size, args.device)),
        "DeSTSeg": pair(destseg.Destseg(destseg.paper(size=size, weights="none"), device=args.device)),
        "SimpleNet": of_patches("simplenet", size, device, args.train),
        "nearest patch": of_patches("nearest", size, device, args.train),
    }
    if not args.alone:
        calls |= {f"anomalib {name}": peer(name, size, device) for name in PEERS}
    images = torch.rand(args.batch, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)
    resized = torch.nn.functional.interpolate(images, for_vit, mode="bilinear", antialias=True)
    first = calls["student-teacher ViT-B/14"]
    calls["student-teacher ViT-B/14"] = lambda _: first(resized)
    print(f"{args.batch} images {args.size} x {args.size} (ViT-B/14: {for_vit[0]}), {describe(device)}")
    compare(calls, images, args.rounds)


if __name__ == "__main__":
    main()
