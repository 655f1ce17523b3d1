"""The pocket encoder's training: contrast small crops of procedural surfaces, no label of any kind.

Two views of one crop attract each other, all other crops of the batch, also those of the same surface, are pushed
away (SimCLR). So the features must tell what a small piece of surface looks like, its grain and whatever lies on it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from defectlab.data.surfaces.defects import TRAINED_LOOKS
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS, MATERIALS
from defectlab.data.surfaces.regions import REGIONS
from defectlab.data.surfaces.render import colourise, make_scene, render_defect
from defectlab.files import atomic_path, write_json

ARCHITECTURE = "resnet10t"
OPTIONS: dict[str, Any] = {"channels": [32, 64, 128, 256]}
"""Half the width of timm's resnet10t: 1.3 million parameters."""


@dataclass(frozen=True)
class PretrainingSettings:
    """Settings of one pretraining.

    Attributes:
        steps: optimiser steps.
        surfaces: surfaces a step.
        crops: crops of each surface; a step contrasts ``surfaces * crops`` crops.
        side: side of a crop in pixels.
        temperature: of the contrastive loss.
        lr: highest learning rate of AdamW, cosine down to zero.
        seed: seed of data and weights.
    """

    steps: int = 1500
    surfaces: int = 24
    crops: int = 4
    side: int = 64
    temperature: float = 0.2
    lr: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "surfaces", "crops"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.side < 32 or self.side + 2 * (self.side // 8) >= Surfaces.side:
            raise ValueError(f"side: expected 32 to 127 pixels, got {self.side}")
        if self.temperature <= 0 or self.lr <= 0 or self.seed < 0:
            raise ValueError(
                "expected temperature and lr above 0 and seed at least 0, "
                f"got {self.temperature}, {self.lr} and {self.seed}"
            )


class Surfaces(IterableDataset):
    """Endless surfaces of the materials that are not held out, half of them with a defect that nobody labels."""

    side = 160

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.materials = [name for name in MATERIALS if name not in HELD_OUT_MATERIALS]

    def __iter__(self) -> Iterator[Tensor]:
        """Images, uint8 ``(3, 160, 160)``."""
        cv2.setNumThreads(1)
        info = get_worker_info()
        index, worker = 0, info.id if info else 0
        while True:
            yield torch.from_numpy(self.draw(np.random.default_rng([self.seed, worker, index]))).permute(2, 0, 1)
            index += 1

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One image, uint8 ``(160, 160, 3)``."""
        scene = make_scene(rng, self.side, self.side, str(rng.choice(self.materials)))
        if rng.random() < 0.5:
            return colourise(scene.luminance, scene.surface.tint)
        defect = str(rng.choice(list(TRAINED_LOOKS)))
        region = REGIONS[str(rng.choice(list(REGIONS)))](rng, self.side, self.side)
        look = str(rng.choice(TRAINED_LOOKS[defect]))
        return render_defect(rng, scene, defect, region, look, float(rng.uniform(0.2, 1))).image


def two_views(images: Tensor, crops: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two views of random crops: shifted a little, mirrored, brighter or darker, noisier.

    Args:
        images: uint8 ``(n, 3, H, W)``.
        crops: crops of each image.
        side: side of a crop.
        generator: source of randomness.

    Returns:
        Both views, float32 ``(n * crops, 3, side, side)`` in about [0, 1]; row ``i`` of both is one crop.
    """
    room, shift = images.shape[-1] - side, side // 8
    views: tuple[list[Tensor], list[Tensor]] = ([], [])
    for image in images:
        corners = torch.randint(shift, room - shift, (crops, 2), generator=generator)
        for corner in corners.tolist():
            for view in views:
                dy, dx = torch.randint(-shift, shift + 1, (2,), generator=generator).tolist()
                top, left = corner[0] + dy, corner[1] + dx
                view.append(_jitter(image[:, top : top + side, left : left + side].float() / 255, generator))
    return torch.stack(views[0]), torch.stack(views[1])


def _jitter(crop: Tensor, generator: torch.Generator) -> Tensor:
    draw = torch.rand(8, generator=generator)
    if draw[0] < 0.5:
        crop = crop.flip(-1)
    if draw[1] < 0.5:
        crop = crop.flip(-2)
    if draw[2] < 0.3:
        crop = crop.mean(0, keepdim=True).expand(3, -1, -1)
    tint = 1 + 0.1 * (torch.rand(3, 1, 1, generator=generator) - 0.5)
    mean = crop.mean()
    crop = ((crop - mean) * (0.7 + 0.6 * draw[3]) + mean * (0.75 + 0.5 * draw[4])) * tint
    return crop + 0.02 * draw[5] * torch.randn(crop.shape, generator=generator)


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent: each of the ``2 n`` embeddings must find its other view among ``2 n - 1``.

    Args:
        first: unit vectors, ``(n, d)``.
        second: unit vectors of the other views, ``(n, d)``.
        temperature: above 0.

    Source: Chen et al. 2020 (SimCLR), Eq. 1.
    """
    embeddings = torch.cat([first, second])
    similarity = embeddings @ embeddings.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    n = len(first)
    partner = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(first.device)
    return F.cross_entropy(similarity, partner)


def initial_networks(seed: int) -> tuple[Any, nn.ModuleList]:
    """The encoder, and one projection for each of the two maps that detectors read: stride 16 and stride 32."""
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(seed)
        encoder = timm.create_model(ARCHITECTURE, num_classes=0, **OPTIONS)
        heads = (nn.Sequential(nn.Linear(c, 128), nn.ReLU(), nn.Linear(128, 64)) for c in (128, 256))
        return encoder, nn.ModuleList(heads)


def pretrain(out: Path, settings: PretrainingSettings, device: str = "cpu") -> None:
    """Trains the encoder and writes it as timm's hub folders are: ``config.json`` and ``model.safetensors``.

    Args:
        out: folder for the encoder and the log.
        settings: the settings.
        device: ``"cpu"`` or ``"cuda"``.
    """
    encoder, heads = initial_networks(settings.seed)
    encoder.to(device)
    heads.to(device)
    normalise = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    parameters = [*encoder.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.lr, settings.steps, pct_start=0.05)
    generator = torch.Generator().manual_seed(settings.seed)
    stream = iter(DataLoader(Surfaces(settings.seed), batch_size=settings.surfaces, num_workers=1))
    log = []
    for step in tqdm(range(settings.steps), disable=None, desc="pocket encoder"):
        views = torch.cat(two_views(next(stream), settings.crops, settings.side, generator)).to(device)
        maps = encoder.forward_intermediates((views - 0.5) / 0.25, indices=[3, 4], intermediates_only=True)
        loss = torch.zeros((), device=device)
        for head, features in zip(heads, maps, strict=True):
            first, second = F.normalize(head(features.mean(dim=(2, 3))), dim=1).chunk(2)
            loss = loss + contrastive_loss(first, second, settings.temperature) / len(heads)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        log.append((step + 1, round(loss.item(), 4)))
        if (step + 1) % 250 == 0 or step + 1 == settings.steps:
            _write(out, encoder, normalise, settings, log)


def _write(
    out: Path,
    encoder: nn.Module,
    normalise: dict[str, list[float]],
    settings: PretrainingSettings,
    log: list[tuple[int, float]],
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in encoder.state_dict().items()}
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    with atomic_path(out / "model.safetensors") as partial:
        save_file(tensors, partial)
    config = {"architecture": ARCHITECTURE, "model_args": OPTIONS, "pretrained_cfg": normalise}
    write_json(out / "config.json", config | {"training": asdict(settings)})
    with atomic_path(out / "log.csv") as partial, open(partial, "w", newline="") as file:
        csv.writer(file).writerows([("step", "loss"), *log])


def describe(folder: Path) -> str:
    """The settings that an encoder was trained with, as JSON text."""
    return json.dumps(json.loads((folder / "config.json").read_text())["training"])
