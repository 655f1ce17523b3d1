"""The two backbones that the paper does not compare with: one that was never trained, one trained with labels."""

from __future__ import annotations

import logging

import torch
import torch.nn.functional as F
from torch import nn

from defectlab.data.base import SurfaceDataset
from defectlab.detection.inputs import images
from defectlab.detection.moco.augmentations import PRESETS
from defectlab.detection.moco.batches import check_batches, epoch_batches, step_generator
from defectlab.detection.moco.model import Embedder, make_backbone
from defectlab.detection.moco.settings import MoCoSettings
from defectlab.detection.moco.training import classes_of
from defectlab.detection.training import seeded
from defectlab.devices import pick_device
from defectlab.progress import Pace

log = logging.getLogger(__name__)


def untrained_backbone(settings: MoCoSettings) -> Embedder:
    """The weights that a training of these settings starts from; what its features give is architecture alone."""
    return _embedder(settings).eval()


def supervised_backbone(dataset: SurfaceDataset, settings: MoCoSettings, device: str = "auto") -> Embedder:
    """The same backbone trained with labels: as many epochs, the same views, batches and optimiser, cross-entropy.

    Args:
        dataset: images with classes, at least two.
        settings: queue, loss, momentum and composition are not read.
        device: where to compute.

    Raises:
        ValueError: if there is one class only, or too few images for a batch.
        FloatingPointError: if the loss of a step is no longer finite.
    """
    chosen, (labels, names) = pick_device(device), classes_of(dataset)
    if len(names) < 2:
        raise ValueError(f"a supervised backbone needs two classes at least, {dataset.name!r} has {names}")
    check_batches(labels, names, settings.batch_size, "shuffled")
    data = torch.stack(list(images(dataset, (settings.size, settings.size))))
    embedder = _embedder(settings).to(chosen)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        classifier = nn.Linear(int(embedder.backbone.num_features), len(names)).to(chosen)
    optimiser = torch.optim.SGD(
        [*embedder.backbone.parameters(), *classifier.parameters()],
        lr=settings.lr,
        momentum=settings.sgd_momentum,
        weight_decay=settings.weight_decay,
    )
    views = PRESETS[settings.augmentation]
    pace = Pace(log, f"with labels, {settings.backbone}", settings.epochs, unit="epoch")
    for epoch in range(settings.epochs):
        embedder.train()
        total, steps = torch.zeros((), device=chosen), 0
        for group in optimiser.param_groups:
            group["lr"] = settings.rate(epoch)
        with seeded(settings.seed + epoch, chosen):
            for step, batch in enumerate(epoch_batches(labels, settings.batch_size, "shuffled", settings.seed, epoch)):
                view = views(data[batch].to(chosen), settings.size, step_generator(settings.seed, epoch, step))
                loss = F.cross_entropy(classifier(embedder.features(view)), labels[batch].to(chosen))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                total, steps = total + loss.detach(), steps + 1  # one step that is no number makes the sum none
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the supervised loss became {total.item()} in epoch {epoch + 1}: lower lr ({settings.lr})"
            )
        pace.at(epoch + 1, f"loss {total.item() / steps:.3f}")
    return embedder.eval()


def _embedder(settings: MoCoSettings) -> Embedder:
    backbone = make_backbone(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Embedder(backbone, settings.head, settings.dim)
