"""The judge of `pocket`: a small classifier of rendered defects that tells whether a prompt was obeyed.

It was trained on the renderer that `pocket` learnt from, so it measures whether the words change the outcome, and not
whether the outcome looks real.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import timm
import torch
import torch.nn.functional as F
from numpy.random import Generator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from defectlab.data.surfaces.defects import LOOKS, make_change
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS, MATERIALS
from defectlab.data.surfaces.noise import Field
from defectlab.data.surfaces.render import defect_layer, make_scene
from defectlab.files import atomic_path, read_json, write_json
from defectlab.synthesis.pocket.examples import any_region
from defectlab.synthesis.pocket.haar import haar
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.normalise import CLIP, normalise
from defectlab.synthesis.pocket.pipeline import contrast_of
from defectlab.synthesis.pocket.words import DEFECTS

SEVERITIES = (0.3, 1.0)
"""Range of severities that the judge learns and judges at; below it a defect is hard to tell by anybody."""


@dataclass(frozen=True)
class JudgeSettings:
    """Settings of a judge.

    Attributes:
        crops: rendered crops it is trained on, the classes in turn.
        epochs: times it sees each, turned and mirrored at random.
        batch_size: crops a step.
        lr: highest learning rate of AdamW, one cycle.
        held_out: crops of held-out materials that its own accuracy is measured on.
        seed: of crops and weights.
    """

    crops: int = 42_000
    epochs: int = 8
    batch_size: int = 64
    lr: float = 2e-3
    held_out: int = 1_400
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("crops", "epochs", "batch_size", "held_out"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class Judge:
    """A trained judge.

    Attributes:
        network: Haar bands ``(n, 4, 64, 64)`` of crops in `pocket`'s units to logits ``(n, 7)``.
        settings: what it was trained with.
        confusion: counts on rendered crops of held-out materials, rows true, columns judged, in the order of
            `words.DEFECTS`.
    """

    network: nn.Module
    settings: JudgeSettings
    confusion: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of rendered crops of held-out materials that it tells rightly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    def tell(self, crops: np.ndarray) -> np.ndarray:
        """Positions in `words.DEFECTS`, ``(n,)``, for crops ``(n, 128, 128)`` of `compose`."""
        with torch.inference_mode():
            parts = torch.from_numpy(crops)[:, None].split(64)
            return torch.cat([self.network(haar(part, levels=1)).argmax(1) for part in parts]).numpy()


def compose(clean: Field, change: Field) -> Field:
    """What the judge sees: the normal crop in `pocket`'s units with a change on it; no mask.

    Args:
        clean: luminance of the normal crop, float32 ``(128, 128)`` in [0, 1].
        change: what the defect adds to the luminance.
    """
    seen = normalise(clean)
    return np.clip(seen.crop + change / np.float32(seen.unit), -CLIP, CLIP)


def draw_crop(rng: Generator, defect: str, materials: tuple[str, ...]) -> Field:
    """A rendered crop of a class, any look, in a region that does not tell the class, as `compose` gives it."""
    scene = make_scene(rng, SIDE, SIDE, str(rng.choice(materials)))
    region, severity = any_region(rng), float(rng.uniform(*SEVERITIES))
    if defect == "good":
        return compose(scene.luminance, np.zeros((SIDE, SIDE), np.float32))
    change = make_change(rng, defect, region, str(rng.choice(LOOKS[defect])))
    unit = normalise(scene.luminance).unit
    layer = defect_layer(scene, change, region, 1.0) / np.float32(scene.contrast)
    return compose(scene.luminance, layer * np.float32(contrast_of(defect, severity) * unit))


def draw_crops(seed: int, stream: int, count: int, materials: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Crops float32 ``(count, 128, 128)`` and classes int64 ``(count,)``, the classes in turn."""
    cv2.setNumThreads(1)
    classes = np.arange(count) % len(DEFECTS)
    rows = tqdm(classes, disable=None, desc="crops for the judge", leave=False)
    crops = np.empty((count, SIDE, SIDE), np.float32)  # gigabytes for a full training: never held twice
    for i, c in enumerate(rows):
        crops[i] = draw_crop(np.random.default_rng([seed, stream, i]), DEFECTS[c], materials)
    return crops, classes


def train_judge(settings: JudgeSettings) -> Judge:
    """Trains a judge on crops of all materials and looks; about half an hour of one core.

    Its own accuracy is measured on other crops, of the materials that `pocket` is judged on.
    """
    crops, classes = draw_crops(settings.seed, 0, settings.crops, tuple(MATERIALS))
    network = _fit(_network(settings.seed), torch.from_numpy(crops)[:, None], torch.from_numpy(classes), settings)
    judge = Judge(network, settings, np.zeros((len(DEFECTS), len(DEFECTS)), int))
    held_out, truth = draw_crops(settings.seed, 1, settings.held_out, HELD_OUT_MATERIALS)
    return Judge(network, settings, confusion(truth, judge.tell(held_out)))


def confusion(asked: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Counts ``(7, 7)``: rows what was asked for, columns what it was judged to be."""
    counts = np.zeros((len(DEFECTS), len(DEFECTS)), int)
    np.add.at(counts, (asked, judged), 1)
    return counts


def save_judge(judge: Judge, folder: Path) -> None:
    """Writes ``judge.safetensors`` and ``judge.json``."""
    with atomic_path(folder / "judge.safetensors") as partial:
        save_file({name: value.contiguous() for name, value in judge.network.state_dict().items()}, partial)
    write_json(
        folder / "judge.json",
        {"settings": asdict(judge.settings), "accuracy": judge.accuracy, "confusion": judge.confusion},
    )


def load_judge(folder: Path) -> Judge:
    """The judge that `save_judge` wrote.

    Raises:
        FileNotFoundError: if there is none.
    """
    if not (folder / "judge.json").is_file():
        raise FileNotFoundError(f"{folder} holds no judge.json: expected a folder that `defectlab pocket judge` wrote")
    kept = read_json(folder / "judge.json")
    network = _network(0)
    network.load_state_dict(load_file(folder / "judge.safetensors"))
    return Judge(network.eval(), JudgeSettings(**kept["settings"]), np.array(kept["confusion"]))


def _network(seed: int) -> Any:
    """A resnet10t of timm, half as wide (1.3 million parameters), on the Haar bands: a quarter of the work, no loss."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return timm.create_model("resnet10t", num_classes=len(DEFECTS), in_chans=4, channels=(32, 64, 128, 256))


def _fit(network: Any, crops: Tensor, classes: Tensor, settings: JudgeSettings) -> nn.Module:
    steps = settings.epochs * math.ceil(len(crops) / settings.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.lr, steps, pct_start=0.15)
    generator = torch.Generator().manual_seed(settings.seed)
    epochs = [torch.randperm(len(crops), generator=generator) for _ in range(settings.epochs)]
    order = [rows for epoch in epochs for rows in epoch.split(settings.batch_size)]
    network.train()
    for rows in tqdm(order, disable=None, desc="judge", leave=False):
        turns = int(torch.randint(4, (), generator=generator))
        batch = torch.rot90(crops[rows], turns, (2, 3))
        if torch.rand((), generator=generator) < 0.5:
            batch = batch.flip(3)
        loss = F.cross_entropy(network(haar(batch, levels=1)), classes[rows], label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()
