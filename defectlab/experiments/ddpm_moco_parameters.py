"""The parameters of ``notebooks/ddpm_moco.ipynb``: names, types, ranges, and the values of each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.contrast import BASELINES, method_name
from defectlab.experiments.ddpm_moco_data import DATASETS
from defectlab.params import PROFILES, Parameters, parameter

LOSSES = {
    "both": ("original", "improved"),
    "original": ("original",),
    "improved": ("improved",),
    "literal": ("literal",),
    "all": ("original", "improved", "literal"),
}
"""Losses that are trained, by the value of ``loss``."""
DATA = {"both": ("augmented", "original"), "augmented": ("augmented",), "original": ("original",)}
"""Data that are trained on, by the value of ``data``: generated images, or the real ones they are made from."""
BACKBONES = {
    "vit_tiny": "vit_tiny_patch16_224",
    "vit_small": "vit_small_patch16_224",
    "vit_base": "vit_base_patch16_224",
}
"""Short names beside timm's own."""
BOTH = "both"
TESTS = ("real", "generated")


@dataclass(frozen=True)
class DdpmMocoParameters(Parameters):
    """Parameters of the DDPM-MoCo notebook; see `help` of each."""

    dataset: str = parameter("aluminium", help="images by class", choices=DATASETS)
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache")
    classes: list[str] = parameter([], help="to make and to tell apart, good for normal images; empty: all there are")
    data: str = parameter("both", help="trained on: augmented (generated), original or both", choices=tuple(DATA))
    test_on: str = parameter("real", help="real images, or generated ones as in the paper", choices=TESTS)
    loss: str = parameter("both", help="original, improved, literal, both (first two) or all", choices=tuple(LOSSES))
    batches: str = parameter("shuffled", help="shuffled, or single_class", choices=("shuffled", "single_class"))
    batch_norm: str = parameter("plain", help="plain, shuffled or group", choices=("plain", "shuffled", "group"))
    baselines: bool = parameter(True, help="untrained and supervised backbones beside the losses")
    seeds: list[int] = parameter([0, 1], help="one pretraining and one head each", low=0, high=99_999)
    profile: str = parameter("laptop", help="smoke (seconds), laptop (minutes), paper (one GPU)", choices=PROFILES)
    backbone: str | None = parameter(None, help="timm name, vit_tiny, vit_base or both; None: the profile's first")
    image_size: int | None = parameter(None, help="side that is generated; None: the profile's", low=32, unit="pixels")
    scale: float | None = parameter(None, help="share of the images of aluminium; None: the profile's", low=0.02)
    n_generated: int | None = parameter(None, help="images, a fifth to test on; None: the profile's", low=10)
    generator_seed: int = parameter(0, help="of diffusion and of its images", low=0, high=99_999)
    diffusion_steps: int | None = parameter(None, help="optimiser steps a class; None: the preset's", low=1)
    conditional: bool = parameter(False, help="one diffusion model that is told the class, not one a class")
    sampler: str | None = parameter(None, help="ddpm (the paper), ddim or dpm_solver; None: the preset's",
                                    choices=("ddpm", "ddim", "dpm_solver"))  # fmt: skip
    steps: int | None = parameter(None, help="of the sampler, a divisor of 1000; None: the preset's", low=1, high=1000)
    guidance: float = parameter(1.0, help="weight of the class in a conditional model; 1: none", low=1, high=20)
    compare_generators: bool = parameter(True, help="train GAN, VAE and flow beside diffusion")
    comparator_size: int | None = parameter(None, help="side of GAN, VAE and flow; None: the profile's, or image_size",
                                            low=8, unit="pixels", later=True)  # fmt: skip
    compare_samplers: bool = parameter(True, help="ask the models in other ways and fewer steps")
    compare_conditional: bool = parameter(False, help="train one model for all classes beside one a class")
    n_compared: int | None = parameter(None, help="images that generators are judged on; None: the profile's", low=4)
    epochs: int | None = parameter(None, help="of the pretraining; None: the profile's", low=1, high=10_000)
    batch_size: int | None = parameter(None, help="of the pretraining; None: the profile's", low=2)
    queue: int | None = parameter(None, help="K, keys of earlier batches; None: the profile's", low=1)
    m: float | None = parameter(None, help="momentum of the key encoder; None: the profile's", low=0, high=1)
    tau: float | None = parameter(None, help="temperature of the loss; None: the profile's", low=0.001)
    lr: float | None = parameter(None, help="learning rate, on a cosine; None: 0.03 (group: 0.01)", low=0.00001)
    keep: str | None = parameter(None, help="encoder that is kept, q or k; None: the profile's", choices=("q", "k"))
    preset: str | None = parameter(None, help="augmentation and projection, v1 or v2 of MoCo; None: the profile's",
                                   choices=("v1", "v2"))  # fmt: skip
    head: str = parameter("linear", help="on the frozen backbone: linear, mlp, or paper (mlp for transformers)",
                          choices=("linear", "mlp", "paper"))  # fmt: skip
    inception: str = parameter("", help="Inception weights for FID and IS: a file or download; empty: neither")
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps", identity=False)
    out: str = parameter("", help="folder to export the generated images to; empty: none", identity=False)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's", identity=False)

    paper: ClassVar[str] = "ddpm_moco"
    pairs: ClassVar[Mapping[str, tuple[str, str]]] = {
        "smoke": ("test_resnet", "vit_tiny_patch16_224"),
        "laptop": ("resnet10t", "vit_tiny_patch16_224"),
        "paper": ("resnet50", "vit_base_patch16_224"),
    }
    """What stands for ResNet-50 and for ViT-B/16 at each profile."""
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "image_size": 32,
            "scale": 0.1,
            "n_generated": 40,
            "n_compared": 12,
            "epochs": 2,
            "batch_size": 8,
            "queue": 16,
            "m": 0.99,
            "tau": 0.1,
            "keep": "q",
        },
        "laptop": {
            "image_size": 32,
            "scale": 1.0,
            "n_generated": 400,
            "n_compared": 100,
            "epochs": 12,
            "batch_size": 32,
            "queue": 128,
            "m": 0.99,
            "tau": 0.1,
            "keep": "q",
        },
        "paper": {
            "image_size": 512,
            "comparator_size": 64,
            "scale": 1.0,
            "n_generated": 20_000,
            "n_compared": 2000,
            "epochs": 200,
            "batch_size": 32,
            "queue": 16_384,
            "m": 0.999,
            "tau": 0.07,
            "keep": "k",
        },
    }

    def __post_init__(self) -> None:
        for name in ("classes", "seeds"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each once, got {values}")
        if self.test_on == "generated" and self.data == "original":
            raise ValueError("test_on, data: tested on generated images, there is nothing left to make them for; "
                             "take data both or augmented")  # fmt: skip
        if self.comparator_size and self.image_size and self.comparator_size > self.image_size:
            raise ValueError(f"comparator_size: expected at most image_size {self.image_size}, "
                             f"got {self.comparator_size}")  # fmt: skip
        if self.guidance > 1 and not self.conditional:
            raise ValueError(f"guidance: {self.guidance} needs conditional true; a model of one class is told none")

    @property
    def backbones(self) -> tuple[str, ...]:
        """Names of the backbones that are trained, as timm has them."""
        pair = self.pairs[self.profile]
        if self.backbone == BOTH:
            return pair
        return (BACKBONES.get(self.backbone, self.backbone) if self.backbone else pair[0],)

    @property
    def losses(self) -> tuple[str, ...]:
        """Losses that are trained."""
        return LOSSES[self.loss]

    @property
    def kinds_of_data(self) -> tuple[str, ...]:
        """Kinds of data that are trained on, augmented ones first."""
        return DATA[self.data]

    @property
    def arms(self) -> tuple[tuple[str, str], ...]:
        """What is compared, as (loss or baseline, data)."""
        kinds = [*(BASELINES if self.baselines else ()), *self.losses]
        return tuple((kind, data) for data in DATA[self.data] for kind in kinds)

    @property
    def methods(self) -> tuple[str, ...]:
        """Short names of what is compared."""
        return tuple(method_name(*arm) for arm in self.arms)
