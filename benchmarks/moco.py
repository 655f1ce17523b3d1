"""MoCo's training step beside lightly's: same backbone, images, batch, queue and device, in one run; images a second.

    python -m pip install "defectlab[comparison]"
    python benchmarks/moco.py
    python benchmarks/moco.py --backbone resnet50 --size 224 --batch-size 32 --queue 16384 --device cuda

Ours is `MoCoTrainer.train_step`, as a training calls it, with its memory format and precision. lightly's step is the
one of its own example for MoCo v2: two encoders with its projection heads, its memory bank, its loss and its momentum
update. `views` adds the making of views: lightly's transform runs on PIL images one by one, ours on the batch; without
it both get their views as they are.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
import warnings
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from defectlab.data.base import GOOD, MappedDataset, Record, Sample
from defectlab.detection.moco import laptop
from defectlab.detection.moco.augmentations import PRESETS
from defectlab.detection.moco.model import make_backbone
from defectlab.detection.moco.settings import MoCoSettings
from defectlab.detection.moco.training import MoCoTrainer
from defectlab.devices import pick_device

MISSING = """lightly is not installed, so there is nothing to compare with. It is part of the extra `comparison`:
    python -m pip install "defectlab[comparison]"
"""
Step = Callable[[Tensor, Tensor], None]


def make_trainer(settings: MoCoSettings, device: torch.device) -> MoCoTrainer:
    """The trainer that is shipped, on as many grey images as a batch takes; the steps get images of their own."""
    records = [Record(f"grey/{i}", 0) for i in range(settings.batch_size)]
    grey = torch.full((3, settings.size, settings.size), 0.5)
    size = (settings.size, settings.size)
    dataset = MappedDataset(lambda record: Sample(grey, None, 0, GOOD, "", record.id), "grey", "train", records, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the queue is larger than this data set, which is not learnt from
        trainer = MoCoTrainer(dataset, settings, device=str(device))
    trainer.model.train()
    return trainer


def our_step(trainer: MoCoTrainer) -> Step:
    """One step of the trainer on views that are given: its preset of views is replaced while the step runs."""
    generator, preset = torch.Generator().manual_seed(0), trainer.settings.augmentation

    def step(first: Tensor, second: Tensor) -> None:
        given = iter((first, second))
        with patch.dict(PRESETS, {preset: lambda *_: next(given)}):
            trainer.train_step(first, generator)

    return step


def peer_step(settings: MoCoSettings, device: torch.device) -> Step:
    """One training step of lightly on two views, as in its example."""
    try:
        from lightly.loss import NTXentLoss
        from lightly.models.modules import MoCoProjectionHead
        from lightly.models.utils import deactivate_requires_grad, update_momentum
    except ImportError as error:
        sys.exit(f"{MISSING}({error})")
    backbone = make_backbone(settings).to(device)
    head = MoCoProjectionHead(backbone.num_features, backbone.num_features, settings.dim).to(device)
    slow = [copy.deepcopy(part) for part in (backbone, head)]
    for part in slow:
        deactivate_requires_grad(part)
    criterion = NTXentLoss(temperature=settings.temperature, memory_bank_size=(settings.queue, settings.dim)).to(device)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimiser = torch.optim.SGD(parameters, lr=settings.lr, momentum=0.9, weight_decay=1e-4)

    def step(first: Tensor, second: Tensor) -> None:
        update_momentum(backbone, slow[0], m=settings.m)
        update_momentum(head, slow[1], m=settings.m)
        queries = head(backbone(first).flatten(start_dim=1))
        keys = slow[1](slow[0](second).flatten(start_dim=1)).detach()
        loss = criterion(queries, keys)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def with_our_views(trainer: MoCoTrainer) -> Step:
    """One step of the trainer as it is, from bytes on the device."""
    generator = torch.Generator().manual_seed(0)

    def whole(images: Tensor, _: Tensor) -> None:
        trainer.train_step((images * 255).to(torch.uint8).to(trainer.device), generator)

    return whole


def with_peer_views(step: Step, settings: MoCoSettings, device: torch.device) -> Step:
    """The step with lightly's transform in front, from PIL images."""
    from lightly.transforms import MoCoV2Transform

    transform = MoCoV2Transform(input_size=settings.size)

    def whole(images: Tensor, _: Tensor) -> None:
        arrays = (images * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        pairs = [transform(Image.fromarray(array)) for array in arrays]
        step(*(torch.stack(part).to(device) for part in zip(*pairs, strict=True)))

    return whole


def seconds_a_step(step: Step, images: Tensor, steps: int) -> float:
    """Mean seconds, the device's work waited for."""
    other = images.flip(-1)
    begun = time.perf_counter()
    for _ in range(steps):
        step(images, other)
    if images.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - begun) / steps


def main() -> None:
    """Times both in alternating rounds and prints images a second and their ratio."""
    parser = argparse.ArgumentParser(description="MoCo's training step beside lightly's")
    parser.add_argument("--backbone", default="resnet18", help="any timm name (default resnet18)")
    parser.add_argument("--size", type=int, default=64, help="side of a view in pixels (default 64)")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--queue", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=4, help="steps a round (default 4)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds; the median is printed (default 5)")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()

    device = pick_device(args.device)
    torch.manual_seed(0)
    settings = laptop(backbone=args.backbone, size=args.size, batch_size=args.batch_size, queue=args.queue)
    images = torch.rand(args.batch_size, 3, args.size, args.size).to(device)
    trainer, peer = make_trainer(settings, device), peer_step(settings, device)
    pairs = {
        "step": (our_step(trainer), peer),
        "views and step": (with_our_views(trainer), with_peer_views(peer, settings, device)),
    }
    print(f"{args.backbone}, {args.size} px, batch {args.batch_size}, queue {args.queue}, {device}, ", end="")
    print(f"{torch.get_num_threads()} threads, median of {args.rounds} rounds of {args.steps} steps")
    for name, both in pairs.items():
        for step in both:
            seconds_a_step(step, images, 1)  # warms up
        rounds = [[seconds_a_step(step, images, args.steps) for step in both] for _ in range(args.rounds)]
        our_s, peer_s = np.median(rounds, axis=0)
        print(
            f"  {name:<15} defectlab {args.batch_size / our_s:8.1f} img/s   lightly {args.batch_size / peer_s:8.1f} ",
            end="",
        )
        print(f"img/s   ratio {peer_s / our_s:5.2f}")


if __name__ == "__main__":
    main()
