"""`SimpleNet`: frozen features, adapted, and a discriminator that learnt to tell them from themselves with noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.base import Scores, untrained
from defectlab.detection.baselines.patch_detector import PatchDetector
from defectlab.detection.baselines.simplenet_training import Critic, SimpleNetSettings, SimpleNetTraining
from defectlab.detection.inputs import gather
from defectlab.detection.saved import part, prefixed
from defectlab.detection.scoring import resize_map, score_images
from defectlab.detection.student_teacher.maps import smooth


def paper(**changes: Any) -> SimpleNetSettings:
    """One GPU: the settings of the paper."""
    return SimpleNetSettings().but(**changes)


def laptop(**changes: Any) -> SimpleNetSettings:
    """A minute without a GPU: the shipped encoder at 128 pixels, features computed once.

    The paper's sigma fits the features of its backbone; for another one it is counted in their spread. Half of it is
    judged on held-out normal surfaces with synthetic defects, where a quarter to twice the spread do much alike:
    `benchmarks/simplenet_noise.py`.
    """
    small: dict[str, Any] = {"backbone": "auto", "weights": "pocket", "size": (128, 128), "hidden": 256}
    small |= {"noise": 0.5, "noise_unit": "spread", "epochs": 40, "batch_size": 8, "lr": 1e-3, "smoothing": 2.0}
    return paper(**small | {"keep_features": True} | changes)


def smoke(**changes: Any) -> SimpleNetSettings:
    """Seconds, for tests: a random ResNet of ten layers on 32 pixels, two epochs."""
    tiny: dict[str, Any] = {"backbone": "test_resnet", "weights": "none", "size": (32, 32), "hidden": 64}
    return laptop(**tiny | {"noise": 2.0, "epochs": 2, "batch_size": 4, "every": 1, "smoothing": 1.0} | changes)


class SimpleNet(PatchDetector):
    """SimpleNet, written from its paper; no synthetic image is read, anomalies are made in feature space.

    Maps are minus the discriminator's output: any real number. An image's score is the largest of its map.

    Args:
        settings: presets are `paper`, `laptop` and `smoke`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        folder: for the checkpoint and log that a killed training goes on from; ``None``: neither.
        show_progress: draw a bar of epochs.

    Attributes:
        weights: what the backbone is; known after `fit` or `load`.
        history: the log of the training, see `SimpleNetTraining.run`.

    Source: Liu, Zhou, Xu, Wang: SimpleNet: A Simple Network for Image Anomaly Detection and Localization, CVPR 2023.
    """

    name = "simplenet"
    settings_class = SimpleNetSettings
    settings: SimpleNetSettings

    def __init__(
        self,
        settings: SimpleNetSettings | None = None,
        device: str = "auto",
        folder: Path | None = None,
        show_progress: bool = False,
    ) -> None:
        super().__init__(settings, device)
        self.folder, self.show_progress = None if folder is None else Path(folder), show_progress
        self.history = pd.DataFrame()
        self._critic: Critic | None = None

    def fit(self, train: SurfaceDataset, validation: SurfaceDataset | None = None) -> Self:
        """Trains adapter and discriminator.

        Args:
            train: its normal images are read, whatever else is in it.
            validation: not read: no epoch is chosen, and the last counts.

        Raises:
            ValueError: if there is no normal image, or the checkpoint is of another training.
            FloatingPointError: if the loss is no longer finite.
        """
        normals, s = self.normals_of(train), self.settings
        features = self.load_features()
        critic = Critic(sum(features.channels), s).to(self.device)
        inputs = gather(normals, s.size)
        kept = torch.cat([self._patches(image).cpu() for image in inputs.data]) if s.keep_features else None

        def draw(indices: Tensor) -> Tensor:
            patches = self._patches(inputs.data[indices, 0]) if kept is None else kept[indices].to(self.device)
            return patches.flatten(0, 1)

        sigma = s.noise * (self._spread(inputs.data) if s.noise_unit == "spread" else 1.0)
        training = SimpleNetTraining(
            critic, draw, len(inputs.data), sigma, s, inputs.digest, self.folder, self.show_progress
        )
        self.history = training.run()
        self._critic = critic
        return self

    def score(self, dataset: SurfaceDataset) -> Scores:
        """Minus the discriminator's output for every patch, at the size of the images.

        Raises:
            RuntimeError: before `fit`.
            ValueError: if images differ in size.
        """
        features, critic, s = self.features, self._trained(), self.settings

        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            patches = features.patches(images)
            scores = -critic(patches.permute(0, 2, 3, 1).flatten(0, 2))  # SimpleNet Eq. 10
            grid = scores.reshape(len(images), 1, *patches.shape[2:])
            return grid.flatten(1).amax(dim=1), smooth(resize_map(grid, s.size), s.smoothing)

        return score_images(dataset, s.size, s.batch_size, self.device, forward)

    def learnt(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Adapter, discriminator and history."""
        tensors = prefixed("critic.", self._trained().state_dict())
        return tensors, {"history": self.history.to_dict("records")}

    def set_learnt(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Sets all three."""
        critic = Critic(sum(self.features.channels), self.settings)
        critic.load_state_dict(part(tensors, "critic."))
        self._critic, self.history = critic.to(self.device).eval(), pd.DataFrame(facts["history"])

    def _trained(self) -> Critic:
        if self._critic is None:
            raise untrained(self)
        return self._critic

    def _patches(self, images: Tensor) -> Tensor:
        """Patch features of uint8 images ``(n, 3, H, W)``, shape ``(n, places, channels)``."""
        patches: Tensor = self.features.patches(images.to(self.device).float() / 255)
        return patches.flatten(2).transpose(1, 2)

    def _spread(self, images: Tensor, n: int = 32) -> float:
        """Mean over channels of the standard deviation of the patches of the first images, evenly chosen."""
        chosen = torch.linspace(0, len(images) - 1, min(n, len(images))).long()
        patches = torch.cat([self._patches(images[i]).flatten(0, 1) for i in chosen])
        return float(patches.std(dim=0).mean())
