"""The teacher's training: one command, resumable to the bit on the CPU, a model that can be taken at any checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defectlab.detection.backbones import Normalise
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.encoder.pretraining import Pretraining, write_encoder
from defectlab.detection.pocket_teacher.autoencoder import MaskedAutoencoder, feature_loss, pixel_loss
from defectlab.detection.pocket_teacher.images import make_images, visible
from defectlab.detection.pocket_teacher.settings import ARCHITECTURE, OPTIONS, TeacherSettings
from defectlab.detection.weights import load_backbone


class TeacherTrainer(Pretraining):
    """One training in a folder, which a second call goes on with.

    Args:
        folder: for ``checkpoint.pt``, ``log.csv`` and the encoder as ``model``.
        settings: the settings; a checkpoint of other ones is refused.
        device: where to compute.
    """

    name, interval, clip = "pocket teacher", 25, 1.0

    def __init__(self, folder: Path, settings: TeacherSettings, device: str | torch.device = "cpu") -> None:
        self.settings = settings
        self.target = FeatureTarget().to(torch.device(device)) if settings.features else None
        features = self.target.channels if self.target else 0
        self.network = MaskedAutoencoder(settings, features).to(torch.device(device))
        learning = [p for p in self.network.parameters() if p.requires_grad]
        matrices = [p for p in learning if p.ndim > 1]
        rest = [p for p in learning if p.ndim <= 1]  # biases and scales are not decayed
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        optimiser = torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.95))  # as He et al.
        super().__init__(folder, settings, {"network": self.network}, optimiser, learning)

    def losses(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """What is filled in wrongly; its parts, and how far the encoder's outputs are from all alike."""
        images = make_images(self.settings, step).to(self.device)
        seen = visible(self.settings, step, len(images), self.network.places).to(self.device)
        with self.autocast():
            filled = self.network(images, seen)
        loss = pixel_loss(filled.pixels, images, seen, self.network.patch, self.settings.floor)
        parts = {"pixels": loss}
        if self.target is not None and filled.features is not None:
            target = self.target(images)
            distance = feature_loss(filled.features, target.gather(1, seen[..., None].expand(-1, -1, target.shape[2])))
            parts["features"], loss = distance, loss + self.settings.features * distance
        spread = filled.tokens.detach().float().flatten(0, 1).std(dim=0).mean()
        return loss, parts | {"spread": spread}

    def write_model(self, folder: Path, training: dict[str, Any]) -> None:
        """Writes the encoder, without what fills in."""
        options = OPTIONS | {"img_size": self.settings.side}
        write_encoder(folder, self.network.encoder, training, ARCHITECTURE, options)


class FeatureTarget(nn.Module):
    """The pocket encoder's maps of stride 8 and 16 as one row of features a patch of 8 pixels; frozen.

    Raises:
        FileNotFoundError: if the pocket encoder is not in this copy of the package.
    """

    def __init__(self) -> None:
        super().__init__()
        loaded, spec, _ = load_backbone(ClassifierConfig("auto", "pocket"))
        model: Any = loaded.eval().requires_grad_(False)
        self.normalise, self.model = Normalise(spec.mean, spec.std), model
        self.channels = sum(int(stage["num_chs"]) for stage in model.feature_info[2:4])

    def train(self, mode: bool = True) -> FeatureTarget:
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features ``(n, places, channels)`` of images in [0, 1]."""
        model: Any = self.model
        fine, coarse = model.forward_intermediates(self.normalise(images), indices=[2, 3], intermediates_only=True)
        joined = torch.cat([fine, F.interpolate(coarse, fine.shape[2:], mode="bilinear")], dim=1)
        return joined.flatten(2).transpose(1, 2)
