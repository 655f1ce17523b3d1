"""What frozen teachers know of defects that they never saw: distance to the nearest normal patch, no training.

    python benchmarks/teacher.py none pocket
    python benchmarks/teacher.py none runs/teacher/model --size 256 256 --dataset mvtec --category screw --root data

Weights are named as in the settings of the student-teacher, ``none`` (random) and ``pocket`` among them. The default
data are the categories of the preset ``anomaly`` of `surfaces`: materials and looks that no shipped model learnt.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from defectlab.data import load_dataset
from defectlab.data.base import SurfaceDataset
from defectlab.data.surfaces import PRESETS
from defectlab.detection.student_teacher import laptop
from defectlab.detection.student_teacher.maps import top_k_mean
from defectlab.detection.student_teacher.teacher import Teacher, load_teacher
from defectlab.evaluation import auroc, pixel_auroc
from defectlab.evaluation.aupro import aupro

MEMORY = 3000
"""Patches that the memory keeps, drawn with a fixed seed."""


def features(teacher: Teacher, dataset: SurfaceDataset) -> Tensor:
    """All levels of the teacher, each of unit length, shape ``(n, C, h, w)``."""
    batches = dataset.images().split(8)
    return torch.cat([torch.cat([F.normalize(level, dim=1) for level in teacher(b)], dim=1) for b in batches])


def distances(normal: Tensor, test: Tensor, size: tuple[int, int]) -> Tensor:
    """Distance of each patch to the nearest of the memory as maps ``(n, 1, *size)``."""
    rows = normal.permute(0, 2, 3, 1).flatten(0, 2)
    kept = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MEMORY]]
    asked = test.permute(0, 2, 3, 1).flatten(0, 2)
    nearest = torch.cat([torch.cdist(part, kept).min(dim=1).values for part in asked.split(2048)])
    return F.interpolate(nearest.view(len(test), 1, *test.shape[2:]), size, mode="bilinear")


def measure(weights: str, train: SurfaceDataset, test: SurfaceDataset, size: tuple[int, int], name: str) -> str:
    """Image AUROC, pixel AUROC and AUPRO as one line."""
    teacher, _ = load_teacher(laptop(teacher=name, weights=weights, size=size))
    with torch.no_grad():
        maps = distances(features(teacher, train), features(teacher, test), size)
    masks = np.stack([test[i].mask[0].numpy() for i in range(len(test))])  # type: ignore[index]
    scores = maps[:, 0].numpy()
    image = auroc(test.labels, top_k_mean(maps).numpy())
    return f"{image:.3f}  {pixel_auroc(masks, scores):.3f}  {aupro(masks, scores):.3f}"


def main() -> None:
    """Prints one line a category and teacher."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="none, pocket, or a file or folder")
    parser.add_argument("--teacher", default="vit_tiny_patch16_224", help="timm name, the same for all weights")
    parser.add_argument("--dataset", default="surfaces")
    parser.add_argument("--category", nargs="+", default=list(PRESETS["anomaly"].categories))
    parser.add_argument("--root", default=None)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--scale", type=float, default=0.3, help="share of the images of surfaces (default: 0.3)")
    options = parser.parse_args()
    size = (options.size[0], options.size[1])
    print(f"{'weights':24} {'category':14} image  pixel  AUPRO")
    more = {"preset": "anomaly", "scale": options.scale} if options.dataset == "surfaces" else {}
    for category in options.category:
        sets = [
            load_dataset(options.dataset, split, options.root, size, category=category, **more)
            for split in ("train", "test")
        ]
        for weights in options.weights:
            line = measure(weights, sets[0], sets[1], size, options.teacher)
            print(f"{weights[-24:]:24} {category:14} {line}", flush=True)


if __name__ == "__main__":
    main()
