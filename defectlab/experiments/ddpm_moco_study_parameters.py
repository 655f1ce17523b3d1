"""The parameters of the study of DDPM-MoCo's loss: what is crossed with what, and the values of each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.contrast import BASELINES, LOSSES
from defectlab.experiments.ddpm_moco_data import DATASETS
from defectlab.params import PROFILES, Parameters, parameter

BATCHES = ("shuffled", "single_class")
BATCH_NORMS = ("plain", "shuffled", "group")


@dataclass(frozen=True)
class StudyParameters(Parameters):
    """Parameters of the study; see `help` of each. All axes are crossed."""

    dataset: str = parameter("aluminium", help="images by class", choices=DATASETS)
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache")
    classes: list[str] = parameter([], help="to tell apart, good for normal images; empty: all there are")
    losses: list[str] = parameter(["original", "improved"], help="of the pretraining", choices=tuple(LOSSES))
    batches: list[str] = parameter(["shuffled", "single_class"], help="of all classes, or of one", choices=BATCHES)
    batch_norms: list[str] = parameter(["plain", "group"], help="plain, shuffled or group", choices=BATCH_NORMS)
    baselines: list[str] = parameter(["untrained", "supervised"], help="beside them", choices=BASELINES)
    seeds: list[int] = parameter([0, 1, 2], help="one training of each cell", low=0, high=99_999)
    profile: str = parameter("laptop", help="smoke (seconds), laptop (an hour), paper (one GPU)", choices=PROFILES)
    backbones: list[str] | None = parameter(None, help="timm names; None: the profile's")
    image_size: int | None = parameter(None, help="side of the images; None: the profile's", low=32, unit="pixels")
    scale: float | None = parameter(None, help="share of the images of aluminium; None: the profile's", low=0.02)
    steps: int | None = parameter(None, help="optimiser steps of a pretraining; None: the profile's", low=1)
    batch_size: int | None = parameter(None, help="of the pretraining; None: the profile's", low=2)
    queue: int | None = parameter(None, help="K, keys of earlier batches; None: the profile's", low=1)
    m: float | None = parameter(None, help="momentum of the key encoder; None: the profile's", low=0, high=1)
    tau: float | None = parameter(None, help="temperature of the loss; None: the profile's", low=0.001)
    lr: float | None = parameter(None, help="learning rate, on a cosine; None: 0.03 (group: 0.01)", low=0.00001)
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps", identity=False)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's", identity=False)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "backbones": ["test_resnet"],
            "image_size": 32,
            "scale": 0.1,
            "steps": 4,
            "batch_size": 8,
            "queue": 16,
            "m": 0.99,
            "tau": 0.1,
        },
        "laptop": {
            "backbones": ["resnet10t"],
            "image_size": 32,
            "scale": 1.0,
            "steps": 1000,
            "batch_size": 32,
            "queue": 256,
            "m": 0.99,
            "tau": 0.1,
        },
        "paper": {
            "backbones": ["resnet50", "vit_base_patch16_224"],
            "image_size": 224,
            "scale": 1.0,
            "steps": 20_000,
            "batch_size": 32,
            "queue": 1024,
            "m": 0.999,
            "tau": 0.07,
        },
    }

    def __post_init__(self) -> None:
        for name in ("losses", "batches", "batch_norms", "baselines", "seeds", "backbones"):
            values = getattr(self, name) or []
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each once, got {values}")
