"""Images once through the frozen backbone, then as many heads as one likes on any part of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from defectlab.data.base import SurfaceDataset
from defectlab.detection.backbones import cut
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.heads import make_head
from defectlab.detection.inputs import Frozen, Inputs, gather
from defectlab.detection.mixtures import MixedTraining, Stages
from defectlab.detection.training import predict
from defectlab.detection.weights import load_backbone
from defectlab.devices import pick_device


class FrozenHeads:
    """The classifier with a frozen backbone, parted into what is done once and what each training does.

    Args:
        config: settings with ``finetune="none"``; its seed gives way to that of each training.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        cache: folder for features; ``None`` keeps none on disk.

    Raises:
        ValueError: if something of the backbone is to be trained.
    """

    def __init__(self, config: ClassifierConfig, device: str = "auto", cache: Path | None = None) -> None:
        if config.finetune != "none":
            raise ValueError(f"finetune: features are computed once only where it is 'none', got {config.finetune!r}")
        self.config, self.device = config, pick_device(device)
        model, spec, self.weights = load_backbone(config)
        backbone = cut(model, spec, config.stride or (16 if config.head == "patch" else None), "none")
        self._channels = backbone.channels
        self._frozen = Frozen(backbone.front, spec, self.device, cache)

    def features(self, dataset: SurfaceDataset) -> Inputs:
        """Features of every image, in order; all that `train` and `logits` need."""
        return gather(dataset, self.config.size, self._frozen, self.config.flips)

    def train(self, inputs: Inputs, kinds: Tensor, stages: Stages, seed: int) -> nn.Sequential:
        """A head from its starting weights.

        Args:
            inputs: features of all images that training may draw.
            kinds: of each, see `defectlab.detection.mixtures`.
            stages: what is drawn; as many as there are, that is the number of epochs.
            seed: of the head's weights and of the draws.
        """
        config = self.config.but(seed=seed, epochs=len(stages.shares))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            trained = nn.Sequential(nn.Identity(), make_head(config, self._channels))
        MixedTraining(trained, inputs, kinds, stages, config, self.device).run()
        return trained

    def logits(self, trained: nn.Sequential, inputs: Inputs) -> np.ndarray:
        """Image logits, float64 ``(n,)``."""
        return predict(trained, inputs, self.config.batch_size, self.device).double().numpy()


def pick(inputs: Inputs, places: Sequence[int] | np.ndarray) -> Inputs:
    """Some of the images, in the order of their places."""
    chosen = torch.as_tensor(np.asarray(places, dtype=np.int64))
    return Inputs(inputs.data[chosen], inputs.labels[chosen], inputs.flips, f"{inputs.digest}/{chosen.tolist()}")


def join(parts: Sequence[Inputs]) -> Inputs:
    """Features of several sets, one behind the other; they have the mirror images of the first."""
    data, labels = (torch.cat([getattr(part, name) for part in parts]) for name in ("data", "labels"))
    return Inputs(data, labels, parts[0].flips, "+".join(part.digest for part in parts))
